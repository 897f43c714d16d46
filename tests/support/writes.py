"""For each method that writes, a function that returns a request that succeeds, and creates what it needs."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc.aio
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.type import money_pb2

from services.runtime.rpc.principal import HEADER as PRINCIPAL
from shop.catalog.v1 import catalog_pb2
from shop.identity.v1 import identity_pb2
from shop.inventory.v1 import inventory_pb2
from shop.orders.v1 import orders_pb2
from shop.orders.v2 import orders_pb2 as orders_v2
from shop.payments.v1 import payments_pb2
from shop.shipping.v1 import shipping_pb2
from tests.support.contracts import methods, service_of
from tests.support.processes import Process
from tests.support.shop import as_v2, cart, new_id

CATALOG, INVENTORY, PAYMENTS, SHIPPING, ORDERS, IDENTITY = (
    f"/shop.{name}.v1.{name.capitalize()}Service/"
    for name in ("catalog", "inventory", "payments", "shipping", "orders", "identity")
)
ORDERS_V2 = "/shop.orders.v2.OrdersService/"
EUROS = money_pb2.Money(currency_code="EUR", units=20)


class Caller:
    """Calls methods by their path."""

    def __init__(self, process: Callable[[str], Process]) -> None:
        """Create a caller. `process` returns the process of a service."""
        self._process = process
        self._calls: dict[str, Callable[..., Awaitable[bytes]]] = {}
        self._channels = AsyncExitStack()

    async def wire(self, path: str, request: Message, user: str = "") -> bytes:
        """Call a method, as a logged-in user if there is one, and return the reply's bytes."""
        if path not in self._calls:
            channel = await self._channels.enter_async_context(self.channel(path))
            self._calls[path] = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        metadata = [(PRINCIPAL, user)] if user else []
        return await self._calls[path](request.SerializeToString(), metadata=metadata)

    async def reply(self, path: str, request: Message, user: str = "") -> Any:  # noqa: ANN401  # each method has its own type of reply
        """Call a method, as a logged-in user if there is one, and return its reply."""
        return GetMessageClass(methods()[path].output_type).FromString(await self.wire(path, request, user))

    def channel(self, path: str) -> grpc.aio.Channel:
        """Open a channel to the process that serves a method."""
        return self.process(path).channel()

    def process(self, path: str) -> Process:
        """Return the process that serves a method."""
        return self._process(service_of(path))

    async def close(self) -> None:
        """Close the channels."""
        await self._channels.aclose()


BuildRequest = Callable[[Caller], Awaitable[Message]]


async def create_product_request(_: Caller) -> Message:
    product = catalog_pb2.Product(display_name="Kettle", category="kettles", price=EUROS)
    return catalog_pb2.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=product)


async def update_product_request(caller: Caller) -> Message:
    product = (await caller.reply(f"{CATALOG}CreateProduct", await create_product_request(caller))).product
    product.price.units += 1
    return catalog_pb2.UpdateProductRequest(request_id=new_id(), product=product)


async def reserve_stock_request(_: Caller) -> Message:
    line = inventory_pb2.ReservationLine(product="products/p-0014", quantity=2)
    return inventory_pb2.ReserveStockRequest(request_id=new_id(), lines=[line])


async def reservation(caller: Caller) -> str:
    return str((await caller.reply(f"{INVENTORY}ReserveStock", await reserve_stock_request(caller))).reservation.name)


async def receive_stock_request(_: Caller) -> Message:
    return inventory_pb2.ReceiveStockRequest(request_id=new_id(), name="stocks/p-0014", pieces=3)


async def commit_reservation_request(caller: Caller) -> Message:
    return inventory_pb2.CommitReservationRequest(request_id=new_id(), name=await reservation(caller))


async def release_reservation_request(caller: Caller) -> Message:
    return inventory_pb2.ReleaseReservationRequest(request_id=new_id(), name=await reservation(caller))


async def return_reservation_request(caller: Caller) -> Message:
    commit = await commit_reservation_request(caller)
    sold = (await caller.reply(f"{INVENTORY}CommitReservation", commit)).reservation.name
    return inventory_pb2.ReturnReservationRequest(request_id=new_id(), name=sold)


async def authorize_payment_request(_: Caller) -> Message:
    return payments_pb2.AuthorizePaymentRequest(request_id=new_id(), amount=EUROS, payment_token="tok_visa")  # noqa: S106


async def payment(caller: Caller) -> str:
    authorize = await authorize_payment_request(caller)
    return str((await caller.reply(f"{PAYMENTS}AuthorizePayment", authorize)).payment.name)


async def capture_payment_request(caller: Caller) -> Message:
    return payments_pb2.CapturePaymentRequest(request_id=new_id(), name=await payment(caller))


