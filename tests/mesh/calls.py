"""Calls through the gateway, one by one or steadily in the background, and their outcomes."""

import asyncio
import csv
import itertools
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

import grpc.aio

from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import orders_pb2, orders_pb2_grpc
from tests.mesh.harness import Mesh, dial
from tests.support.checkout import ROOT
from tests.support.clock import Stopwatch

Call = Callable[[], Awaitable[object]]
OPENING_STOCK = ROOT / "services/inventory/opening_stock.csv"


def well_stocked_products() -> list[str]:
    """Return the names of products with 100 pieces or more, so that thousands of orders never run out of stock."""
    with OPENING_STOCK.open(newline="") as file:
        return [f"products/{row['product_id']}" for row in csv.DictReader(file) if int(row["pieces"]) >= 100]


class Shop:
    """The public methods, each with a request that succeeds in a healthy mesh."""

    def __init__(self, channel: grpc.aio.Channel, timeout: float = 30) -> None:
        self._catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        self._inventory = inventory_pb2_grpc.InventoryServiceStub(channel)
        self._orders = orders_pb2_grpc.OrdersServiceStub(channel)
        self._timeout = timeout
        self._products = itertools.cycle(well_stocked_products())

    async def get_product(self) -> catalog_pb2.GetProductResponse:
        """Read one product."""
        return await self._catalog.GetProduct(
            catalog_pb2.GetProductRequest(name="products/p-0001"), timeout=self._timeout
        )

    async def get_stock(self) -> inventory_pb2.GetStockResponse:
        """Read the stock of one product."""
        return await self._inventory.GetStock(
            inventory_pb2.GetStockRequest(name="stocks/p-0001"), timeout=self._timeout
        )

    async def list_orders(self) -> orders_pb2.ListOrdersResponse:
        """Read the orders of the caller."""
        return await self._orders.ListOrders(
            orders_pb2.ListOrdersRequest(customer="customers/me"), timeout=self._timeout
        )

    def order_request(self, customer: str = "customers/me") -> orders_pb2.PlaceOrderRequest:
        """Build a request for one piece with a shipping address."""
        return orders_pb2.PlaceOrderRequest(
            request_id=str(uuid.uuid4()),
            customer=customer,
            items=[orders_pb2.PlaceOrderItem(product=next(self._products), quantity=1)],
            payment_token="tok_visa",  # noqa: S106 - not a real card
            shipping_address=orders_pb2.ShippingAddress(
                recipient="Test", lines=["Unter den Linden 1"], locality="Berlin", region_code="DE"
            ),
        )

    async def place(self, request: orders_pb2.PlaceOrderRequest) -> orders_pb2.Order:
        """Place an order and return it, in whichever state it is."""
        return (await self._orders.PlaceOrder(request, timeout=self._timeout)).order

    async def cancel(self, order: str) -> orders_pb2.Order:
        """Cancel an order and return it."""
        request = orders_pb2.CancelOrderRequest(request_id=str(uuid.uuid4()), name=order)
        return (await self._orders.CancelOrder(request, timeout=self._timeout)).order

    async def orders(self, customer: str) -> list[orders_pb2.Order]:
        """Read all orders of a customer, page by page."""
        orders: list[orders_pb2.Order] = []
        token = ""
        while True:
            request = orders_pb2.ListOrdersRequest(customer=customer, page_size=100, page_token=token)
            page = await self._orders.ListOrders(request, timeout=self._timeout)
            orders += page.orders
            token = page.next_page_token
            if not token:
                return orders

    async def stock(self, product: str) -> inventory_pb2.Stock:
        """Read the stock of a product (`products/…`)."""
        name = product.replace("products/", "stocks/")
        return (await self._inventory.GetStock(inventory_pb2.GetStockRequest(name=name), timeout=self._timeout)).stock

    async def place_order(self) -> orders_pb2.Order:
        """Place an order for one piece, which is shipped. Raises AssertionError unless it is CONFIRMED."""
        order = await self.place(self.order_request())
        assert order.state == orders_pb2.Order.STATE_CONFIRMED, f"{order.name}: {order.rejection_message}"
        return order


def method(channel: grpc.aio.Channel, path: str) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    """Return a method by its path. Requests and responses are serialized messages; `b""` is an empty message."""
    return channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)


async def status_of(call: Awaitable[object]) -> grpc.StatusCode:
    """Await a call and return its status."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def outcome_of(call: Awaitable[object]) -> str:
    """Await a call and return "OK", or its status with the error details, such as "NOT_FOUND there is no order"."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {error.details()}"
    return "OK"


async def call_as(mesh: Mesh, app: str, host: str, path: str) -> grpc.StatusCode:
    """Call a method as an app does: through the outbound listener of its sidecar, with its identity."""
    pod = await mesh.pod(app)
    async with dial(await mesh.egress(pod["metadata"]["name"]), authority=host) as channel:
        return await status_of(method(channel, path)(b"", timeout=10))


class SteadyCalls:
    """Makes calls in the background while the `async with` block runs. Calls with the same name run one after another.

    Afterwards `made` contains the number of calls by name, and `failed` a line for each failure with its time.
    """

    def __init__(self, calls: Mapping[str, Call], pause: float = 0.05) -> None:
        self.made: Counter[str] = Counter()
        self.failed: list[str] = []
        self._calls, self._pause = calls, pause
        self._stopwatch = Stopwatch()
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start the calls."""
        self._tasks = [asyncio.create_task(self._repeat(name, call)) for name, call in self._calls.items()]
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop after the calls in flight have ended."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _repeat(self, name: str, call: Call) -> None:
        while not self._stop.is_set():
            try:
                outcome = await outcome_of(call())
            except AssertionError as error:  # a response, but not the expected one
                outcome = str(error)
            self.made[name] += 1
            if outcome != "OK":
                self.failed.append(f"{self._stopwatch.elapsed():.2f} s {name}: {outcome}")
            await asyncio.sleep(self._pause)


def steady_shop(shop: Shop) -> SteadyCalls:
    """Return steady calls that use every service: reads, and orders."""
    calls: dict[str, Call] = {
        "GetProduct": shop.get_product,
        "GetStock": shop.get_stock,
        "ListOrders": shop.list_orders,
        "PlaceOrder": shop.place_order,
    }
    return SteadyCalls(calls)
