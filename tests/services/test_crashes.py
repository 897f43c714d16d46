"""Whoever is killed, at whichever moment of an order: it ends soon, and money, stock and shipments are conserved."""

import inspect
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import grpc.aio
import pytest
from tenacity import AsyncRetrying, stop_after_delay, wait_fixed

from services.operator.checks import Mismatch, Snapshot
from services.operator.ledger import run_checks
from services.operator.peers import Services
from services.orders import saga
from services.orders.domain import Step
from shop.orders.v1 import orders_pb2 as pb
from tests.conftest import Measured
from tests.services import mortal
from tests.services.conftest import Shared, Start, starter
from tests.services.databases import Databases, query
from tests.services.harness import Process
from tests.services.shop import BERLIN, CANCELLED, CANCELLING, CONFIRMED, PENDING, REJECTED, Shop, cart, new_id

pytestmark = pytest.mark.prove

END_SECONDS = 60
CALLEES = ("inventory", "payments", "shipping")

# The call that each step forward is.
STEPS = {
    Step.RESERVE: "Stock.reserve",
    Step.AUTHORIZE: "Payments.authorize",
    Step.BOOK: "Shipping.book",
    Step.CAPTURE: "Payments.capture",
    Step.COMMIT: "Stock.commit",
}
FORWARD = tuple(STEPS.values())
# The callee that a call goes to, and what it is there: one transaction.
TRANSACTIONS = {
    "Stock.reserve": ("inventory", "ReserveStock"),
    "Stock.commit": ("inventory", "CommitReservation"),
    "Stock.release": ("inventory", "ReleaseReservation"),
    "Stock.take_back": ("inventory", "ReturnReservation"),
    "Payments.authorize": ("payments", "AuthorizePayment"),
    "Payments.capture": ("payments", "CapturePayment"),
    "Payments.void": ("payments", "VoidPayment"),
    "Payments.refund": ("payments", "RefundPayment"),
    "Shipping.book": ("shipping", "BookShipment"),
    "Shipping.cancel": ("shipping", "CancelShipment"),
}


@dataclass(frozen=True)
class Story:
    """What an order goes through: the calls that lead up to a failure, if there is one, and those that deaths strike.

    `ends` are the states that it may come to after a death.
    """

    calls: tuple[str, ...]
    ends: frozenset[int]
    before: tuple[str, ...] = ()
    fails: str = ""
    refused: str = ""
    cancelled: bool = False


STORIES = {
    "placed": Story(FORWARD, frozenset({CONFIRMED, REJECTED})),
    "given back": Story(
        ("Shipping.cancel", "Payments.void", "Stock.release"),
        frozenset({REJECTED}),
        before=FORWARD[:3],
        fails="Payments.capture",
    ),
    "given back when paid": Story(
        # The stock first, for it might be sold by now. And void is refused: the money is there.
        ("Stock.release", "Shipping.cancel", "Payments.void", "Payments.refund"),
        frozenset({REJECTED}),
        before=FORWARD[:4],
        fails="Stock.commit",
        refused="Payments.void",
    ),
    "cancelled": Story(
        ("Shipping.cancel", "Payments.refund", "Stock.take_back"),
        frozenset({CANCELLED}),
        before=FORWARD,
        cancelled=True,
    ),
}
# What is told of an order that has come to this end.
TOLD = {
    CONFIRMED: ["Placed", "Confirmed"],
    REJECTED: ["Placed", "Rejected"],
    CANCELLED: ["Placed", "Confirmed", "Cancelled"],
}
DEATHS_OF_ORDERS = [
    pytest.param(story, call, moment, id=f"{name}-{call}-{moment}".replace(" ", "-"))
    for name, story in STORIES.items()
    for call in story.calls
    for moment in (mortal.BEFORE, mortal.UNHEARD, mortal.UNWRITTEN)
    if (call, moment) != (story.refused, mortal.UNHEARD)  # an error is no answer
]
DEATHS_OF_CALLEES = [
    pytest.param(story, call, moment, id=f"{name}-{call}-{moment}".replace(" ", "-"))
    for name, story in STORIES.items()
    for call in story.calls
    if call != story.refused
    for moment in (mortal.UNCOMMITTED, mortal.COMMITTED)
]


