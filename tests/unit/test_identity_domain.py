"""The limit on wrong passwords, and the changes of a user."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.identity.domain import (
    ATTEMPTS_RETENTION,
    LOCK_DURATION,
    MAX_WRONG_PASSWORDS,
    Attempts,
    Edit,
    EtagMismatchError,
    State,
    TooManyAttemptsError,
    User,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
ADA = User("1", "ada@shop.example", "Ada", State.ACTIVE, 1, NOW, NOW)


def count_attempts(number: int, now: datetime = NOW) -> Attempts:
    attempts = Attempts()
    for _ in range(number):
        attempts = attempts.count(now)
    return attempts


def test_five_attempts_are_allowed_and_then_none_until_the_lock_ends() -> None:
    attempts = count_attempts(MAX_WRONG_PASSWORDS)
    before_the_end = NOW + LOCK_DURATION - timedelta(microseconds=1)
    with pytest.raises(TooManyAttemptsError) as caught:
        attempts.count(before_the_end)
    assert caught.value.metadata == {"unlock_time": "2026-01-01T00:01:00+00:00"}
    after_the_lock = attempts.count(NOW + LOCK_DURATION)
    with pytest.raises(TooManyAttemptsError):
        after_the_lock.count(NOW + LOCK_DURATION + LOCK_DURATION - timedelta(microseconds=1))


def test_the_count_starts_again_after_a_while() -> None:
    later = NOW + ATTEMPTS_RETENTION
    assert count_attempts(MAX_WRONG_PASSWORDS).count(later) == Attempts(1, later)


def test_an_edit_with_an_etag_requires_the_current_one() -> None:
    renamed = ADA.edit(Edit("Countess", etag=ADA.etag), LATER)
    assert (renamed.display_name, renamed.update_time) == ("Countess", LATER)
    assert renamed.etag != ADA.etag
    with pytest.raises(EtagMismatchError):
        renamed.edit(Edit("Ada", etag=ADA.etag), LATER)
    assert renamed.edit(Edit("Ada"), LATER).display_name == "Ada"


def test_an_edit_replaces_the_roles_and_keeps_the_role_customer() -> None:
    editor = ADA.edit(Edit(roles=frozenset({"merchandiser", "admin"})), LATER)
    assert editor == replace(ADA, roles=("admin", "customer", "merchandiser"), revision=2, update_time=LATER)
    assert editor.edit(Edit("Countess"), LATER).roles == editor.roles
    assert editor.edit(Edit(roles=frozenset()), LATER).roles == ("customer",)


def test_an_edit_without_a_change_returns_the_same_user() -> None:
    assert ADA.edit(Edit("Ada", frozenset({"customer"})), LATER) is ADA
    assert ADA.edit(Edit(), LATER) is ADA
    disabled = ADA.disable(LATER)
    assert disabled == replace(ADA, state=State.DISABLED, revision=2, update_time=LATER)
    assert disabled.disable(LATER) is disabled
