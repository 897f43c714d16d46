"""Whatever fails at whichever call: an order ends sold and paid, or with nothing held; never in between."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations, product
from uuid import uuid4

import pytest

from services.orders.domain import Destination, Item, Order, Reason, Rejection, State, Step, TakenOverError
from services.orders.saga import PeerFailedError, RefusedError, Saga

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = "tok"  # noqa: S105  # a made-up one
BERLIN = Destination("Ada", ("Unter den Linden 1",), "Berlin", "10117", "DE")
BEFORE, AFTER = "before", "after"
STEPS = ["reserve", "authorize", "book", "capture", "commit"]


class Crash(BaseException):
    """The orders process ends."""


class _World:
    """Inventory, payments, shipping and the log in one: what they hold, what they were asked, and what fails when.

    `fails` maps the number of a call to a callee (the first is 0) to the moment when it fails: BEFORE or AFTER its
    effect. `crash` is the same for one call of all, those to the log included.
    """

    def __init__(self, fails: Mapping[int, str] | None = None, crash: tuple[int, str] | None = None) -> None:
        self.calls: list[str] = []
        self.reservation = self.payment = self.shipment = ""
        self.refuses: dict[str, Rejection] = {}
        self._fails = fails or {}
        self._crash = crash
        self._stored: Order | None = None

    def saga(self) -> Saga:
        return Saga(self, self, self, self)

    def asked(self) -> list[str]:
        """Answer the calls to the callees, in their order."""
        return [call for call in self.calls if call != "advance"]

    def upset(self, fails: tuple[int, str], crash: tuple[int, str]) -> None:
        """Let a call fail and one crash, counted from here on."""
        self._fails = {len(self.asked()) + fails[0]: fails[1]}
        self._crash = (len(self.calls) + crash[0], crash[1])

    def keep(self, order: Order) -> Order:
        self._stored = order
        return order

    def kept(self) -> Order:
        assert self._stored is not None
        return self._stored

    def _call(self, name: str, effect: Callable[[], object]) -> None:
        crash = self._crash[1] if self._crash is not None and self._crash[0] == len(self.calls) else None
        fails = self._fails.get(len(self.asked())) if name != "advance" else None
        self.calls.append(name)
        if crash == BEFORE:
            raise Crash
        if fails == BEFORE:
            raise PeerFailedError(f"{name} failed")
        if name in self.refuses:
            raise RefusedError(self.refuses[name])
        effect()
        if crash == AFTER:
            raise Crash
        if fails == AFTER:
            raise PeerFailedError(f"{name} failed")

    async def advance(self, order: Order) -> Order:
        if self._stored is not None and self._stored.revision != order.revision:
            raise TakenOverError
        self._call("advance", lambda: self.keep(replace(order, revision=order.revision + 1)))
        return self.kept()

    async def reserve(self, _: Order) -> str:
        self._call("reserve", lambda: setattr(self, "reservation", self.reservation or "HELD"))
        return "reservations/1"

    async def commit(self, _: Order, reservation: str) -> None:
        assert reservation == "reservations/1"
        self._call("commit", lambda: self._settle("reservation", "HELD", "COMMITTED"))

    async def release(self, _: Order, reservation: str) -> bool:
        assert reservation == "reservations/1"
        self._call("release", lambda: self._settle("reservation", "HELD", "RELEASED"))
        return self.reservation == "RELEASED"

    async def take_back(self, _: Order, reservation: str) -> None:
        assert reservation == "reservations/1"
        self._call("take back", lambda: self._settle("reservation", "COMMITTED", "RETURNED"))

    async def authorize(self, order: Order) -> str:
        assert order.payment_token == TOKEN
        self._call("authorize", lambda: setattr(self, "payment", self.payment or "AUTHORIZED"))
        return "payments/1"

    async def capture(self, _: Order, payment: str) -> None:
        assert payment == "payments/1"
        self._call("capture", lambda: self._settle("payment", "AUTHORIZED", "CAPTURED"))

    async def void(self, _: Order, payment: str) -> bool:
        assert payment == "payments/1"
        self._call("void", lambda: self._settle("payment", "AUTHORIZED", "VOIDED"))
        return self.payment == "VOIDED"

    async def refund(self, _: Order, payment: str) -> None:
        assert payment == "payments/1"
        self._call("refund", lambda: self._settle("payment", "CAPTURED", "REFUNDED"))

    async def book(self, order: Order) -> str:
        assert order.destination == BERLIN
        self._call("book", lambda: setattr(self, "shipment", self.shipment or "BOOKED"))
        return "shipments/1"

    async def cancel(self, _: Order, shipment: str) -> None:
        assert shipment == "shipments/1"
        self._call("cancel", lambda: self._settle("shipment", "BOOKED", "CANCELLED"))

    def _settle(self, what: str, only_from: str, to: str) -> None:
        if getattr(self, what) == only_from:
            setattr(self, what, to)


def new_order(destination: Destination | None = BERLIN) -> Order:
    items = (Item("p-1", "Kettle", 2, 4990),)
    return Order(str(uuid4()), "ada", items, "EUR", TOKEN, NOW, NOW, destination, 490 if destination else 0)


def assert_whole(world: _World, order: Order, case: object = "") -> None:
    """Assert that the order has ended, and that inventory, payments and shipping agree with it."""
    held = (world.reservation, world.payment, world.shipment)
    if order.state is State.CONFIRMED:
        assert held == ("COMMITTED", "CAPTURED", "BOOKED" if order.shipping_cents else ""), case
        assert order.rejection is None, case
    elif order.state is State.CANCELLED:
        assert held == ("RETURNED", "REFUNDED", "CANCELLED" if order.shipping_cents else ""), case
        assert order.rejection is None, case
    else:
        assert order.state is State.REJECTED, case
        assert world.reservation in {"", "RELEASED"}, case
        assert world.payment in {"", "VOIDED", "REFUNDED"}, case
        assert world.shipment in {"", "CANCELLED"}, case
        assert order.rejection is not None, case
    assert order == world.kept(), case


async def test_an_order_is_reserved_authorized_booked_captured_committed() -> None:
    world = _World()
    order = await world.saga().place(new_order())
    assert world.asked() == STEPS
    assert (order.state, order.shipment) == (State.CONFIRMED, "shipments/1")
    assert_whole(world, order)


async def test_an_order_that_is_collected_has_no_shipment() -> None:
    world = _World()
    order = await world.saga().place(new_order(None))
    assert world.asked() == ["reserve", "authorize", "capture", "commit"]
    assert (order.state, order.shipment) == (State.CONFIRMED, None)
    assert_whole(world, order)


@pytest.mark.parametrize(
    ("refused", "reason", "given_back"),
    [
        ("reserve", Reason.INSUFFICIENT_STOCK, []),
        ("authorize", Reason.PAYMENT_DECLINED, ["release"]),
        ("book", Reason.SHIPPING_REFUSED, ["release", "void"]),
    ],
)
async def test_a_refusal_gives_back_what_was_taken_before(refused: str, reason: Reason, given_back: list[str]) -> None:
    world = _World()
    world.refuses[refused] = Rejection(reason, "no")
    order = await world.saga().place(new_order())
    assert order.rejection == Rejection(reason, "no")
    assert world.asked()[world.asked().index(refused) + 1 :] == given_back
    assert_whole(world, order)


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize(
    ("failed", "given_back"),
    [
        ("reserve", ["reserve", "release"]),
        ("authorize", ["release", "authorize", "void"]),
        ("book", ["release", "book", "cancel", "void"]),
        ("capture", ["release", "cancel", "void"]),
        ("commit", ["release", "cancel", "void", "refund"]),
    ],
)
async def test_a_failed_step_is_undone_with_those_before(failed: str, moment: str, given_back: list[str]) -> None:
    world = _World(fails={STEPS.index(failed): moment})
    order = await world.saga().place(new_order())
    if (failed, moment) == ("commit", AFTER):
        assert order.state is State.CONFIRMED
    else:
        undone = world.asked()[world.asked().index(failed) + 1 :]
        assert undone == ([*given_back, "refund"] if (failed, moment) == ("capture", AFTER) else given_back)
        assert order.rejection == Rejection(Reason.DEPENDENCY_FAILED, f"{failed} failed")
    assert_whole(world, order)


async def test_an_order_that_cannot_be_given_back_stays_pending_with_its_step() -> None:
    world = _World(fails={3: BEFORE, 4: BEFORE})
    order = await world.saga().place(new_order())
    assert world.asked()[-2:] == ["capture", "release"]
    assert (order.state, order.step) == (State.PENDING, Step.CAPTURE)
    assert order == world.kept()


FAULTS = [*product(range(11), (BEFORE, AFTER))]
WAYS = pytest.mark.parametrize("destination", [BERLIN, None], ids=["shipped", "collected"])


@WAYS
async def test_after_any_two_failures_recovery_leaves_nothing_between(destination: Destination | None) -> None:
    for faults in combinations(FAULTS, 2):
        world = _World(fails=dict(faults))
        order = await world.saga().place(new_order(destination))
        while order.state is State.PENDING:
            order = await world.saga().give_back(order)
        assert_whole(world, order, faults)


@WAYS
@pytest.mark.parametrize("refused", ["", "reserve", "authorize", "book"])
async def test_after_a_crash_anywhere_recovery_leaves_nothing_between(
    refused: str, destination: Destination | None
) -> None:
    for crash, fault in product(product(range(22), (BEFORE, AFTER)), FAULTS):
        world = _World(fails=dict([fault]), crash=crash)
        world.refuses[refused] = Rejection(Reason.SHIPPING_REFUSED, "no")
        order, carry_on = world.keep(new_order(destination)), world.saga().place
        while order.state is State.PENDING:
            try:
                order = await carry_on(order)
            except Crash:
                order = world.kept()
            carry_on = world.saga().give_back
        assert_whole(world, order, (crash, fault))


async def test_an_order_that_was_taken_over_is_left_alone() -> None:
    world = _World()
    order = world.keep(new_order())
    recovered = await world.saga().give_back(order)
    with pytest.raises(TakenOverError):
        await world.saga().place(order)
    assert world.kept() == recovered
    assert_whole(world, recovered)


@pytest.mark.parametrize("call", range(5))
async def test_a_call_that_arrives_after_it_was_undone_takes_nothing(call: int) -> None:
    """The callee hears of a step only after the step's failure was told and undone."""
    world = _World(fails={call: BEFORE})
    order = await world.saga().place(new_order())
    late = {
        "reserve": world.reserve(order),
        "authorize": world.authorize(replace(order, payment_token=TOKEN)),
        "book": world.book(replace(order, destination=BERLIN)),
        "capture": world.capture(order, "payments/1"),
        "commit": world.commit(order, "reservations/1"),
    }
    for name, arriving in late.items():
        if name == world.asked()[call]:
            await arriving
        else:
            arriving.close()
    assert_whole(world, order)


