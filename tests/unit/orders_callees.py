"""Fake callees of orders, carts, and request keys."""

# ruff: noqa: D102  # the methods are those of the protocols in saga.py and handlers.py

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from services.orders.domain import Cart, Destination, Order, OrderLine, Product
from services.orders.errors import PeerFailedError, RegionNotServedError, StepRefusedError, UnknownProductsError
from services.orders.progress import Rejection, RejectionReason
from services.orders.store import Store
from services.runtime.events.outbox import next_records
from services.runtime.storage import Database, RequestKey

CART = Cart("ada", (OrderLine("p-1", 2),), "tok")
BERLIN = Destination("Ada", ("Unter den Linden 1", "2. Hof"), "Berlin", "10117", "DE")
SHIPPED = replace(CART, destination=BERLIN)


class Callees:
    """All callees of orders in one object. `held` is what they hold for orders.

    The other sets name calls: `failing` ones fail, `failing_permanently` ones fail permanently, `refusing` ones are
    refused for a business reason, `hanging` ones set `is_hanging` and wait for `go_on`.
    """

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.failing: set[str] = set()
        self.failing_permanently: set[str] = set()
        self.refusing: set[str] = set()
        self.hanging: set[str] = set()
        self.catalog_calls = 0
        self.stock_returns = 0
        self.is_hanging = asyncio.Event()
        self.go_on = asyncio.Event()

    async def get_products(self, lines: Sequence[OrderLine]) -> Sequence[Product]:
        self.catalog_calls += 1
        if "get_products" in self.refusing:
            raise UnknownProductsError([0])
        return [Product(line.product, "Kettle", 4990, "EUR") for line in lines]

    async def quote(self, destination: Destination, pieces: int, currency: str) -> int:
        assert (destination, pieces, currency) == (BERLIN, 2, "EUR")
        if "quote" in self.refusing:
            raise RegionNotServedError
        return 490

    async def _call(self, name: str) -> None:
        if name in self.hanging:
            self.is_hanging.set()
            await self.go_on.wait()
        if name in self.failing | self.failing_permanently:
            raise PeerFailedError(f"{name} failed", permanent=name in self.failing_permanently)
        if name in self.refusing:
            raise StepRefusedError(Rejection(RejectionReason.PAYMENT_DECLINED, f"{name} refused"))

    async def reserve(self, _: Order) -> str:
        await self._call("reserve")
        self.held.add("stock")
        return "reservations/1"

    async def commit(self, _: Order, _reservation: str) -> None:
        await self._call("commit")
        self.held.remove("stock")

    async def release(self, _: Order, _reservation: str) -> bool:
        await self._call("release")
        self.held.discard("stock")
        return True

    async def return_stock(self, _: Order, _reservation: str) -> None:
        await self._call("return stock")
        self.stock_returns += 1

    async def authorize(self, _: Order) -> str:
        await self._call("authorize")
        self.held.add("money")
        return "payments/1"

    async def capture(self, _: Order, _payment: str) -> None:
        await self._call("capture")

    async def void(self, _: Order, _payment: str) -> bool:
        await self._call("void")
        self.held.discard("money")
        return True

    async def refund(self, _: Order, _payment: str) -> None:
        await self._call("refund")
        self.held.discard("money")

    async def book(self, order: Order) -> str:
        assert order.destination == BERLIN
        await self._call("book")
        self.held.add("shipment")
        return "shipments/1"

    async def cancel(self, _: Order, _shipment: str) -> None:
        await self._call("cancel")
        self.held.discard("shipment")


def place_key(request_id: str | None = None, content: bytes = b"place") -> RequestKey:
    return RequestKey(request_id or str(uuid4()), content)


def cancel_key(order_id: str, request_id: str = "cancel") -> RequestKey:
    return RequestKey(request_id, f"cancel {order_id}".encode())


def resume_key(order_id: str) -> RequestKey:
    return RequestKey("resume", f"resume {order_id}".encode())


async def outbox_events(database: Database) -> list[tuple[str, str]]:
    """Return the type and the key of each event in the outbox."""
    async with database.read() as connection:
        records = await next_records(connection, 100)
    return [(record.headers["ce_type"].rpartition(".")[2], record.key) for record in records]


async def unfinished_revisions(database: Database) -> dict[str, int]:
    """Return the revision of each order that recovery must finish, by its id."""
    async with database.read() as connection:
        return {order.id: order.revision for order in await Store(connection).list_unfinished("", 100)}
