"""orders: an order is confirmed, found, watched, cancelled; another comes to nothing. What stands behind it fits."""

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
from tests.compatibility.client.calls import INVALID, PRECONDITION, kind, new_id
from tests.services.refusals import refused

BERLIN = pb.ShippingAddress(
    recipient="Ada", lines=["Linden 1"], locality="Berlin", postal_code="10117", region_code="DE"
)
Reason = pb.Order.RejectionReason
SOLD, PAID, BOOKED = "STATE_COMMITTED", "STATE_CAPTURED", "STATE_BOOKED"


@dataclass(frozen=True)
class Books:
    """What inventory, payments and shipping have of an order."""

    channels: Mapping[str, grpc.aio.Channel]

    async def of(self, order: pb.Order) -> list[str]:
        """Answer the states of the order's reservations, payments and shipments, in this sequence."""
        stock = inventory_pb2_grpc.InventoryServiceStub(self.channels["inventory"])
        money = payments_pb2_grpc.PaymentsServiceStub(self.channels["payments"])
        parcels = shipping_pb2_grpc.ShippingServiceStub(self.channels["shipping"])
        reservations = (await stock.ListReservations(inventory_pb2.ListReservationsRequest(page_size=100))).reservations
        payments = (await money.ListPayments(payments_pb2.ListPaymentsRequest(page_size=100))).payments
        shipments = (await parcels.ListShipments(shipping_pb2.ListShipmentsRequest(page_size=100))).shipments
        entries: list[Any] = [*reservations, *payments, *shipments]
        return [type(entry).State.Name(entry.state) for entry in entries if entry.reference == order.name]


def wish(*pieces: tuple[str, int], token: str = "tok_visa", **fields: Any) -> pb.PlaceOrderRequest:  # noqa: ANN401, S107
    """Make a request for so many pieces of these products."""
    items = [pb.PlaceOrderItem(product=f"products/{product}", quantity=quantity) for product, quantity in pieces]
    customer = f"customers/{new_id()}"
    return pb.PlaceOrderRequest(
        **{"request_id": new_id(), "customer": customer, "items": items, "payment_token": token, **fields}
    )


async def go(channels: Mapping[str, grpc.aio.Channel]) -> None:
    """Make the round."""
    stub, books = orders_pb2_grpc.OrdersServiceStub(channels["orders"]), Books(channels)
    await _undo(stub, books, await _buy(stub, books))
    await _come_to_nothing(stub, books)
    await _ask_wrongly(stub)


async def _ended(stub: "orders_pb2_grpc.OrdersServiceAsyncStub", order: pb.Order) -> pb.Order:
    """Wait for the end of an order, whose call may have been answered before."""
    [*_, told] = [told async for told in stub.WatchOrder(pb.WatchOrderRequest(name=order.name))]
    return told.order


async def _buy(stub: "orders_pb2_grpc.OrdersServiceAsyncStub", books: Books) -> pb.Order:
    request = wish(("p-0031", 2), ("p-0032", 1), shipping_address=BERLIN)
    order = await _ended(stub, (await stub.PlaceOrder(request)).order)
    assert order.state == pb.Order.STATE_CONFIRMED, order.rejection_message
    assert order.customer == request.customer
    assert [(item.product, item.quantity) for item in order.items] == [("products/p-0031", 2), ("products/p-0032", 1)]
    prices = [item.unit_price.units * 100 + item.unit_price.nanos // 10_000_000 for item in order.items]
    assert (order.shipping_price.units, order.shipping_price.nanos) == (4, 900_000_000)
    assert order.total.units * 100 + order.total.nanos // 10_000_000 == 2 * prices[0] + prices[1] + 490
    assert order.shipment
    assert (await stub.PlaceOrder(request)).order == order
    assert await books.of(order) == [SOLD, PAID, BOOKED]
    request.items[0].quantity = 1
    error = await refused(stub.PlaceOrder(request))
    assert kind(error) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")

    collected = await _ended(stub, (await stub.PlaceOrder(wish(("p-0031", 1), customer=order.customer))).order)
    assert (collected.state, collected.shipment) == (pb.Order.STATE_CONFIRMED, "")
    assert not collected.HasField("shipping_price")
    first = await stub.ListOrders(pb.ListOrdersRequest(customer=order.customer, page_size=1))
    second = await stub.ListOrders(pb.ListOrdersRequest(customer=order.customer, page_token=first.next_page_token))
    assert [*first.orders, *second.orders] == [collected, order], "the newest first"
    return order


async def _undo(stub: "orders_pb2_grpc.OrdersServiceAsyncStub", books: Books, order: pb.Order) -> None:
    [seen] = [told async for told in stub.WatchOrder(pb.WatchOrderRequest(name=order.name))]
    assert seen.order == order
    request = pb.CancelOrderRequest(request_id=new_id(), name=order.name)
    cancelled = await _ended(stub, (await stub.CancelOrder(request)).order)
    assert cancelled.state == pb.Order.STATE_CANCELLED
    assert (await stub.CancelOrder(request)).order == cancelled
    assert (await stub.GetOrder(pb.GetOrderRequest(name=order.name))).order == cancelled
    again = pb.WatchOrderRequest(name=order.name, resume_token=seen.resume_token)
    assert [told.order async for told in stub.WatchOrder(again)] == [cancelled]
    assert await books.of(order) == ["STATE_RETURNED", "STATE_REFUNDED", "STATE_CANCELLED"]


async def _come_to_nothing(stub: "orders_pb2_grpc.OrdersServiceAsyncStub", books: Books) -> None:
    for request, reason, left in (
        (wish(("p-0033", 1), ("p-0199", 1)), Reason.REJECTION_REASON_INSUFFICIENT_STOCK, []),
        (wish(("p-0033", 1), token="tok_expired"), Reason.REJECTION_REASON_PAYMENT_DECLINED, ["STATE_RELEASED"]),  # noqa: S106
    ):
        order = await _ended(stub, (await stub.PlaceOrder(request)).order)
        assert (order.state, order.rejection_reason) == (pb.Order.STATE_REJECTED, reason)
        assert order.rejection_message
        assert await books.of(order) == left
    error = await refused(stub.CancelOrder(pb.CancelOrderRequest(request_id=new_id(), name=order.name)))
    assert kind(error) == (PRECONDITION, "ORDER_WRONG_STATE")
    assert error.metadata == {"state": "REJECTED"}
    error = await refused(stub.ResumeOrder(pb.ResumeOrderRequest(request_id=new_id(), name=order.name)))
    assert kind(error) == (PRECONDITION, "ORDER_NOT_PARKED")


async def _ask_wrongly(stub: "orders_pb2_grpc.OrdersServiceAsyncStub") -> None:
    error = await refused(stub.PlaceOrder(wish(("p-0031", 0), customer="ada")))
    assert (kind(error), error.fields) == (INVALID, ["customer", "items[0].quantity"])
    error = await refused(stub.PlaceOrder(wish(("nothing", 1))))
    assert (kind(error), error.fields) == (INVALID, ["items[0].product"])
    error = await refused(stub.GetOrder(pb.GetOrderRequest(name=f"orders/{new_id()}")))
    assert kind(error) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
