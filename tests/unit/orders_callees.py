"""Fakes of the callees of orders with faults by name, carts, and request keys."""

# ruff: noqa: D102  # the methods are those of the protocols in saga.py and handlers.py

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from services.orders.domain import Cart, Destination, Order, OrderLine, Product
from services.orders.errors import PeerFailedError, StepRefusedError
from services.orders.progress import Rejection, RejectionReason
from services.orders.store import Store
from services.runtime.events.outbox import next_records
from services.runtime.storage import Database, RequestKey

TOKEN = "tok"  # noqa: S105  # a fake token
CART = Cart("ada", (OrderLine("p-1", 2),), TOKEN)
BERLIN = Destination("Ada", ("Unter den Linden 1", "2. Hof"), "Berlin", "10117", "DE")
SHIPPED = replace(CART, destination=BERLIN)
BEFORE, AFTER = "before", "after"


class Crash(BaseException):
    """The process of orders dies."""


@dataclass
class Failure:
    """A failure of a call, BEFORE or AFTER its effect, for the next `times` calls."""

    moment: str
    permanent: bool
    times: float

    def raise_at(self, name: str, moment: str) -> None:
        if self.moment == moment:
            text = f"{name} failed permanently" if self.permanent else f"{name} failed"
            raise PeerFailedError(text, permanent=self.permanent)


NO_FAILURE = Failure("never", permanent=False, times=0)


class Faults:
    """The calls that all fakes received, and the faults of calls by their name.

    Only tests that interrupt an order at every possible call name calls by their number: `fail_number`, `crash_number`.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.is_hanging = asyncio.Event()
        self.go_on = asyncio.Event()
        self._failures: dict[str, list[Failure]] = {}
        self._refused: dict[str, Exception] = {}
        self._hanging = ""
        self._failing_numbers: dict[int, str] = {}
        self._crash: tuple[int, str] | None = None

    def fail(self, *names: str, moment: str = BEFORE, permanent: bool = False, times: float = math.inf) -> None:
        """Set calls to fail.

        Failures of the same name follow one another: the second starts after the first's `times`.
        """
        for name in names:
            self._failures.setdefault(name, []).append(Failure(moment, permanent, times))

    def refuse(self, name: str, refusal: Rejection | Exception | None = None) -> None:
        """Set a call to be refused for a business reason."""
        reason = refusal or Rejection(RejectionReason.PAYMENT_DECLINED, f"{name} refused")
        self._refused[name] = StepRefusedError(reason) if isinstance(reason, Rejection) else reason

    def hang(self, name: str) -> None:
        """Set a call to hang: it sets `is_hanging` and waits for `go_on`."""
        self._hanging = name

    def recover(self, *names: str) -> None:
        """Remove the failures and refusals of these calls; without names, of all calls."""
        for name in names or (*self._failures, *self._refused):
            self._failures.pop(name, None)
            self._refused.pop(name, None)

    def fail_number(self, number: int, moment: str) -> None:
        """Set a call to a callee to fail; the next call has the number 0."""
        self._failing_numbers[len(self.callee_calls()) + number] = moment

    def crash_number(self, number: int, moment: str) -> None:
        """Set the process to crash at a call; the next call has the number 0. Calls of the log count too."""
        self._crash = (len(self.calls) + number, moment)

    def callee_calls(self) -> list[str]:
        """Return the calls to the callees, in sequence."""
        return [call for call in self.calls if call != "advance"]

    async def call(self, name: str, effect: Callable[[], object] = lambda: None) -> None:
        """Record a call, and apply its effect unless a fault prevents it."""
        crash = self._crash[1] if self._crash is not None and self._crash[0] == len(self.calls) else ""
        failures = [self._next_failure(name)]
        if name != "advance" and (moment := self._failing_numbers.get(len(self.callee_calls()))):
            failures.append(Failure(moment, permanent=False, times=1))
        self.calls.append(name)
        if crash == BEFORE:
            raise Crash
        if name == self._hanging:
            self.is_hanging.set()
            await self.go_on.wait()
        for failure in failures:
            failure.raise_at(name, BEFORE)
        if name in self._refused:
            raise self._refused[name]
        effect()
        if crash == AFTER:
            raise Crash
        for failure in failures:
            failure.raise_at(name, AFTER)

    def _next_failure(self, name: str) -> Failure:
        for failure in self._failures.get(name, ()):
            if failure.times > 0:
                failure.times -= 1
                return failure
        return NO_FAILURE


class Catalog:
    """Knows every product."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    async def get_products(self, lines: Sequence[OrderLine]) -> Sequence[Product]:
        await self.faults.call("get_products")
        return [Product(line.product, "Kettle", 4990, "EUR") for line in lines]


