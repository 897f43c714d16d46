"""A key is published before it signs, and after it has signed until its last token expires."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from services.identity.rotation import (
    PUBLISHED_AFTER,
    PUBLISHED_BEFORE,
    SIGNING_PERIOD,
    TOKEN_LIFETIME,
    KeyState,
    NextKeyTooNewError,
    SigningKey,
    active_key,
    count_missing_keys,
    published_keys,
    rotate,
    rotate_if_due,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ids = count()


def create_key(now: datetime = NOW) -> SigningKey:
    return SigningKey(str(next(ids)), KeyState.NEXT, "n", b"sealed", now, now)


def apply_due_changes(keys: list[SigningKey], now: datetime) -> list[SigningKey]:
    """Apply every change that is due, with as many new keys as it needs."""
    return rotate_if_due(keys, now, [create_key(now) for _ in range(count_missing_keys(keys, now))])


def states(keys: list[SigningKey]) -> dict[KeyState, str]:
    assert len({key.state for key in keys}) == len(keys), "at most one key in each state"
    return {key.state: key.id for key in keys}


def test_at_first_one_key_signs_and_another_is_published() -> None:
    assert states(apply_due_changes([], NOW)).keys() == {KeyState.ACTIVE, KeyState.NEXT}


def test_nothing_is_due_before_the_end_of_the_signing_period() -> None:
    keys = apply_due_changes([], NOW)
    before_the_end = NOW + SIGNING_PERIOD - timedelta(seconds=1)
    assert (apply_due_changes(keys, before_the_end), count_missing_keys(keys, before_the_end)) == (keys, 0)


def test_after_the_signing_period_the_next_key_signs_and_the_old_one_stays_until_its_tokens_expire() -> None:
    first = states(keys := apply_due_changes([], NOW))
    end = NOW + SIGNING_PERIOD
    second = states(keys := apply_due_changes(keys, end))
    assert second[KeyState.ACTIVE] == first[KeyState.NEXT]
    assert second[KeyState.RETIRED] == first[KeyState.ACTIVE]
    assert second[KeyState.NEXT] not in first.values()
    assert states(published_keys(keys, end + TOKEN_LIFETIME)) == second
    assert KeyState.RETIRED not in states(published_keys(keys, end + PUBLISHED_AFTER))
    assert KeyState.RETIRED not in states(apply_due_changes(keys, end + PUBLISHED_AFTER))


def test_a_second_process_finds_nothing_due_after_a_rotation_by_the_first() -> None:
    keys = apply_due_changes([], NOW)
    spare = [create_key(NOW + SIGNING_PERIOD)]
    rotated = rotate_if_due(keys, NOW + SIGNING_PERIOD, [create_key(NOW + SIGNING_PERIOD)])
    assert rotate_if_due(rotated, NOW + SIGNING_PERIOD, spare) == rotated


def test_a_new_key_does_not_sign_yet_even_if_the_active_key_is_too_old() -> None:
    alone = [key for key in apply_due_changes([], NOW) if key.state is KeyState.ACTIVE]
    end = NOW + SIGNING_PERIOD
    keys = apply_due_changes(alone, end)
    assert states(keys)[KeyState.ACTIVE] == alone[0].id
    assert states(apply_due_changes(keys, end + PUBLISHED_BEFORE))[KeyState.RETIRED] == alone[0].id


def test_an_operator_can_rotate_once_the_next_key_was_published_for_long_enough() -> None:
    keys = apply_due_changes([], NOW)
    with pytest.raises(NextKeyTooNewError) as caught:
        rotate(keys, NOW + PUBLISHED_BEFORE - timedelta(seconds=1), create_key())
    assert caught.value.metadata == {"ready_time": "2026-01-01T01:00:00+00:00"}
    after = rotate(keys, NOW + PUBLISHED_BEFORE, create_key(NOW + PUBLISHED_BEFORE))
    assert states(after)[KeyState.ACTIVE] == states(keys)[KeyState.NEXT]
    signing = active_key(after)
    assert signing is not None
    assert signing.update_time == NOW + PUBLISHED_BEFORE
