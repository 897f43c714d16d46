"""A fake of all that the saga uses: inventory, payments, shipping and the log, with faults at chosen calls."""

# ruff: noqa: D102  # the methods are those of the protocols in saga.py

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from services.orders.domain import Destination, Order, OrderItem, State
from services.orders.errors import PeerFailedError, StepRefusedError, TakenOverError
from services.orders.progress import Rejection
from services.orders.saga import Saga

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = "tok"  # noqa: S105  # a fake token
BERLIN = Destination("Ada", ("Unter den Linden 1",), "Berlin", "10117", "DE")
BEFORE, AFTER = "before", "after"
STEPS = ["reserve", "authorize", "book", "capture", "commit"]


class Crash(BaseException):
    """The process of orders dies."""


class World:
    """The callees and the log in one: what they hold, which calls they received, and which calls fail.

    `fails` maps the number of a call to a callee, from 0, to the moment of its failure: BEFORE or AFTER its effect.
    `crash` is the number and the moment of a crash; here calls to the log count too.
    `failing` and `failing_permanently` name the calls that fail each time.
    """

    def __init__(self, fails: Mapping[int, str] | None = None, crash: tuple[int, str] | None = None) -> None:
        self.calls: list[str] = []
        self.reservation = self.payment = self.shipment = ""
        self.failing: set[str] = set()
        self.failing_permanently: set[str] = set()
        self._permanent_from: tuple[int, str] | None = None
        self._refused: dict[str, Rejection] = {}
        self._fails = fails or {}
        self._crash = crash
        self._stored: Order | None = None

    def saga(self) -> Saga:
        return Saga(self, self, self, self)

    def callee_calls(self) -> list[str]:
        """Return the calls to the callees, in sequence."""
        return [call for call in self.calls if call != "advance"]

    def set_faults(self, fails: tuple[int, str], crash: tuple[int, str]) -> None:
        """Set one call that fails and one that crashes, counted from here on."""
        self._fails = {len(self.callee_calls()) + fails[0]: fails[1]}
        self._crash = (len(self.calls) + crash[0], crash[1])

    def refuse(self, name: str, rejection: Rejection) -> None:
        """Set a call that is refused."""
        self._refused[name] = rejection

    def fail_permanently_from(self, number: int, name: str) -> None:
        """Set a call that fails permanently from the `number`-th call on."""
        self._permanent_from = (number, name)

    def store(self, order: Order) -> Order:
        self._stored = order
        return order

    def stored(self) -> Order:
        assert self._stored is not None
        return self._stored

    def _call(self, name: str, effect: Callable[[], object]) -> None:
        crash = self._crash[1] if self._crash is not None and self._crash[0] == len(self.calls) else None
        fails = self._fails.get(len(self.callee_calls())) if name != "advance" else None
        self.calls.append(name)
        if crash == BEFORE:
            raise Crash
        if fails == BEFORE:
            raise PeerFailedError(f"{name} failed")
        if name in self.failing:
            raise PeerFailedError(f"{name} failed")
        if self._permanent_from == (len(self.callee_calls()) - 1, name):
            self.failing_permanently = {name}
        if name in self.failing_permanently:
            raise PeerFailedError(f"{name} failed permanently", permanent=True)
        if name in self._refused:
            raise StepRefusedError(self._refused[name])
        effect()
        if crash == AFTER:
            raise Crash
        if fails == AFTER:
            raise PeerFailedError(f"{name} failed")

    async def advance(self, order: Order) -> Order:
        revision = order.progress.revision
        if self._stored is not None and self._stored.progress.revision != revision:
            raise TakenOverError
        next_order = order.with_progress(replace(order.progress, revision=revision + 1))
        self._call("advance", lambda: self.store(next_order))
        return self.stored()

    async def reserve(self, _: Order) -> str:
        self._call("reserve", lambda: setattr(self, "reservation", self.reservation or "HELD"))
        return "reservations/1"

    async def commit(self, _: Order, reservation: str) -> None:
        assert reservation == "reservations/1"
        self._call("commit", lambda: self._change("reservation", "HELD", "COMMITTED"))

    async def release(self, _: Order, reservation: str) -> bool:
        assert reservation == "reservations/1"
        self._call("release", lambda: self._change("reservation", "HELD", "RELEASED"))
        return self.reservation == "RELEASED"

    async def return_stock(self, _: Order, reservation: str) -> None:
        assert reservation == "reservations/1"
        self._call("return stock", lambda: self._change("reservation", "COMMITTED", "RETURNED"))

    async def authorize(self, order: Order) -> str:
        assert order.payment_token == TOKEN
        self._call("authorize", lambda: setattr(self, "payment", self.payment or "AUTHORIZED"))
        return "payments/1"

    async def capture(self, _: Order, payment: str) -> None:
        assert payment == "payments/1"
        self._call("capture", lambda: self._change("payment", "AUTHORIZED", "CAPTURED"))

    async def void(self, _: Order, payment: str) -> bool:
        assert payment == "payments/1"
        self._call("void", lambda: self._change("payment", "AUTHORIZED", "VOIDED"))
        return self.payment == "VOIDED"

    async def refund(self, _: Order, payment: str) -> None:
        assert payment == "payments/1"
        self._call("refund", lambda: self._change("payment", "CAPTURED", "REFUNDED"))

    async def book(self, order: Order) -> str:
        assert order.destination == BERLIN
        self._call("book", lambda: setattr(self, "shipment", self.shipment or "BOOKED"))
        return "shipments/1"

    async def cancel(self, _: Order, shipment: str) -> None:
        assert shipment == "shipments/1"
        self._call("cancel", lambda: self._change("shipment", "BOOKED", "CANCELLED"))

    def _change(self, name: str, old_state: str, new_state: str) -> None:
        if getattr(self, name) == old_state:
            setattr(self, name, new_state)


def new_order(destination: Destination | None = BERLIN) -> Order:
    items = (OrderItem("p-1", "Kettle", 2, 4990),)
    return Order(str(uuid4()), "ada", items, "EUR", TOKEN, NOW, NOW, destination, 490 if destination else 0)


def assert_consistent(world: World, order: Order, case: object = "") -> None:
    """Assert that the order has ended, and that inventory, payments and shipping agree with its state."""
    states = (world.reservation, world.payment, world.shipment)
    if order.state is State.CONFIRMED:
        assert states == ("COMMITTED", "CAPTURED", "BOOKED" if order.shipping_cents else ""), case
        assert order.rejection is None, case
    elif order.state is State.CANCELLED:
        assert states == ("RETURNED", "REFUNDED", "CANCELLED" if order.shipping_cents else ""), case
        assert order.rejection is None, case
    else:
        assert order.state is State.REJECTED, case
        assert world.reservation in {"", "RELEASED"}, case
        assert world.payment in {"", "VOIDED", "REFUNDED"}, case
        assert world.shipment in {"", "CANCELLED"}, case
        assert order.rejection is not None, case
    assert order == world.stored(), case
