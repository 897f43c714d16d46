"""The services that orders calls, made up; and what is asked of orders."""

# ruff: noqa: D102  # the methods are those of the protocols in saga.py and handlers.py

import asyncio
from dataclasses import replace
from uuid import uuid4

from services.orders.domain import (
    Cart,
    Destination,
    Order,
    Product,
    Reason,
    RegionNotServedError,
    Rejection,
    UnknownProductsError,
    Wish,
)
from services.orders.saga import PeerFailedError, RefusedError
from services.orders.store import Store
from services.runtime.events.outbox import next_records
from services.runtime.storage import Database
from shop.orders.v1 import orders_pb2 as pb

CART = Cart("ada", (Wish("p-1", 2),), "tok")
BERLIN = Destination("Ada", ("Unter den Linden 1", "2. Hof"), "Berlin", "10117", "DE")
SHIPPED = replace(CART, destination=BERLIN)


class Callees:
    """The services that orders calls. `held` is what they hold; the other sets name the calls that do not go well."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.failing: set[str] = set()
        self.refusing: set[str] = set()
        self.denying: set[str] = set()
        self.hanging: set[str] = set()
        self.asked = 0
        self.returned = 0
        self.hangs = asyncio.Event()
        self.go_on = asyncio.Event()

    async def products(self, wishes: tuple[Wish, ...]) -> list[Product]:
        self.asked += 1
        if "products" in self.refusing:
            raise UnknownProductsError([0])
        return [Product(wish.product, "Kettle", 4990, "EUR") for wish in wishes]

    async def quote(self, destination: Destination, pieces: int, currency: str) -> int:
        assert (destination, pieces, currency) == (BERLIN, 2, "EUR")
        if "quote" in self.refusing:
            raise RegionNotServedError
        return 490

    async def _call(self, name: str) -> None:
        if name in self.hanging:
            self.hangs.set()
            await self.go_on.wait()
        if name in self.failing | self.denying:
            raise PeerFailedError(f"{name} failed", refused=name in self.denying)
        if name in self.refusing:
            raise RefusedError(Rejection(Reason.PAYMENT_DECLINED, f"{name} refused"))

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

    async def take_back(self, _: Order, _reservation: str) -> None:
        await self._call("take back")
        self.returned += 1

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


def request(**fields: str) -> pb.PlaceOrderRequest:
    return pb.PlaceOrderRequest(**{"request_id": str(uuid4()), **fields})  # type: ignore[arg-type]


async def told(database: Database) -> list[tuple[str, str]]:
    """Answer what the outbox holds: each event's type and key."""
    async with database.read() as connection:
        letters = await next_records(connection, 100)
    return [(letter.headers["ce_type"].rpartition(".")[2], letter.key) for letter in letters]


async def pending(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return {order.id: order.revision for order in await Store(connection).unfinished("", 100)}


def cancellation(order: Order, request_id: str = "cancel") -> pb.CancelOrderRequest:
    """Make the request that cancels an order."""
    return pb.CancelOrderRequest(request_id=request_id, name=f"orders/{order.id}")