async def void_payment_request(caller: Caller) -> Message:
    return payments_pb2.VoidPaymentRequest(request_id=new_id(), name=await payment(caller))


async def refund_payment_request(caller: Caller) -> Message:
    captured = (await caller.reply(f"{PAYMENTS}CapturePayment", await capture_payment_request(caller))).payment.name
    return payments_pb2.RefundPaymentRequest(request_id=new_id(), name=captured)


async def book_shipment_request(caller: Caller) -> Message:
    quote_request = shipping_pb2.QuoteShippingRequest(region_code="DE", pieces=1, currency_code="EUR")
    quote = (await caller.reply(f"{SHIPPING}QuoteShipping", quote_request)).quote
    address = shipping_pb2.Address(recipient="Ada", lines=["Unter den Linden 1"], locality="Berlin", region_code="DE")
    return shipping_pb2.BookShipmentRequest(request_id=new_id(), destination=address, pieces=1, price=quote.price)


async def cancel_shipment_request(caller: Caller) -> Message:
    booked = (await caller.reply(f"{SHIPPING}BookShipment", await book_shipment_request(caller))).shipment.name
    return shipping_pb2.CancelShipmentRequest(request_id=new_id(), name=booked)


async def place_order_request(_: Caller) -> Message:
    return cart(p_0014=1)


async def cancel_order_request(caller: Caller) -> Message:
    placed = (await caller.reply(f"{ORDERS}PlaceOrder", await place_order_request(caller))).order.name
    return orders_pb2.CancelOrderRequest(request_id=new_id(), name=placed)


async def place_order_v2_request(_: Caller) -> Message:
    return as_v2(cart(p_0014=1))


async def cancel_order_v2_request(caller: Caller) -> Message:
    placed = (await caller.reply(f"{ORDERS_V2}PlaceOrder", await place_order_v2_request(caller))).order.name
    return orders_v2.CancelOrderRequest(request_id=new_id(), name=placed)


async def create_user_request(_: Caller) -> Message:
    user = identity_pb2.User(email=f"{new_id()}@shop.example", display_name="Ada")
    return identity_pb2.CreateUserRequest(request_id=new_id(), user=user, password=new_id())


async def user(caller: Caller) -> str:
    return str((await caller.reply(f"{IDENTITY}CreateUser", await create_user_request(caller))).user.name)


async def update_user_request(caller: Caller) -> Message:
    renamed = identity_pb2.User(name=await user(caller), display_name="Countess")
    return identity_pb2.UpdateUserRequest(request_id=new_id(), user=renamed)


async def disable_user_request(caller: Caller) -> Message:
    return identity_pb2.DisableUserRequest(request_id=new_id(), name=await user(caller))


WRITES: dict[str, BuildRequest] = {
    f"{CATALOG}CreateProduct": create_product_request,
    f"{CATALOG}UpdateProduct": update_product_request,
    f"{INVENTORY}ReceiveStock": receive_stock_request,
    f"{INVENTORY}ReserveStock": reserve_stock_request,
    f"{INVENTORY}CommitReservation": commit_reservation_request,
    f"{INVENTORY}ReleaseReservation": release_reservation_request,
    f"{INVENTORY}ReturnReservation": return_reservation_request,
    f"{PAYMENTS}AuthorizePayment": authorize_payment_request,
    f"{PAYMENTS}CapturePayment": capture_payment_request,
    f"{PAYMENTS}VoidPayment": void_payment_request,
    f"{PAYMENTS}RefundPayment": refund_payment_request,
    f"{SHIPPING}BookShipment": book_shipment_request,
    f"{SHIPPING}CancelShipment": cancel_shipment_request,
    f"{ORDERS}PlaceOrder": place_order_request,
    f"{ORDERS}CancelOrder": cancel_order_request,
    f"{ORDERS_V2}PlaceOrder": place_order_v2_request,
    f"{ORDERS_V2}CancelOrder": cancel_order_v2_request,
    f"{IDENTITY}CreateUser": create_user_request,
    f"{IDENTITY}UpdateUser": update_user_request,
    f"{IDENTITY}DisableUser": disable_user_request,
}
"""Path → a function that returns a new request for the method."""

TESTED_ELSEWHERE = {
    f"{ORDERS}ResumeOrder": "test_orders_parking.py: it needs a parked order",
    f"{IDENTITY}ChangePassword": "test_identity.py: fifty at once exceed the login attempts of an e-mail address",
    f"{IDENTITY}RotateKeys": "test_identity_keys.py: a new key has to be an hour old",
}
"""Path of a write that is tested elsewhere → the test file, and why."""
