"""A key is shown before it signs, and after it signed as long as its tokens live."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from services.identity.rotation import (
    SHOWN_AFTER,
    SHOWN_BEFORE,
    SIGNS,
    TOKEN_LIFE,
    KeyState,
    NextKeyTooNewError,
    SigningKey,
    active,
    rotated,
    settled,
    shown,
    wanted,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ids = count()


def new(now: datetime = NOW) -> SigningKey:
    return SigningKey(str(next(ids)), KeyState.NEXT, "n", b"sealed", now, now)


def turned(keys: list[SigningKey], now: datetime) -> list[SigningKey]:
    """Do what is due, with as many new keys as that takes."""
    return settled(keys, now, [new(now) for _ in range(wanted(keys, now))])


def states(keys: list[SigningKey]) -> dict[KeyState, str]:
    assert len({key.state for key in keys}) == len(keys), "one of each state at most"
    return {key.state: key.id for key in keys}


def test_at_first_one_key_signs_and_another_is_shown() -> None:
    assert states(turned([], NOW)).keys() == {KeyState.ACTIVE, KeyState.NEXT}


def test_nothing_is_due_until_the_key_has_signed_for_long_enough() -> None:
    keys = turned([], NOW)
    almost = NOW + SIGNS - timedelta(seconds=1)
    assert (turned(keys, almost), wanted(keys, almost)) == (keys, 0)


def test_when_its_time_is_over_the_next_key_signs_and_the_former_stays_as_long_as_its_tokens() -> None:
    first = states(keys := turned([], NOW))
    over = NOW + SIGNS
    second = states(keys := turned(keys, over))
    assert second[KeyState.ACTIVE] == first[KeyState.NEXT]
    assert second[KeyState.RETIRED] == first[KeyState.ACTIVE]
    assert second[KeyState.NEXT] not in first.values()
    assert states(shown(keys, over + TOKEN_LIFE)) == second
    assert KeyState.RETIRED not in states(shown(keys, over + SHOWN_AFTER))
    assert KeyState.RETIRED not in states(turned(keys, over + SHOWN_AFTER))


def test_what_one_process_did_leaves_nothing_to_do_for_another_that_saw_it_due() -> None:
    keys = turned([], NOW)
    spare = [new(NOW + SIGNS)]
    once = settled(keys, NOW + SIGNS, [new(NOW + SIGNS)])
    assert settled(once, NOW + SIGNS, spare) == once


def test_a_key_that_was_just_made_does_not_sign_even_if_the_other_is_old() -> None:
    alone = [key for key in turned([], NOW) if key.state is KeyState.ACTIVE]
    over = NOW + SIGNS
    keys = turned(alone, over)
    assert states(keys)[KeyState.ACTIVE] == alone[0].id
    assert states(turned(keys, over + SHOWN_BEFORE))[KeyState.RETIRED] == alone[0].id


def test_an_operator_may_rotate_as_soon_as_the_next_key_is_known() -> None:
    keys = turned([], NOW)
    with pytest.raises(NextKeyTooNewError) as caught:
        rotated(keys, NOW + SHOWN_BEFORE - timedelta(seconds=1), new())
    assert caught.value.metadata == {"ready_time": "2026-01-01T01:00:00+00:00"}
    after = rotated(keys, NOW + SHOWN_BEFORE, new(NOW + SHOWN_BEFORE))
    assert states(after)[KeyState.ACTIVE] == states(keys)[KeyState.NEXT]
    signing = active(after)
    assert signing is not None
    assert signing.update_time == NOW + SHOWN_BEFORE
