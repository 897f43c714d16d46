"""The saga over fake callees and a fake log."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from services.orders.domain import Destination, Order, OrderItem, State
from services.orders.errors import TakenOverError
from services.orders.saga import Saga
from tests.unit.orders_callees import BERLIN, TOKEN, Callees, Faults

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = ["reserve", "authorize", "book", "capture", "commit"]


class Log:
    """The log of one order."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._stored: Order | None = None

    def store(self, order: Order) -> Order:
        """Store the order, and return it."""
        self._stored = order
        return order

    def stored(self) -> Order:
        """Return the stored order."""
        assert self._stored is not None
        return self._stored

    async def advance(self, order: Order) -> Order:
        """Store the next revision of the order, unless another process has done so."""
        revision = order.progress.revision
        if self._stored is not None and self._stored.progress.revision != revision:
            raise TakenOverError
        next_order = order.with_progress(replace(order.progress, revision=revision + 1))
        await self.faults.call("advance", lambda: self.store(next_order))
        return self.stored()


class World(Callees):
    """The callees and the log, with their faults."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log(self)

    def saga(self) -> Saga:
        """Create a saga, as each process of orders does."""
        return Saga(self.log, self.stock, self.payments, self.shipping)


def new_order(destination: Destination | None = BERLIN) -> Order:
    items = (OrderItem("p-1", "Kettle", 2, 4990),)
    return Order(str(uuid4()), "ada", items, "EUR", TOKEN, NOW, NOW, destination, 490 if destination else 0)


def assert_consistent(world: World, order: Order, case: object = "") -> None:
    """Assert that the order has ended, and that inventory, payments and shipping agree with its state."""
    reservation, payment, shipment = states = world.states_of(order)
    if order.state is State.CONFIRMED:
        assert states == ("COMMITTED", "CAPTURED", "BOOKED" if order.shipping_cents else ""), case
        assert order.rejection is None, case
    elif order.state is State.CANCELLED:
        assert states == ("RETURNED", "REFUNDED", "CANCELLED" if order.shipping_cents else ""), case
        assert order.rejection is None, case
    else:
        assert order.state is State.REJECTED, case
        assert reservation in {"", "RELEASED"}, case
        assert payment in {"", "VOIDED", "REFUNDED"}, case
        assert shipment in {"", "CANCELLED"}, case
        assert order.rejection is not None, case
    assert order == world.log.stored(), case