@dataclass(frozen=True)
class World:
    """orders and its callees, each of which dies where it is told."""

    orders: Process
    callees: dict[str, Process]

    @property
    def processes(self) -> dict[str, Process]:
        """All of them, by their services."""
        return {"orders": self.orders, **self.callees}

    def clear(self) -> None:
        """Forget the moments that came by."""
        for process in self.processes.values():
            (process.folder / mortal.MOMENTS).write_text("")
            (process.folder / mortal.WISHES).write_text("")

    @asynccontextmanager
    async def shop(self) -> AsyncIterator[Shop]:
        """Open a client with connections of its own."""
        opened = Shop(self.orders, *(self.callees[name] for name in CALLEES))
        yield opened
        await opened.close()


def start_world(start: Start, catalog: Process, env: dict[str, str]) -> World:
    callees = {name: start("mortal_callee", {"SERVICE": name}, at=name) for name in CALLEES}
    targets = {f"{name.upper()}_TARGET": process.target for name, process in [("catalog", catalog), *callees.items()]}
    return World(start("mortal_orders", {**targets, **env}, at="orders"), callees)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, storage: Databases, shared: Shared) -> Iterator[World]:
    """Start the one world in which all die; whoever does is back at once."""
    for start in starter(tmp_path_factory.mktemp("mortal"), storage):
        yield start_world(start, shared("catalog"), {"EAGER": "1"})


@pytest.fixture(scope="session")
def unhurried(tmp_path_factory: pytest.TempPathFactory, storage: Databases, shared: Shared) -> Iterator[World]:
    """Start a world with recovery as it is: a machine that pauses does not make it take over what is on its way."""
    for start in starter(tmp_path_factory.mktemp("unhurried"), storage):
        yield start_world(start, shared("catalog"), {})


@pytest.fixture(scope="session")
def lasted(storage: Databases, measured: Measured) -> Iterator[list[float]]:
    """Take the seconds that each order took to its end, and tell the worst."""
    seconds: list[float] = []
    yield seconds
    if seconds:
        measured(
            f"crashes on {storage.name}: {len(seconds)} deaths, the slowest order ended after {max(seconds):.1f} s"
        )


def moments(process: Process) -> list[str]:
    return (process.folder / mortal.MOMENTS).read_text().splitlines()


def wish(process: Process, *wishes: str) -> None:
    (process.folder / mortal.WISHES).write_text("\n".join(wishes))


async def live(world: World, story: Story, dies: Process | None = None, where: str = "") -> float:
    """Have an order go through its story, with a death at a moment; prove its end, and answer how long that took."""
    world.clear()
    request = cart(customer=f"customers/{new_id()}", to=BERLIN, p_0120=1)
    async with world.shop() as shop:
        if story.cancelled:
            name = (await shop.place(request)).name
            world.clear()
        wishes = [f"{mortal.FAIL} {story.fails} {mortal.BEFORE}"] if story.fails else []
        wish(world.orders, *wishes)
        if dies is not None:
            wish(dies, *(wishes if dies is world.orders else []), f"{mortal.KILL} {where}")
        began = time.monotonic()
        with suppress(grpc.aio.AioRpcError):
            await (shop.cancel(name) if story.cancelled else shop.place(request))
    order = await ended(world, request)
    took = time.monotonic() - began
    assert not any((process.folder / mortal.WISHES).read_text() for process in world.processes.values())
    assert order.state in story.ends
    assert told(world, order) == TOLD[order.state]
    async with world.shop() as shop:
        assert await shop.place(request) == order, "asked for again, it is the same"
        assert await shop.orders(request.customer) == [order]
    assert await mismatches(world, order.name) == []
    return took


