"""For every method that writes, a request that succeeds. Whatever it needs to find there is made first."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc.aio
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.type import money_pb2

from shop.catalog.v1 import catalog_pb2
from shop.identity.v1 import identity_pb2
from shop.inventory.v1 import inventory_pb2
from shop.orders.v1 import orders_pb2
from shop.orders.v2 import orders_pb2 as orders_v2
from shop.payments.v1 import payments_pb2
from shop.shipping.v1 import shipping_pb2
from tests.services.harness import Process
from tests.services.shop import as_v2, cart, new_id
from tests.tidy.contracts import methods, service_of

CATALOG, INVENTORY, PAYMENTS, SHIPPING, ORDERS, IDENTITY = (
    f"/shop.{name}.v1.{name.capitalize()}Service/"
    for name in ("catalog", "inventory", "payments", "shipping", "orders", "identity")
)
ORDERS_V2 = "/shop.orders.v2.OrdersService/"
EUROS = money_pb2.Money(currency_code="EUR", units=20)


class Caller:
    """Calls any method by its path."""

    def __init__(self, process: Callable[[str], Process]) -> None:
        """`process` answers the process of a service."""
        self._process = process
        self._calls: dict[str, Callable[[bytes], Awaitable[bytes]]] = {}
        self._channels = AsyncExitStack()

    async def wire(self, path: str, request: Message) -> bytes:
        """Answer the reply as it is on the wire."""
        if path not in self._calls:
            channel = await self._channels.enter_async_context(self.channel(path))
            self._calls[path] = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        return await self._calls[path](request.SerializeToString())

    async def reply(self, path: str, request: Message) -> Any:  # noqa: ANN401  # each method has a reply of its own
        """Answer the reply."""
        return GetMessageClass(methods()[path].output_type).FromString(await self.wire(path, request))

    def channel(self, path: str) -> grpc.aio.Channel:
        """Open a channel on which the method can be called."""
        return self.process(path).channel()

    def process(self, path: str) -> Process:
        """Answer the process that has the method."""
        return self._process(service_of(path))

    async def close(self) -> None:
        """Close the channels."""
        await self._channels.aclose()


Request = Callable[[Caller], Awaitable[Message]]


async def creating(_: Caller) -> Message:
    product = catalog_pb2.Product(display_name="Kettle", category="kettles", price=EUROS)
    return catalog_pb2.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=product)


async def updating(caller: Caller) -> Message:
    product = (await caller.reply(f"{CATALOG}CreateProduct", await creating(caller))).product
    product.price.units += 1
    return catalog_pb2.UpdateProductRequest(request_id=new_id(), product=product)


async def reserving(_: Caller) -> Message:
    line = inventory_pb2.ReservationLine(product="products/p-0014", quantity=2)
    return inventory_pb2.ReserveStockRequest(request_id=new_id(), lines=[line])


async def reservation(caller: Caller) -> str:
    return str((await caller.reply(f"{INVENTORY}ReserveStock", await reserving(caller))).reservation.name)


async def receiving(_: Caller) -> Message:
    return inventory_pb2.ReceiveStockRequest(request_id=new_id(), name="stocks/p-0014", pieces=3)


async def committing(caller: Caller) -> Message:
    return inventory_pb2.CommitReservationRequest(request_id=new_id(), name=await reservation(caller))


async def releasing(caller: Caller) -> Message:
    return inventory_pb2.ReleaseReservationRequest(request_id=new_id(), name=await reservation(caller))


async def returning(caller: Caller) -> Message:
    sold = (await caller.reply(f"{INVENTORY}CommitReservation", await committing(caller))).reservation.name
    return inventory_pb2.ReturnReservationRequest(request_id=new_id(), name=sold)


async def authorizing(_: Caller) -> Message:
    return payments_pb2.AuthorizePaymentRequest(request_id=new_id(), amount=EUROS, payment_token="tok_visa")  # noqa: S106


async def payment(caller: Caller) -> str:
    return str((await caller.reply(f"{PAYMENTS}AuthorizePayment", await authorizing(caller))).payment.name)


async def capturing(caller: Caller) -> Message:
    return payments_pb2.CapturePaymentRequest(request_id=new_id(), name=await payment(caller))


async def voiding(caller: Caller) -> Message:
    return payments_pb2.VoidPaymentRequest(request_id=new_id(), name=await payment(caller))


async def refunding(caller: Caller) -> Message:
    captured = (await caller.reply(f"{PAYMENTS}CapturePayment", await capturing(caller))).payment.name
    return payments_pb2.RefundPaymentRequest(request_id=new_id(), name=captured)


async def booking(caller: Caller) -> Message:
    asked = shipping_pb2.QuoteShippingRequest(region_code="DE", pieces=1, currency_code="EUR")
    quote = (await caller.reply(f"{SHIPPING}QuoteShipping", asked)).quote
    to = shipping_pb2.Address(recipient="Ada", lines=["Unter den Linden 1"], locality="Berlin", region_code="DE")
    return shipping_pb2.BookShipmentRequest(request_id=new_id(), destination=to, pieces=1, price=quote.price)


async def cancelling_shipment(caller: Caller) -> Message:
    booked = (await caller.reply(f"{SHIPPING}BookShipment", await booking(caller))).shipment.name
    return shipping_pb2.CancelShipmentRequest(request_id=new_id(), name=booked)


async def placing(_: Caller) -> Message:
    return cart(p_0014=1)


async def cancelling_order(caller: Caller) -> Message:
    placed = (await caller.reply(f"{ORDERS}PlaceOrder", await placing(caller))).order.name
    return orders_pb2.CancelOrderRequest(request_id=new_id(), name=placed)


async def placing_by_v2(_: Caller) -> Message:
    return as_v2(cart(p_0014=1))


async def cancelling_order_by_v2(caller: Caller) -> Message:
    placed = (await caller.reply(f"{ORDERS_V2}PlaceOrder", await placing_by_v2(caller))).order.name
    return orders_v2.CancelOrderRequest(request_id=new_id(), name=placed)


async def creating_user(_: Caller) -> Message:
    user = identity_pb2.User(email=f"{new_id()}@shop.example", display_name="Ada")
    return identity_pb2.CreateUserRequest(request_id=new_id(), user=user, password=new_id())


async def user(caller: Caller) -> str:
    return str((await caller.reply(f"{IDENTITY}CreateUser", await creating_user(caller))).user.name)


async def updating_user(caller: Caller) -> Message:
    renamed = identity_pb2.User(name=await user(caller), display_name="Countess")
    return identity_pb2.UpdateUserRequest(request_id=new_id(), user=renamed)


async def disabling_user(caller: Caller) -> Message:
    return identity_pb2.DisableUserRequest(request_id=new_id(), name=await user(caller))


WRITES: dict[str, Request] = {
    f"{CATALOG}CreateProduct": creating,
    f"{CATALOG}UpdateProduct": updating,
    f"{INVENTORY}ReceiveStock": receiving,
    f"{INVENTORY}ReserveStock": reserving,
    f"{INVENTORY}CommitReservation": committing,
    f"{INVENTORY}ReleaseReservation": releasing,
    f"{INVENTORY}ReturnReservation": returning,
    f"{PAYMENTS}AuthorizePayment": authorizing,
    f"{PAYMENTS}CapturePayment": capturing,
    f"{PAYMENTS}VoidPayment": voiding,
    f"{PAYMENTS}RefundPayment": refunding,
    f"{SHIPPING}BookShipment": booking,
    f"{SHIPPING}CancelShipment": cancelling_shipment,
    f"{ORDERS}PlaceOrder": placing,
    f"{ORDERS}CancelOrder": cancelling_order,
    f"{ORDERS_V2}PlaceOrder": placing_by_v2,
    f"{ORDERS_V2}CancelOrder": cancelling_order_by_v2,
    f"{IDENTITY}CreateUser": creating_user,
    f"{IDENTITY}UpdateUser": updating_user,
    f"{IDENTITY}DisableUser": disabling_user,
}
"""Path → what makes a new request for it, which nobody has sent yet."""

ELSEWHERE = {
    f"{ORDERS}ResumeOrder": "test_orders_parking.py: it needs an order that got stuck",
    f"{IDENTITY}ChangePassword": "test_identity.py: fifty at once are more than an e-mail address may be tried",
    f"{IDENTITY}RotateKeys": "test_identity_keys.py: a new key has to become an hour old",
}
"""Writes that are shown elsewhere → where, and why."""
