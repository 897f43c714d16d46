"""Both versions of the contract represent every value of the domain, and know each other's requests."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.orders import requests
from services.orders.domain import Order, State
from services.orders.progress import Call, Parking, ParkingReason, Rejection, RejectionReason
from services.orders.v1 import messages as v1
from services.orders.v2 import messages as v2
from services.runtime.rpc import request_key
from services.runtime.rpc.metadata import set_metadata
from shop.orders.v1 import orders_pb2 as v1_pb
from shop.orders.v2 import orders_pb2 as pb
from tests.unit.orders_callees import TOKEN
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


@pytest.mark.parametrize("address", [None, v1_pb.ShippingAddress(recipient="Ada", lines=["1"], region_code="DE")])
@pytest.mark.parametrize("customer", ["customers/ada", "customers/me"])
def test_the_digest_of_a_request_is_that_of_its_v1_message_with_the_customers_id(
    customer: str, address: v1_pb.ShippingAddress | None
) -> None:
    # With another digest, the stored requests of earlier releases would be unknown, and their orders placed twice.
    set_metadata([("x-principal", "users/ada")])
    items = [v1_pb.PlaceOrderItem(product="products/p-1", quantity=2)]
    request = v1_pb.PlaceOrderRequest(
        request_id="one", customer=customer, items=items, payment_token=TOKEN, shipping_address=address
    )
    v2_request = pb.PlaceOrderRequest.FromString(request.SerializeToString())
    if address is None:
        v2_request.pickup.SetInParent()
    v1_key = request_key(requests.resolve_customer(request))
    request.customer = "customers/ada"
    content = b"shop.orders.v1.PlaceOrderRequest\0" + request.SerializeToString(deterministic=True)
    assert v1_key.digest == hashlib.sha256(content).digest()
    assert request_key(requests.resolve_customer(v2.convert_place(v2_request))) == v1_key


def test_a_cancellation_has_the_same_key_in_both_versions() -> None:
    v2_request = pb.CancelOrderRequest(request_id="one", name="orders/1")
    v1_request = v1_pb.CancelOrderRequest(request_id="one", name="orders/1")
    assert request_key(v2.convert_cancel(v2_request)) == request_key(v1_request)