async def ended(world: World, request: pb.PlaceOrderRequest) -> pb.Order:
    """Wait until all serve again and the customer's one order is at its end; answer it."""
    async for attempt in AsyncRetrying(stop=stop_after_delay(END_SECONDS), wait=wait_fixed(0.02), reraise=True):
        with attempt:
            for process in world.processes.values():
                process.wait_ready()
            async with world.shop() as shop:
                (order,) = await shop.orders(request.customer)
            assert order.state not in {PENDING, CANCELLING}
    return order


def told(world: World, order: pb.Order) -> list[str]:
    """Answer what is told of an order: nobody publishes here, so all of it waits in the outbox."""
    rows = query(
        world.orders.database_url,
        "SELECT type FROM outbox WHERE aggregateid = :order ORDER BY position",
        order=order.name.removeprefix("orders/"),
    )
    return [str(kind).removeprefix("shop.orders.v1.Order") for (kind,) in rows]


async def mismatches(world: World, *orders: str) -> list[Mismatch]:
    """Return the mismatches that the operator's ledger finds for these orders, or for all orders if none is named."""
    channels = {name: process.channel() for name, process in world.processes.items()}
    records = await Services(channels.__getitem__, None).read()
    for channel in channels.values():
        await channel.close()
    results = run_checks(Snapshot.of(records, orders or records.orders_after))
    return [mismatch for result in results for mismatch in result.mismatches]


@pytest.mark.parametrize(("story", "call", "moment"), DEATHS_OF_ORDERS)
async def test_orders_is_killed(world: World, lasted: list[float], story: Story, call: str, moment: str) -> None:
    lasted.append(await live(world, story, world.orders, f"{call} {moment}"))


@pytest.mark.parametrize(("story", "call", "moment"), DEATHS_OF_CALLEES)
async def test_a_callee_is_killed(world: World, lasted: list[float], story: Story, call: str, moment: str) -> None:
    service, rpc = TRANSACTIONS[call]
    lasted.append(await live(world, story, world.callees[service], f"{rpc} {moment}"))


async def test_the_books_balance_after_all_deaths(world: World) -> None:
    assert await mismatches(world) == []


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_a_story_has_the_calls_that_deaths_strike_and_no_others(unhurried: World, story: Story) -> None:
    await live(unhurried, story)
    befores = [
        moment.removesuffix(f" {mortal.BEFORE}")
        for moment in moments(unhurried.orders)
        if moment.endswith(mortal.BEFORE)
    ]
    calls = (*(() if story.cancelled else story.before), *([story.fails] if story.fails else ()), *story.calls)
    assert befores == list(calls)
    for service, process in unhurried.callees.items():
        done = [TRANSACTIONS[call] for call in calls if call not in {story.fails, story.refused}]
        expected = [
            f"{rpc} {moment}"
            for callee, rpc in done
            if callee == service
            for moment in (mortal.UNCOMMITTED, mortal.COMMITTED)
        ]
        assert moments(process) == expected


def test_every_step_and_every_call_of_the_saga_is_in_some_story() -> None:
    protocols = (saga.Stock, saga.Payments, saga.Shipping)
    calls = {
        f"{protocol.__name__}.{name}"
        for protocol in protocols
        for name, member in vars(protocol).items()
        if inspect.iscoroutinefunction(member)
    }
    assert calls == TRANSACTIONS.keys()
    assert {call for story in STORIES.values() for call in story.calls} == calls
    assert [*STEPS] == [step for step in Step if step > Step.NONE]


async def test_with_recovery_as_it_is_an_order_ends_in_time(
    unhurried: World, storage: Databases, measured: Measured
) -> None:
    took = await live(unhurried, STORIES["placed"], unhurried.orders, f"Payments.capture {mortal.UNHEARD}")
    measured(f"crashes on {storage.name}: {took:.1f} s to an order's end with recovery as it is")
