"""How often a password may be guessed, and what changes a user."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.identity.domain import (
    FORGOTTEN,
    LOCKED,
    MOST_WRONG,
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


def guessed(times: int, now: datetime = NOW) -> Attempts:
    counted = Attempts()
    for _ in range(times):
        counted = counted.one_more(now)
    return counted


def test_so_many_attempts_are_let_through_and_then_none_until_the_lock_is_over() -> None:
    counted = guessed(MOST_WRONG)
    almost = NOW + LOCKED - timedelta(microseconds=1)
    with pytest.raises(TooManyAttemptsError) as caught:
        counted.one_more(almost)
    assert caught.value.metadata == {"unlock_time": "2026-01-01T00:01:00+00:00"}
    again = counted.one_more(NOW + LOCKED)
    with pytest.raises(TooManyAttemptsError):
        again.one_more(NOW + LOCKED + LOCKED - timedelta(microseconds=1))


def test_the_count_begins_anew_after_a_while() -> None:
    assert guessed(MOST_WRONG).one_more(NOW + FORGOTTEN) == Attempts(1, NOW + FORGOTTEN)


def test_a_user_is_renamed_by_whoever_saw_the_user_as_it_is() -> None:
    renamed = ADA.edited(Edit("Countess", etag=ADA.etag), LATER)
    assert (renamed.display_name, renamed.update_time) == ("Countess", LATER)
    assert renamed.etag != ADA.etag
    with pytest.raises(EtagMismatchError):
        renamed.edited(Edit("Ada", etag=ADA.etag), LATER)
    assert renamed.edited(Edit("Ada"), LATER).display_name == "Ada"


def test_a_user_has_the_roles_that_were_given_last_and_is_a_customer_always() -> None:
    editor = ADA.edited(Edit(roles=frozenset({"merchandiser", "admin"})), LATER)
    assert editor == replace(ADA, roles=("admin", "customer", "merchandiser"), revision=2, update_time=LATER)
    assert editor.edited(Edit("Countess"), LATER).roles == editor.roles
    assert editor.edited(Edit(roles=frozenset()), LATER).roles == ("customer",)


def test_what_changes_nothing_leaves_the_user_as_it_is() -> None:
    assert ADA.edited(Edit("Ada", frozenset({"customer"})), LATER) is ADA
    assert ADA.edited(Edit(), LATER) is ADA
    disabled = ADA.disabled(LATER)
    assert disabled == replace(ADA, state=State.DISABLED, revision=2, update_time=LATER)
    assert disabled.disabled(LATER) is disabled
