"""A payment's state only moves forward, and each step happens once."""

from datetime import UTC, datetime
from itertools import product

import pytest

from services.payments.domain import Payment, PaymentDeclinedError, PaymentStateError, State
from services.payments.processor import LIMIT_CENTS, authorize

NOW, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
ALLOWED = {(State.AUTHORIZED, State.CAPTURED), (State.AUTHORIZED, State.VOIDED), (State.CAPTURED, State.REFUNDED)}


def payment(state: State) -> Payment:
    return Payment("p", state, 1234, "EUR", "orders/1", NOW, NOW)


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_only_three_state_changes_are_allowed(before: State, after: State) -> None:
    if before is after:
        assert payment(before).move_to(after, LATER).update_time == NOW
    elif (before, after) in ALLOWED:
        moved = payment(before).move_to(after, LATER)
        assert (moved.state, moved.cents, moved.update_time) == (after, 1234, LATER)
    else:
        with pytest.raises(PaymentStateError) as caught:
            payment(before).move_to(after, LATER)
        assert caught.value.metadata == {"state": before.value}


def test_the_limited_card_is_approved_up_to_exactly_its_limit() -> None:
    authorize("tok_limited", LIMIT_CENTS)
    with pytest.raises(PaymentDeclinedError):
        authorize("tok_limited", LIMIT_CENTS + 1)