class Resources:
    """One resource of a callee for each order: `states` has its state by the id of the order."""

    name = ""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.states: dict[str, str] = {}

    async def create(self, call: str, order: Order, state: str) -> str:
        await self.faults.call(call, lambda: self.states.setdefault(order.id, state))
        return self.name

    async def change(self, call: str, order: Order, name: str, states: tuple[str, str]) -> None:
        """Change the state from the first to the second; leave any other state alone."""
        assert name == self.name
        old_state, new_state = states

        def effect() -> None:
            if self.states.get(order.id) == old_state:
                self.states[order.id] = new_state

        await self.faults.call(call, effect)


class Stock(Resources):
    """Inventory's reservations."""

    name = "reservations/1"

    async def reserve(self, order: Order) -> str:
        return await self.create("reserve", order, "HELD")

    async def commit(self, order: Order, reservation: str) -> None:
        await self.change("commit", order, reservation, ("HELD", "COMMITTED"))

    async def release(self, order: Order, reservation: str) -> bool:
        await self.change("release", order, reservation, ("HELD", "RELEASED"))
        return self.states.get(order.id) == "RELEASED"

    async def return_stock(self, order: Order, reservation: str) -> None:
        await self.change("return stock", order, reservation, ("COMMITTED", "RETURNED"))


class Payments(Resources):
    """The payments."""

    name = "payments/1"

    async def authorize(self, order: Order) -> str:
        assert order.payment_token == TOKEN
        return await self.create("authorize", order, "AUTHORIZED")

    async def capture(self, order: Order, payment: str) -> None:
        await self.change("capture", order, payment, ("AUTHORIZED", "CAPTURED"))

    async def void(self, order: Order, payment: str) -> bool:
        await self.change("void", order, payment, ("AUTHORIZED", "VOIDED"))
        return self.states.get(order.id) == "VOIDED"

    async def refund(self, order: Order, payment: str) -> None:
        await self.change("refund", order, payment, ("CAPTURED", "REFUNDED"))


class Shipping(Resources):
    """The shipments, and quotes for them."""

    name = "shipments/1"

    async def quote(self, destination: Destination, pieces: int, currency: str) -> int:
        assert (destination, pieces, currency) == (BERLIN, 2, "EUR")
        await self.faults.call("quote")
        return 490

    async def book(self, order: Order) -> str:
        assert order.destination == BERLIN
        return await self.create("book", order, "BOOKED")

    async def cancel(self, order: Order, shipment: str) -> None:
        await self.change("cancel", order, shipment, ("BOOKED", "CANCELLED"))


class Callees(Faults):
    """All callees of orders, with their faults."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog(self)
        self.stock = Stock(self)
        self.payments = Payments(self)
        self.shipping = Shipping(self)

    def states_of(self, order: Order) -> tuple[str, str, str]:
        """Return the states of an order's reservation, payment and shipment; "" for what it does not have."""
        reservation, payment, shipment = (
            callee.states.get(order.id, "") for callee in (self.stock, self.payments, self.shipping)
        )
        return reservation, payment, shipment

    @property
    def held(self) -> set[str]:
        """The things that the callees hold for any order."""
        holding = {
            "stock": {"HELD"} & {*self.stock.states.values()},
            "money": {"AUTHORIZED", "CAPTURED"} & {*self.payments.states.values()},
            "shipment": {"BOOKED"} & {*self.shipping.states.values()},
        }
        return {name for name, states in holding.items() if states}


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
