"""Any process may be killed at any moment of an order: it still ends, and money, stock and shipments balance."""

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import pytest

from services.operator.checks import Mismatch, Snapshot
from services.operator.ledger import run_checks
from services.operator.peers import Services
from services.orders import saga
from services.orders.progress import Step
from shop.orders.v1 import orders_pb2 as pb
from tests.services import crashing
from tests.support.clock import Duration, Stopwatch, eventually, longest
from tests.support.databases import Databases, query
from tests.support.processes import Process
from tests.support.report import Measured
from tests.support.shop import BERLIN, CANCELLED, CANCELLING, CONFIRMED, PENDING, REJECTED, Shop, cart, new_id
from tests.support.starters import Shared, Start, starter

pytestmark = pytest.mark.prove

END_SECONDS = 60
CALLEES = ("inventory", "payments", "shipping")

# Each step → its call.
STEPS = {
    Step.RESERVE: "Inventory.reserve",
    Step.AUTHORIZE: "Payments.authorize",
    Step.BOOK: "Shipping.book",
    Step.CAPTURE: "Payments.capture",
    Step.COMMIT: "Inventory.commit",
}
FORWARD = tuple(STEPS.values())
# Each call → its callee and the method, which is one transaction.
TRANSACTIONS = {
    "Inventory.reserve": ("inventory", "ReserveStock"),
    "Inventory.commit": ("inventory", "CommitReservation"),
    "Inventory.release": ("inventory", "ReleaseReservation"),
    "Inventory.return_stock": ("inventory", "ReturnReservation"),
    "Payments.authorize": ("payments", "AuthorizePayment"),
    "Payments.capture": ("payments", "CapturePayment"),
    "Payments.void": ("payments", "VoidPayment"),
    "Payments.refund": ("payments", "RefundPayment"),
    "Shipping.book": ("shipping", "BookShipment"),
    "Shipping.cancel": ("shipping", "CancelShipment"),
}


@dataclass(frozen=True)
class Story:
    """A sequence of calls for one order. A test kills a process at one of `calls`.

    `before` are the calls before these, without crashes. `fails` is a call that fails between the two. `refused` is the
    one of `calls` that its callee refuses. `ends` are the states in which the order may end after a crash.
    """

    calls: tuple[str, ...]
    ends: frozenset[int]
    before: tuple[str, ...] = ()
    fails: str = ""
    refused: str = ""
    cancelled: bool = False


STORIES = {
    "placed": Story(FORWARD, frozenset({CONFIRMED, REJECTED})),
    "undone": Story(
        ("Shipping.cancel", "Payments.void", "Inventory.release"),
        frozenset({REJECTED}),
        before=FORWARD[:3],
        fails="Payments.capture",
    ),
    "undone after payment": Story(
        # The stock is released first, because it may be sold. Void is refused, because the money is captured.
        ("Inventory.release", "Shipping.cancel", "Payments.void", "Payments.refund"),
        frozenset({REJECTED}),
        before=FORWARD[:4],
        fails="Inventory.commit",
        refused="Payments.void",
    ),
    "cancelled": Story(
        ("Shipping.cancel", "Payments.refund", "Inventory.return_stock"),
        frozenset({CANCELLED}),
        before=FORWARD,
        cancelled=True,
    ),
}
# The state in which an order ends → its events.
EVENTS = {
    CONFIRMED: ["Placed", "Confirmed"],
    REJECTED: ["Placed", "Rejected"],
    CANCELLED: ["Placed", "Confirmed", "Cancelled"],
}
CRASHES_OF_ORDERS = [
    pytest.param(story, call, moment, id=f"{name}-{call}-{moment}".replace(" ", "-"))
    for name, story in STORIES.items()
    for call in story.calls
    for moment in (crashing.BEFORE, crashing.NO_REPLY, crashing.NOT_LOGGED)
    if (call, moment) != (story.refused, crashing.NO_REPLY)  # an error is no reply
]
CRASHES_OF_CALLEES = [
    pytest.param(story, call, moment, id=f"{name}-{call}-{moment}".replace(" ", "-"))
    for name, story in STORIES.items()
    for call in story.calls
    if call != story.refused
    for moment in (crashing.UNCOMMITTED, crashing.COMMITTED)
]


