"""Inventory, payments, shipping and the log of orders, made up: what they hold, and what fails when."""

# ruff: noqa: D102  # the methods are those of the protocols in saga.py

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from services.orders.domain import Destination, Item, Order, Rejection, State, TakenOverError
from services.orders.saga import PeerFailedError, RefusedError, Saga

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = "tok"  # noqa: S105  # a made-up one
BERLIN = Destination("Ada", ("Unter den Linden 1",), "Berlin", "10117", "DE")
BEFORE, AFTER = "before", "after"
STEPS = ["reserve", "authorize", "book", "capture", "commit"]


class Crash(BaseException):
    """The orders process ends."""


class World:
    """Inventory, payments, shipping and the log in one: what they hold, what they were asked, and what fails when.

    `fails` maps the number of a call to a callee (the first is 0) to the moment when it fails: BEFORE or AFTER its
    effect. `denies` names the calls that are refused though they should not be, `away`
    those that fail. `crash` is the same for one call of all, those to the log included.
    """

    def __init__(self, fails: Mapping[int, str] | None = None, crash: tuple[int, str] | None = None) -> None:
        self.calls: list[str] = []
        self.reservation = self.payment = self.shipment = ""
        self.refuses: dict[str, Rejection] = {}
        self.denies: set[str] = set()
        self.away: set[str] = set()
        self._denied_from: tuple[int, str] | None = None
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

    def deny_from(self, number: int, name: str) -> None:
        """Deny a call from the given number of calls on."""
        self._denied_from = (number, name)

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
        if name in self.away:
            raise PeerFailedError(f"{name} failed")
        if self._denied_from == (len(self.asked()) - 1, name):
            self.denies = {name}
        if name in self.denies:
            raise PeerFailedError(f"{name} denied", refused=True)
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


def assert_whole(world: World, order: Order, case: object = "") -> None:
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
