"""The services that an order goes through, and what is left in them afterwards."""

import uuid
from collections.abc import AsyncIterator

from tenacity import AsyncRetrying, stop_after_delay, wait_fixed

from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc
from shop.orders.v2 import orders_pb2 as v2
from shop.orders.v2 import orders_pb2_grpc as orders_v2_grpc
from tests.services.databases import query
from tests.services.harness import Process

PENDING, CONFIRMED, REJECTED = pb.Order.STATE_PENDING, pb.Order.STATE_CONFIRMED, pb.Order.STATE_REJECTED
CANCELLING, CANCELLED = pb.Order.STATE_CANCELLING, pb.Order.STATE_CANCELLED
PATIENCE_SECONDS = 20
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


def patiently() -> AsyncRetrying:
    """Try again what does not hold yet, for PATIENCE_SECONDS."""
    return AsyncRetrying(stop=stop_after_delay(PATIENCE_SECONDS), wait=wait_fixed(0.02), reraise=True)


def cart(
    request_id: str | None = None,
    *,
    customer: str = "customers/ada",
    token: str = "tok_visa",  # noqa: S107  # the simulated card processor's
    to: pb.ShippingAddress | None = None,
    **pieces: int,
) -> pb.PlaceOrderRequest:
    """Make a request; p_0001=2 asks for two pieces of products/p-0001, collected at the shop unless they go `to`."""
    return pb.PlaceOrderRequest(
        request_id=new_id() if request_id is None else request_id,
        customer=customer,
        items=[
            pb.PlaceOrderItem(product=f"products/{product.replace('_', '-')}", quantity=quantity)
            for product, quantity in pieces.items()
        ],
        payment_token=token,
        shipping_address=to,
    )


def as_v2(asked: pb.PlaceOrderRequest) -> v2.PlaceOrderRequest:
    """Make the second version's request for the same order."""
    # On the wire the two are the same, but for what the second has to say where nothing is shipped.
    request = v2.PlaceOrderRequest.FromString(asked.SerializeToString())
    if not asked.HasField("shipping_address"):
        request.pickup.SetInParent()
    return request


def elsewhere(**changed: object) -> pb.ShippingAddress:
    """Make an address in Berlin, but for some fields."""
    fields = {field.name: getattr(BERLIN, field.name) for field in BERLIN.DESCRIPTOR.fields}
    return pb.ShippingAddress(**{**fields, **changed})


class Shop:
    """A client of orders, who also looks into what stands behind it."""

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
        """Place an order and answer it."""
        return (await self.stub.PlaceOrder(request, timeout=timeout)).order

    async def cancel(self, name: str, request_id: str | None = None) -> pb.Order:
        """Cancel an order and answer it."""
        request = pb.CancelOrderRequest(request_id=new_id() if request_id is None else request_id, name=name)
        return (await self.stub.CancelOrder(request)).order

    async def order(self, name: str) -> pb.Order:
        """Answer an order as it is now."""
        return (await self.stub.GetOrder(pb.GetOrderRequest(name=name))).order

    def watch(self, name: str, token: str = "", timeout: float | None = None) -> Watch:
        """Watch an order from a resume token on."""
        return aiter(self.stub.WatchOrder(pb.WatchOrderRequest(name=name, resume_token=token), timeout=timeout))

    async def orders(self, customer: str) -> list[pb.Order]:
        """Answer the newest orders of a customer."""
        return list((await self.stub.ListOrders(pb.ListOrdersRequest(customer=customer))).orders)

    async def stock(self, product: str) -> tuple[int, int]:
        """Answer how many pieces of a product are available and reserved."""
        request = inventory_pb2.GetStockRequest(name=f"stocks/{product}")
        stock = (await self._inventory.GetStock(request)).stock
        return stock.available, stock.reserved

    def money(self, order: str) -> list[str]:
        """Answer the states of the payments that were made for an order, from the payments database itself."""
        return _states(self._payments, "payments", order)

    def shipments(self, order: str) -> list[str]:
        """Answer the states of the shipments that were booked for an order, from the shipping database itself."""
        return _states(self._shipping, "shipments", order)

    async def ended(self, name: str) -> pb.Order:
        """Wait for the end of an order and answer it."""
        async for attempt in patiently():
            with attempt:
                order = await self.order(name)
                assert order.state not in {PENDING, CANCELLING}
        return order


def _states(process: Process, table: str, order: str) -> list[str]:
    statement = f"SELECT state FROM {table} WHERE reference = :reference"  # noqa: S608  # the table is ours to name
    return [str(state) for (state,) in query(process.database_url, statement, reference=order)]