@dataclass(frozen=True)
class World:
    """orders and its callees. Each can be killed at a moment."""

    orders: Process
    callees: dict[str, Process]

    @property
    def processes(self) -> dict[str, Process]:
        """The processes by the names of their services."""
        return {"orders": self.orders, **self.callees}

    @property
    def faults(self) -> Path:
        """The file of the faults that have not happened yet."""
        return self.orders.folder.parent / crashing.FAULTS

    def clear(self) -> None:
        """Clear the moments and the faults of all processes."""
        for process in self.processes.values():
            (process.folder / crashing.MOMENTS).write_text("")
        self.faults.write_text("")

    @asynccontextmanager
    async def shop(self) -> AsyncIterator[Shop]:
        """Yield a client with new connections, and close it."""
        client = Shop(self.orders, *(self.callees[name] for name in CALLEES))
        yield client
        await client.close()


def start_world(start: Start, catalog: Process, env: dict[str, str]) -> World:
    callees = {name: start("crashing_callee", {"SERVICE": name}, folder=name) for name in CALLEES}
    targets = {f"{name.upper()}_TARGET": process.target for name, process in [("catalog", catalog), *callees.items()]}
    return World(start("crashing_orders", {**targets, **env}, folder="orders"), callees)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, storage: Databases, shared: Shared) -> Iterator[World]:
    """Yield the world for all tests with crashes. Its recovery starts at once."""
    for start in starter(tmp_path_factory.mktemp("crashing"), storage):
        yield start_world(start, shared("catalog"), {"EAGER": "1"})


@pytest.fixture(scope="session")
def normal_world(tmp_path_factory: pytest.TempPathFactory, storage: Databases, shared: Shared) -> Iterator[World]:
    """Yield a world with normal recovery: it does not take over an order when the machine pauses for a moment."""
    for start in starter(tmp_path_factory.mktemp("normal"), storage):
        yield start_world(start, shared("catalog"), {})


@pytest.fixture(scope="session")
def durations(storage: Databases, measured: Measured) -> Iterator[list[Duration]]:
    """Yield a list for the seconds that each order took to end, and report the longest."""
    seconds: list[Duration] = []
    yield seconds
    if seconds:
        measured(
            f"crashes on {storage.name}: {len(seconds)} crashes, the slowest order ended after {longest(seconds):.1f} s"
        )


def moments(process: Process) -> list[str]:
    return (process.folder / crashing.MOMENTS).read_text().splitlines()


async def run_story(world: World, story: Story, moment: str = "") -> Duration:
    """Run an order through a story, kill the process that reaches a moment, and check how the order ends.

    Return the seconds from the call to the end.
    """
    world.clear()
    request = cart(customer=f"customers/{new_id()}", to=BERLIN, p_0120=1)
    async with world.shop() as shop:
        if story.cancelled:
            # Recovery stands still until every fault has happened. So it does not take this order over.
            world.faults.write_text(f"{crashing.FAIL} no call of the saga")
            name = (await shop.place(request)).name
            world.clear()
        faults = [f"{crashing.FAIL} {story.fails} {crashing.BEFORE}"] if story.fails else []
        faults += [f"{crashing.KILL} {moment}"] if moment else []
        world.faults.write_text("\n".join(faults))
        stopwatch = Stopwatch()
        with suppress(grpc.aio.AioRpcError):
            await (shop.cancel(name) if story.cancelled else shop.place(request))
    order = await wait_for_end(world, request)
    seconds = stopwatch.elapsed()
    assert world.faults.read_text() == ""
    assert order.state in story.ends
    assert events(world, order) == EVENTS[order.state]
    async with world.shop() as shop:
        assert await shop.place(request) == order, "a repeated request returns the same order"
        assert await shop.orders(request.customer) == [order]
    assert await mismatches(world, order.name) == []
    return seconds


