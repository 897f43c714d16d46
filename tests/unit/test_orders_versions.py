"""What the domain knows both versions of the contract can tell."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.orders import messages as first
from services.orders.domain import Call, Hindrance, Parking, Reason, Rejection, State
from services.orders.v2 import messages as second
from shop.orders.v2 import orders_pb2 as pb
from tests.unit.orders_world import new_order


@pytest.mark.parametrize("state", State)
def test_every_state_has_the_same_name_in_both(state: State) -> None:
    order = replace(new_order(), state=state)
    assert pb.Order.State.Name(second.write_order(order).state) == f"STATE_{state.value}"
    assert int(first.write_order(order).state) == int(second.write_order(order).state)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_of_a_rejection_is_told(reason: Reason) -> None:
    order = replace(new_order(), state=State.REJECTED, rejection=Rejection(reason, "so it is"))
    told = second.write_order(order)
    assert told.HasField("rejection"), "a reason that only newer code knows is one too"
    assert pb.Order.Rejection.Reason.Name(told.rejection.reason) == f"REASON_{reason.value}"
    assert told.rejection.message == "so it is"


def test_why_an_order_is_being_given_up_is_told_at_its_end() -> None:
    order = replace(new_order(), rejection=Rejection(Reason.PAYMENT_DECLINED, "no money"))
    assert not second.write_order(order).HasField("rejection")


def test_a_mark_for_operators_is_not_told_to_the_public() -> None:
    order = new_order()
    parked = replace(order, parking=Parking(datetime.now(UTC), Call.VOID, Hindrance.REFUSED))
    assert second.write_order(parked) == second.write_order(order)
    assert first.write_order(parked) != first.write_order(order)
