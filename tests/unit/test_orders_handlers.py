"""Placing and recovering over a real database, with callees made up."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from services.orders import store as orders_store
from services.orders.domain import (
    Cart,
    Destination,
    Order,
    OrderNotFoundError,
    OrderStateError,
    Product,
    Reason,
    RegionNotServedError,
    Rejection,
    State,
    Step,
    UnknownProductsError,
    Wish,
)
from services.orders.events import SOURCE, Announcer
from services.orders.handlers import Orders, Recovery
from services.orders.saga import INTERRUPTED, PeerFailedError, RefusedError, Saga
from services.orders.store import Log, Store
from services.runtime import Background, Database, background
from services.runtime.database import open_database
from services.runtime.events import Outbox
from services.runtime.events.outbox import first
from services.runtime.requests import RequestIdReusedError
from shop.orders.v1 import orders_pb2 as pb

CART = Cart("ada", (Wish("p-1", 2),), "tok")
BERLIN = Destination("Ada", ("Unter den Linden 1", "2. Hof"), "Berlin", "10117", "DE")
SHIPPED = replace(CART, destination=BERLIN)
ANNOUNCE = Announcer(Outbox(SOURCE))
MIGRATIONS = Path(orders_store.__file__).parent / "migrations"


class _Callees:
    """The services that orders calls. `held` is what they hold; the other sets name the calls that do not go well."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.failing: set[str] = set()
        self.refusing: set[str] = set()
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
        if name in self.failing:
            raise PeerFailedError(f"{name} failed")
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


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite+aiosqlite:///{tmp_path}/orders.db", MIGRATIONS)
    yield opened
    await opened.close()


@pytest.fixture
def callees() -> _Callees:
    return _Callees()


@pytest.fixture
def saga(database: Database, callees: _Callees) -> Saga:
    return Saga(Log(database, ANNOUNCE), callees, callees, callees)


@pytest.fixture
def orders(database: Database, callees: _Callees, saga: Saga) -> Orders:
    return Orders(database, callees, callees, saga, Background(), ANNOUNCE)


@pytest.fixture
def recovery(database: Database, saga: Saga) -> Recovery:
    return Recovery(database, saga)


def request(**fields: str) -> pb.PlaceOrderRequest:
    return pb.PlaceOrderRequest(**{"request_id": str(uuid4()), **fields})  # type: ignore[arg-type]


async def told(database: Database) -> list[tuple[str, str]]:
    """Answer what the outbox holds: each event's type and key."""
    async with database.read() as connection:
        letters = await first(connection, 100)
    return [(letter.headers["ce_type"].rpartition(".")[2], letter.key) for letter in letters]