async def wait_for_end(world: World, request: pb.PlaceOrderRequest) -> pb.Order:
    """Wait until all processes are ready and the customer's one order has ended. Return the order."""
    async for attempt in eventually(END_SECONDS, retry=Exception):
        with attempt:
            for process in world.processes.values():
                process.wait_ready()
            async with world.shop() as shop:
                (order,) = await shop.orders(request.customer)
            assert order.state not in {PENDING, CANCELLING}
    return order


def events(world: World, order: pb.Order) -> list[str]:
    """Return the events of an order. There is no Kafka here, so all of them are in the outbox."""
    rows = query(
        world.orders.database_url,
        "SELECT type FROM outbox WHERE aggregateid = :order ORDER BY position",
        order=order.name.removeprefix("orders/"),
    )
    return [str(event_type).removeprefix("shop.orders.v1.Order") for (event_type,) in rows]


async def mismatches(world: World, *orders: str) -> list[Mismatch]:
    """Return the mismatches that the operator's ledger finds for these orders, or for all if none is named."""
    channels = {name: process.channel() for name, process in world.processes.items()}
    records = await Services(channels.__getitem__, None).read()
    for channel in channels.values():
        await channel.close()
    results = run_checks(Snapshot.of(records, orders or records.orders_after))
    return [mismatch for result in results for mismatch in result.mismatches]


@pytest.mark.parametrize(("story", "call", "moment"), CRASHES_OF_ORDERS)
async def test_an_order_ends_when_orders_is_killed(
    world: World, durations: list[Duration], story: Story, call: str, moment: str
) -> None:
    durations.append(await run_story(world, story, f"{call} {moment}"))


@pytest.mark.parametrize(("story", "call", "moment"), CRASHES_OF_CALLEES)
async def test_an_order_ends_when_a_callee_is_killed(
    world: World, durations: list[Duration], story: Story, call: str, moment: str
) -> None:
    _, rpc = TRANSACTIONS[call]
    durations.append(await run_story(world, story, f"{rpc} {moment}"))


async def test_the_books_balance_after_all_crashes(world: World) -> None:
    assert await mismatches(world) == []


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_a_story_makes_the_calls_that_crashes_hit_and_no_others(normal_world: World, story: Story) -> None:
    await run_story(normal_world, story)
    calls_made = [
        moment.removesuffix(f" {crashing.BEFORE}")
        for moment in moments(normal_world.orders)
        if moment.endswith(crashing.BEFORE)
    ]
    calls = (*(() if story.cancelled else story.before), *([story.fails] if story.fails else ()), *story.calls)
    assert calls_made == list(calls)
    for service, process in normal_world.callees.items():
        committed = [TRANSACTIONS[call] for call in calls if call not in {story.fails, story.refused}]
        expected = [
            f"{rpc} {moment}"
            for callee, rpc in committed
            if callee == service
            for moment in (crashing.UNCOMMITTED, crashing.COMMITTED)
        ]
        assert moments(process) == expected


def test_every_step_and_every_call_of_the_saga_is_in_a_story() -> None:
    protocols = (saga.Inventory, saga.Payments, saga.Shipping)
    calls = {
        f"{protocol.__name__}.{name}"
        for protocol in protocols
        for name, member in vars(protocol).items()
        if inspect.iscoroutinefunction(member)
    }
    assert calls == TRANSACTIONS.keys()
    assert {call for story in STORIES.values() for call in story.calls} == calls
    assert [*STEPS] == [step for step in Step if step > Step.NONE]


async def test_an_order_ends_in_time_with_normal_recovery(
    normal_world: World, storage: Databases, measured: Measured
) -> None:
    seconds = await run_story(normal_world, STORIES["placed"], f"Payments.capture {crashing.NO_REPLY}")
    measured(f"crashes on {storage.name}: {seconds:.1f} s until an order ended with normal recovery")