@WAYS
async def test_a_cancelled_order_is_undone_in_reverse(destination: Destination | None) -> None:
    world = _World()
    order = await confirmed_and_to_be_cancelled(world, destination)
    before = len(world.asked())
    cancelled = await world.saga().cancel(order)
    assert world.asked()[before:] == [*(["cancel"] if destination else []), "refund", "take back"]
    assert cancelled.state is State.CANCELLED
    assert_whole(world, cancelled)


@WAYS
async def test_after_a_crash_and_a_failure_anywhere_a_cancelled_order_is_carried_on(
    destination: Destination | None,
) -> None:
    for crash, fault in product(product(range(8), (BEFORE, AFTER)), product(range(6), (BEFORE, AFTER))):
        world = _World()
        order = await confirmed_and_to_be_cancelled(world, destination)
        world.upset(fault, crash)
        while order.state is State.CANCELLING:
            try:
                order = await world.saga().carry_on(order)
            except Crash:
                order = world.kept()
        assert order.state is State.CANCELLED, (crash, fault)
        assert_whole(world, order, (crash, fault))


async def confirmed_and_to_be_cancelled(world: _World, destination: Destination | None) -> Order:
    order = await world.saga().place(world.keep(new_order(destination)))
    return await world.advance(order.cancelling(NOW))
