"""The four services that an order goes through, and what is left in them afterwards."""

import uuid

from tenacity import AsyncRetrying, stop_after_delay, wait_fixed

from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import orders_pb2 as pb
from shop.orders.v1 import orders_pb2_grpc
from tests.services.databases import query
from tests.services.harness import Process

PENDING, CONFIRMED, REJECTED = pb.Order.STATE_PENDING, pb.Order.STATE_CONFIRMED, pb.Order.STATE_REJECTED
PATIENCE_SECONDS = 20


def new_id() -> str:
    return str(uuid.uuid4())


def patiently() -> AsyncRetrying:
    """Try again what does not hold yet, for PATIENCE_SECONDS."""
    return AsyncRetrying(stop=stop_after_delay(PATIENCE_SECONDS), wait=wait_fixed(0.05), reraise=True)


def cart(
    request_id: str | None = None,
    *,
    customer: str = "customers/ada",
    token: str = "tok_visa",  # noqa: S107  # the simulated card processor's
    **pieces: int,
) -> pb.PlaceOrderRequest:
    """Make a request; p_0001=2 asks for two pieces of products/p-0001."""
    return pb.PlaceOrderRequest(
        request_id=new_id() if request_id is None else request_id,
        customer=customer,
        items=[
            pb.PlaceOrderItem(product=f"products/{product.replace('_', '-')}", quantity=quantity)
            for product, quantity in pieces.items()
        ],
        payment_token=token,
    )


class Shop:
    """A client of orders, who also looks into what stands behind it."""

    def __init__(self, orders: Process, inventory: Process, payments: Process) -> None:
        self._payments = payments
        self._channels = [orders.channel(), inventory.channel()]
        self.stub = orders_pb2_grpc.OrdersServiceStub(self._channels[0])
        self._inventory = inventory_pb2_grpc.InventoryServiceStub(self._channels[1])

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            await channel.close()

    async def place(self, request: pb.PlaceOrderRequest, timeout: float | None = None) -> pb.Order:  # noqa: ASYNC109  # the call's
        """Place an order and answer it."""
        return (await self.stub.PlaceOrder(request, timeout=timeout)).order

    async def order(self, name: str) -> pb.Order:
        """Answer an order as it is now."""
        return (await self.stub.GetOrder(pb.GetOrderRequest(name=name))).order

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
        found = query(
            self._payments.database_url, "SELECT state FROM payments WHERE reference = :reference", reference=order
        )
        return [str(state) for (state,) in found]

    async def ended(self, name: str) -> pb.Order:
        """Wait for the end of an order and answer it."""
        async for attempt in patiently():
            with attempt:
                order = await self.order(name)
                assert order.state != PENDING
        return order
