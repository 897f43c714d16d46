"""Checks orders: place, read, watch and cancel orders, with a look at reservations, payments and shipments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc
from shop.payments.v1 import payments_pb2, payments_pb2_grpc
from shop.shipping.v1 import shipping_pb2, shipping_pb2_grpc
from tests.compatibility.client.calls import INVALID, PRECONDITION, new_id, status_of
from tests.support.errors import refused

BERLIN = pb.ShippingAddress(
    recipient="Ada", lines=["Linden 1"], locality="Berlin", postal_code="10117", region_code="DE"
)
Reason = pb.Order.RejectionReason
EXPIRED = "tok_expired"
SOLD, PAID, BOOKED = "STATE_COMMITTED", "STATE_CAPTURED", "STATE_BOOKED"


@dataclass(frozen=True)
class Callees:
    """The records of an order in inventory, payments and shipping."""

    channels: Mapping[str, grpc.aio.Channel]

    async def states(self, order: pb.Order) -> list[str]:
        """Return the states of the order's reservations, payments and shipments, in this sequence."""
        stock = inventory_pb2_grpc.InventoryServiceStub(self.channels["inventory"])
        money = payments_pb2_grpc.PaymentsServiceStub(self.channels["payments"])
        parcels = shipping_pb2_grpc.ShippingServiceStub(self.channels["shipping"])
        reservations = (await stock.ListReservations(inventory_pb2.ListReservationsRequest(page_size=100))).reservations
        payments = (await money.ListPayments(payments_pb2.ListPaymentsRequest(page_size=100))).payments
        shipments = (await parcels.ListShipments(shipping_pb2.ListShipmentsRequest(page_size=100))).shipments
        entries: list[Any] = [*reservations, *payments, *shipments]
        return [type(entry).State.Name(entry.state) for entry in entries if entry.reference == order.name]


def order_request(*pieces: tuple[str, int], token: str = "tok_visa", **fields: Any) -> pb.PlaceOrderRequest:  # noqa: ANN401, S107
    """Create a request for pieces of products."""
    items = [pb.PlaceOrderItem(product=f"products/{product}", quantity=quantity) for product, quantity in pieces]
    customer = f"customers/{new_id()}"
    return pb.PlaceOrderRequest(
        **{"request_id": new_id(), "customer": customer, "items": items, "payment_token": token, **fields}
    )


async def check(channels: Mapping[str, grpc.aio.Channel]) -> None:
    """Call every method, and check the responses."""
    stub, callees = orders_pb2_grpc.OrdersServiceStub(channels["orders"]), Callees(channels)
    await _check_cancellation(stub, callees, await _check_purchase(stub, callees))
    await _check_rejections(stub, callees)
    await _check_errors(stub)


async def _wait_for_end(stub: "orders_pb2_grpc.OrdersServiceAsyncStub", order: pb.Order) -> pb.Order:
    """Wait until an order has reached its end, and return it. The call may have returned earlier."""
    [*_, last] = [update async for update in stub.WatchOrder(pb.WatchOrderRequest(name=order.name))]
    return last.order


async def _check_purchase(stub: "orders_pb2_grpc.OrdersServiceAsyncStub", callees: Callees) -> pb.Order:
    request = order_request(("p-0031", 2), ("p-0032", 1), shipping_address=BERLIN)
    order = await _wait_for_end(stub, (await stub.PlaceOrder(request)).order)
    assert order.state == pb.Order.STATE_CONFIRMED, order.rejection_message
    assert order.customer == request.customer
    assert [(item.product, item.quantity) for item in order.items] == [("products/p-0031", 2), ("products/p-0032", 1)]
    prices = [item.unit_price.units * 100 + item.unit_price.nanos // 10_000_000 for item in order.items]
    assert (order.shipping_price.units, order.shipping_price.nanos) == (4, 900_000_000)
    assert order.total.units * 100 + order.total.nanos // 10_000_000 == 2 * prices[0] + prices[1] + 490
    assert order.shipment
    assert (await stub.PlaceOrder(request)).order == order
    assert await callees.states(order) == [SOLD, PAID, BOOKED]
    request.items[0].quantity = 1
    error = await refused(stub.PlaceOrder(request))
    assert status_of(error) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")

    collected = await _wait_for_end(
        stub, (await stub.PlaceOrder(order_request(("p-0031", 1), customer=order.customer))).order
    )
    assert (collected.state, collected.shipment) == (pb.Order.STATE_CONFIRMED, "")
    assert not collected.HasField("shipping_price")
    first = await stub.ListOrders(pb.ListOrdersRequest(customer=order.customer, page_size=1))
    second = await stub.ListOrders(pb.ListOrdersRequest(customer=order.customer, page_token=first.next_page_token))
    assert [*first.orders, *second.orders] == [collected, order], "newest first"
    return order


async def _check_cancellation(
    stub: "orders_pb2_grpc.OrdersServiceAsyncStub", callees: Callees, order: pb.Order
) -> None:
    [seen] = [update async for update in stub.WatchOrder(pb.WatchOrderRequest(name=order.name))]
    assert seen.order == order
    request = pb.CancelOrderRequest(request_id=new_id(), name=order.name)
    cancelled = await _wait_for_end(stub, (await stub.CancelOrder(request)).order)
    assert cancelled.state == pb.Order.STATE_CANCELLED
    assert (await stub.CancelOrder(request)).order == cancelled
    assert (await stub.GetOrder(pb.GetOrderRequest(name=order.name))).order == cancelled
    again = pb.WatchOrderRequest(name=order.name, resume_token=seen.resume_token)
    assert [update.order async for update in stub.WatchOrder(again)] == [cancelled]
    assert await callees.states(order) == ["STATE_RETURNED", "STATE_REFUNDED", "STATE_CANCELLED"]


async def _check_rejections(stub: "orders_pb2_grpc.OrdersServiceAsyncStub", callees: Callees) -> None:
    for request, reason, states in (
        (order_request(("p-0033", 1), ("p-0199", 1)), Reason.REJECTION_REASON_INSUFFICIENT_STOCK, []),
        (order_request(("p-0033", 1), token=EXPIRED), Reason.REJECTION_REASON_PAYMENT_DECLINED, ["STATE_RELEASED"]),
    ):
        order = await _wait_for_end(stub, (await stub.PlaceOrder(request)).order)
        assert (order.state, order.rejection_reason) == (pb.Order.STATE_REJECTED, reason)
        assert order.rejection_message
        assert await callees.states(order) == states
    error = await refused(stub.CancelOrder(pb.CancelOrderRequest(request_id=new_id(), name=order.name)))
    assert status_of(error) == (PRECONDITION, "ORDER_WRONG_STATE")
    assert error.metadata == {"state": "REJECTED"}
    error = await refused(stub.ResumeOrder(pb.ResumeOrderRequest(request_id=new_id(), name=order.name)))
    assert status_of(error) == (PRECONDITION, "ORDER_NOT_PARKED")


async def _check_errors(stub: "orders_pb2_grpc.OrdersServiceAsyncStub") -> None:
    error = await refused(stub.PlaceOrder(order_request(("p-0031", 0), customer="ada")))
    assert (status_of(error), error.fields) == (INVALID, ["customer", "items[0].quantity"])
    error = await refused(stub.PlaceOrder(order_request(("nothing", 1))))
    assert (status_of(error), error.fields) == (INVALID, ["items[0].product"])
    error = await refused(stub.GetOrder(pb.GetOrderRequest(name=f"orders/{new_id()}")))
    assert status_of(error) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