async def pending(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return await Store(connection).unfinished()


async def test_a_placed_order_is_found_again_as_it_was_answered(orders: Orders) -> None:
    placed = await orders.place(request(), CART)
    assert placed.state is State.CONFIRMED
    assert await orders.order(placed.id) == placed


async def test_an_order_tells_what_becomes_of_it(orders: Orders, callees: _Callees, database: Database) -> None:
    again = request()
    placed = await orders.place(again, CART)
    await orders.place(again, CART)
    callees.refusing = {"authorize"}
    rejected = await orders.place(request(), CART)
    for _ in range(2):
        await orders.cancel(cancellation(placed), placed.id)
    assert await told(database) == [
        ("OrderPlaced", placed.id),
        ("OrderConfirmed", placed.id),
        ("OrderPlaced", rejected.id),
        ("OrderRejected", rejected.id),
        ("OrderCancelled", placed.id),
    ]


async def test_the_same_request_is_answered_without_asking_anybody(orders: Orders, callees: _Callees) -> None:
    again = request()
    first = await orders.place(again, CART)
    assert await orders.place(again, CART) == first
    assert callees.asked == 1


async def test_one_request_sent_many_times_at_once_makes_one_order(orders: Orders, callees: _Callees) -> None:
    again = request()
    placed = await asyncio.gather(*(orders.place(again, CART) for _ in range(10)))
    assert len({order.id for order in placed}) == 1
    assert State.CONFIRMED in {order.state for order in placed}
    assert callees.held == {"money"}


async def test_a_request_id_makes_one_order_alone(orders: Orders) -> None:
    await orders.place(request(request_id="one"), CART)
    with pytest.raises(RequestIdReusedError):
        await orders.place(request(request_id="one", customer="customers/eve"), CART)


async def test_nothing_is_stored_if_the_catalog_refuses(orders: Orders, callees: _Callees, database: Database) -> None:
    callees.refusing = {"products"}
    with pytest.raises(UnknownProductsError):
        await orders.place(request(request_id="one"), CART)
    assert await pending(database) == {}
    callees.refusing = set()
    assert (await orders.place(request(request_id="one"), CART)).state is State.CONFIRMED


async def test_a_shipped_order_costs_more_and_tells_its_shipment(orders: Orders, callees: _Callees) -> None:
    placed = await orders.place(request(), SHIPPED)
    assert (placed.state, placed.total_cents, placed.shipment) == (State.CONFIRMED, 2 * 4990 + 490, "shipments/1")
    assert callees.held == {"money", "shipment"}
    assert await orders.order(placed.id) == placed


async def test_nothing_is_stored_if_nothing_is_shipped_there(
    orders: Orders, callees: _Callees, database: Database
) -> None:
    callees.refusing = {"quote"}
    with pytest.raises(RegionNotServedError):
        await orders.place(request(request_id="one"), SHIPPED)
    assert await pending(database) == {}
    assert (await orders.place(request(request_id="one"), CART)).state is State.CONFIRMED


async def test_an_address_is_kept_until_the_order_has_ended(
    orders: Orders, callees: _Callees, recovery: Recovery
) -> None:
    callees.failing = {"book", "cancel"}
    placed = await orders.place(request(), SHIPPED)
    assert (placed.state, placed.step, callees.held) == (State.PENDING, Step.BOOK, {"money"})
    assert (await orders.order(placed.id)).destination == BERLIN
    callees.failing = set()
    for _ in range(3):
        await recovery.run()
    recovered = await orders.order(placed.id)
    assert (recovered.state, recovered.destination, callees.held) == (State.REJECTED, None, set())


async def test_an_order_is_carried_on_when_its_caller_goes(orders: Orders, callees: _Callees) -> None:
    callees.hanging = {"reserve"}
    again = request()
    caller = asyncio.create_task(orders.place(again, CART))
    await callees.hangs.wait()
    caller.cancel()
    assert (await orders.place(again, CART)).state is State.PENDING
    callees.go_on.set()
    await orders.background.close()
    assert (await orders.place(again, CART)).state is State.CONFIRMED


async def test_an_order_that_could_not_be_given_back_is_recovered(
    orders: Orders, callees: _Callees, recovery: Recovery
) -> None:
    callees.failing = {"capture", "void"}
    placed = await orders.place(request(), CART)
    assert (placed.state, placed.step, callees.held) == (State.PENDING, Step.CAPTURE, {"money"})
    for _ in range(4):
        await recovery.run()
    assert (await orders.order(placed.id)).state is State.PENDING
    callees.failing = set()
    for _ in range(3):
        await recovery.run()
    recovered = await orders.order(placed.id)
    assert (recovered.state, callees.held) == (State.REJECTED, set())
    assert recovered.rejection == Rejection(Reason.DEPENDENCY_FAILED, "capture failed")


async def test_an_order_whose_process_ended_is_given_back(
    orders: Orders, callees: _Callees, recovery: Recovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    callees.hanging = {"capture"}
    again = request()
    caller = asyncio.create_task(orders.place(again, CART))
    await callees.hangs.wait()
    monkeypatch.setattr(background, "FINISH_SECONDS", 0.0)
    await orders.background.close()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await recovery.run()
    assert callees.held == {"stock", "money"}
    await recovery.run()
    order = await orders.place(again, CART)
    assert (order.state, order.rejection, callees.held) == (State.REJECTED, INTERRUPTED, set())


async def test_a_placing_that_was_taken_over_ends_as_it_was_recovered(
    orders: Orders, callees: _Callees, recovery: Recovery
) -> None:
    callees.hanging = {"capture"}
    caller = asyncio.create_task(orders.place(request(), CART))
    await callees.hangs.wait()
    await recovery.run()
    await recovery.run()
    callees.go_on.set()
    order = await caller
    assert (order.state, order.rejection, callees.held) == (State.REJECTED, INTERRUPTED, set())


async def test_an_order_that_moves_between_passes_is_left_alone(
    orders: Orders, callees: _Callees, recovery: Recovery
) -> None:
    callees.hanging = {"reserve"}
    caller = asyncio.create_task(orders.place(request(), CART))
    await callees.hangs.wait()
    await recovery.run()
    callees.go_on.set()
    assert (await caller).state is State.CONFIRMED
    await recovery.run()
    assert callees.held == {"money"}


def cancellation(order: Order, request_id: str = "cancel") -> pb.CancelOrderRequest:
    return pb.CancelOrderRequest(request_id=request_id, name=f"orders/{order.id}")


async def test_a_confirmed_order_is_cancelled(orders: Orders, callees: _Callees) -> None:
    placed = await orders.place(request(), SHIPPED)
    cancelled = await orders.cancel(cancellation(placed), placed.id)
    assert (cancelled.state, callees.held, callees.returned) == (State.CANCELLED, set(), 1)
    assert await orders.cancel(cancellation(placed), placed.id) == cancelled
    assert await orders.cancel(cancellation(placed, "again"), placed.id) == cancelled
    assert await orders.order(placed.id) == cancelled
    assert callees.returned == 1


async def test_an_order_cancelled_many_times_at_once_is_answered_the_same(orders: Orders) -> None:
    placed = await orders.place(request(), SHIPPED)
    requests = [cancellation(placed, f"cancel-{number // 2}") for number in range(10)]
    replies = await asyncio.gather(*(orders.cancel(asked, placed.id) for asked in requests))
    assert {reply.state for reply in replies} == {State.CANCELLED}
    assert len({reply.update_time for reply in replies}) == 1


async def test_an_order_that_could_not_be_cancelled_at_once_is_cancelled_later(
    orders: Orders, callees: _Callees, recovery: Recovery
) -> None:
    placed = await orders.place(request(), SHIPPED)
    callees.failing = {"refund"}
    cancelling = await orders.cancel(cancellation(placed), placed.id)
    assert (cancelling.state, callees.held, callees.returned) == (State.CANCELLING, {"money"}, 0)
    for _ in range(3):
        await recovery.run()
    assert (await orders.order(placed.id)).state is State.CANCELLING
    callees.failing = set()
    await recovery.run()
    assert (await orders.order(placed.id)).state is State.CANCELLED
    assert (callees.held, callees.returned) == (set(), 1)


async def test_what_is_not_confirmed_is_not_cancelled_and_the_request_not_remembered(
    orders: Orders, callees: _Callees, recovery: Recovery
) -> None:
    callees.failing = {"capture", "void"}
    placed = await orders.place(request(), CART)
    with pytest.raises(OrderStateError):
        await orders.cancel(cancellation(placed), placed.id)
    with pytest.raises(OrderNotFoundError):
        await orders.cancel(cancellation(placed), str(uuid4()))
    callees.failing = set()
    for _ in range(3):
        await recovery.run()
    with pytest.raises(OrderStateError):
        await orders.cancel(cancellation(placed), placed.id)


async def test_a_customers_orders_come_newest_first_page_by_page(orders: Orders) -> None:
    placed = [await orders.place(request(), CART) for _ in range(5)]
    await orders.place(request(), Cart("eve", CART.wishes, "tok"))
    newest_first = [order.id for order in reversed(placed)]
    first = await orders.orders_after("", "ada", 2)
    rest = await orders.orders_after(first[-1].id, "ada", 10)
    assert [order.id for order in (*first, *rest)] == newest_first
    assert await orders.orders_after("no-such-order", "ada", 10) == []
