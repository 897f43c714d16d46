"""A client of orders that also checks stock, payments and shipments."""

import uuid
from collections.abc import AsyncIterator

from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc
from shop.orders.v2 import orders_pb2 as v2
from shop.orders.v2 import orders_pb2_grpc as orders_v2_grpc
from tests.support.clock import eventually
from tests.support.databases import query
from tests.support.processes import Process

PENDING, CONFIRMED, REJECTED = pb.Order.STATE_PENDING, pb.Order.STATE_CONFIRMED, pb.Order.STATE_REJECTED
CANCELLING, CANCELLED = pb.Order.STATE_CANCELLING, pb.Order.STATE_CANCELLED
Watch = AsyncIterator[pb.WatchOrderResponse]
BERLIN = pb.ShippingAddress(
    recipient="Ada Lovelace",
    lines=["Unter den Linden 1", "2. Hof"],
    locality="Berlin",
    postal_code="10117",
    region_code="DE",
)


def new_id() -> str:
    return str(uuid.uuid4())


def cart(
    request_id: str | None = None,
    *,
    customer: str = "customers/ada",
    token: str = "tok_visa",  # noqa: S107  # the simulated card processor's
    to: pb.ShippingAddress | None = None,
    **quantities: int,
) -> pb.PlaceOrderRequest:
    """Return a request for an order: p_0001=2 orders two units of products/p-0001, for pickup unless `to` is set."""
    return pb.PlaceOrderRequest(
        request_id=new_id() if request_id is None else request_id,
        customer=customer,
        items=[
            pb.PlaceOrderItem(product=f"products/{product.replace('_', '-')}", quantity=quantity)
            for product, quantity in quantities.items()
        ],
        payment_token=token,
        shipping_address=to,
    )


def as_v2(request: pb.PlaceOrderRequest) -> v2.PlaceOrderRequest:
    """Convert a request to version 2."""
    # Both are encoded alike, except that version 2 states it when an order is picked up.
    converted = v2.PlaceOrderRequest.FromString(request.SerializeToString())
    if not request.HasField("shipping_address"):
        converted.pickup.SetInParent()
    return converted


def address_with(**changes: object) -> pb.ShippingAddress:
    """Return an address in Berlin with some other fields."""
    fields = {field.name: getattr(BERLIN, field.name) for field in BERLIN.DESCRIPTOR.fields}
    return pb.ShippingAddress(**{**fields, **changes})


class Shop:
    """A client of orders that also reads from inventory and from the databases of payments and shipping."""

    def __init__(self, orders: Process, inventory: Process, payments: Process, shipping: Process) -> None:
        self._payments, self._shipping = payments, shipping
        self._channels = [orders.channel(), inventory.channel()]
        self.stub = orders_pb2_grpc.OrdersServiceStub(self._channels[0])
        self.v2 = orders_v2_grpc.OrdersServiceStub(self._channels[0])
        self._inventory = inventory_pb2_grpc.InventoryServiceStub(self._channels[1])

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            await channel.close()

    async def place(self, request: pb.PlaceOrderRequest, timeout: float | None = None) -> pb.Order:  # noqa: ASYNC109  # the call's
        """Place an order and return it."""
        return (await self.stub.PlaceOrder(request, timeout=timeout)).order

    async def cancel(self, name: str, request_id: str | None = None) -> pb.Order:
        """Cancel an order and return it."""
        request = pb.CancelOrderRequest(request_id=new_id() if request_id is None else request_id, name=name)
        return (await self.stub.CancelOrder(request)).order

    async def order(self, name: str) -> pb.Order:
        """Return the current state of an order."""
        return (await self.stub.GetOrder(pb.GetOrderRequest(name=name))).order

    def watch(self, name: str, token: str = "", timeout: float | None = None) -> Watch:
        """Watch an order, from a resume token on if there is one."""
        return aiter(self.stub.WatchOrder(pb.WatchOrderRequest(name=name, resume_token=token), timeout=timeout))

    async def orders(self, customer: str) -> list[pb.Order]:
        """Return the newest orders of a customer."""
        return list((await self.stub.ListOrders(pb.ListOrdersRequest(customer=customer))).orders)

    async def stock(self, product: str) -> tuple[int, int]:
        """Return how many units of a product are available, and how many are reserved."""
        request = inventory_pb2.GetStockRequest(name=f"stocks/{product}")
        stock = (await self._inventory.GetStock(request)).stock
        return stock.available, stock.reserved

    def payment_states(self, order: str) -> list[str]:
        """Return the states of the payments for an order, from the database of payments."""
        return _states(self._payments, "payments", order)

    def shipment_states(self, order: str) -> list[str]:
        """Return the states of the shipments for an order, from the database of shipping."""
        return _states(self._shipping, "shipments", order)

    async def ended(self, name: str) -> pb.Order:
        """Wait until an order is neither pending nor cancelling, and return it."""
        async for attempt in eventually(retry=Exception):
            with attempt:
                order = await self.order(name)
                assert order.state not in {PENDING, CANCELLING}
        return order


def _states(process: Process, table: str, order: str) -> list[str]:
    statement = f"SELECT state FROM {table} WHERE reference = :reference"  # noqa: S608  # only this file names the table
    return [str(state) for (state,) in query(process.database_url, statement, reference=order)]
