"""Both versions of the contract can represent every value of the domain."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.orders.domain import Order, State
from services.orders.progress import Call, Parking, ParkingReason, Rejection, RejectionReason
from services.orders.v1 import messages as v1
from services.orders.v2 import messages as v2
from shop.orders.v2 import orders_pb2 as pb
from tests.unit.orders_world import new_order


def order_with(**changes: Any) -> Order:  # noqa: ANN401  # fields of several types
    order = new_order()
    return order.with_progress(replace(order.progress, **changes))


@pytest.mark.parametrize("state", State)
def test_every_state_has_the_same_name_in_both_versions(state: State) -> None:
    order = replace(new_order(), state=state)
    assert pb.Order.State.Name(v2.write_order(order).state) == f"STATE_{state.value}"
    assert int(v1.write_order(order).state) == int(v2.write_order(order).state)


@pytest.mark.parametrize("reason", RejectionReason)
def test_every_rejection_reason_is_written(reason: RejectionReason) -> None:
    order = replace(order_with(rejection=Rejection(reason, "a message")), state=State.REJECTED)
    message = v2.write_order(order)
    assert message.HasField("rejection"), "also with a reason that only newer code knows"
    assert pb.Order.Rejection.Reason.Name(message.rejection.reason) == f"REASON_{reason.value}"
    assert message.rejection.message == "a message"


def test_a_rejection_is_written_only_when_the_order_has_ended() -> None:
    order = order_with(rejection=Rejection(RejectionReason.PAYMENT_DECLINED, "no money"))
    assert not v2.write_order(order).HasField("rejection")


def test_only_the_first_version_shows_parking() -> None:
    order = new_order()
    parking = Parking(datetime.now(UTC), Call.VOID, ParkingReason.REFUSED)
    parked = order.with_progress(replace(order.progress, parking=parking))
    assert v2.write_order(parked) == v2.write_order(order)
    assert v1.write_order(parked) != v1.write_order(order)
