"""The records of all services as plain data. Standard library alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Pieces = Mapping[str, int]
"""Product ("products/{id}") → number of pieces."""


class State(StrEnum):
    """The states of an order, by their names in the contract of orders."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"


FINAL_STATES = frozenset({State.CONFIRMED, State.REJECTED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in cents of a currency."""

    cents: int
    currency: str

    def __str__(self) -> str:
        """Format the amount for people: 1,234.50 EUR."""
        sign = "-" if self.cents < 0 else ""
        return f"{sign}{abs(self.cents) // 100:,}.{abs(self.cents) % 100:02} {self.currency}"


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `shipping` is None if the customer collects it; `lacks_stock`: it was rejected for lack of stock."""

    name: str
    state: State
    pieces: Pieces
    total: Money
    shipping: Money | None
    lacks_stock: bool
    parked: bool
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment. Its state is AUTHORIZED, CAPTURED, VOIDED or REFUNDED; `reference` is the order's name."""

    name: str
    state: str
    amount: Money
    reference: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation. Its state is HELD, COMMITTED, RELEASED or RETURNED; `reference` is the order's name."""

    name: str
    state: str
    pieces: Pieces
    reference: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """A shipment. Its state is BOOKED or CANCELLED; `reference` is the order's name."""

    name: str
    state: str
    price: Money
    reference: str


@dataclass(frozen=True, slots=True)
class Stock:
    """The pieces of one product."""

    product: str
    available: int
    reserved: int
    sold: int
    received: int


@dataclass(frozen=True, slots=True)
class Demand:
    """The demand for one product as inventory counted it, in pieces."""

    product: str
    asked: int
    sold: int
    missed: int


@dataclass(frozen=True, slots=True)
class Sale:
    """An order as analytics counted it. Its state is PLACED, CONFIRMED, REJECTED or CANCELLED."""

    order: str
    state: str
    pieces: Pieces
    total: Money


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification to a customer. `kind` is ORDER_PLACED, and so on; `event` is the id of the event behind it."""

    event: str
    order: str
    kind: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event of an order, read from Kafka. `type` is OrderPlaced, and so on. A duplicate has the same `id`."""

    id: str
    type: str
    order: str
    pieces: Pieces
    total: Money


@dataclass(frozen=True, slots=True)
class EventRecords:
    """The events of orders in Kafka, in the sequence of each partition, and what each consumer recorded from them.

    Kafka deletes old events. It may lack events of orders that were created before `complete_since`; None means that
    it has them all. `dead_letters` counts the dead letters that were not reprocessed, by consumer.
    """

    events: Sequence[Event]
    complete_since: datetime | None
    notifications: Sequence[Notification]
    sales: Sequence[Sale]
    demands: Sequence[Demand]
    dead_letters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Records:
    """The records of all services, read once. Orders are read twice: before all other records, and after them.

    Orders stores an order before it sends any call for it. So each record that was read in between belongs to an order
    of `orders_after`. An order with a final state that is the same in both lists did not change during the reading.
    """

    orders_before: Mapping[str, Order]
    orders_after: Mapping[str, Order]
    payments: Sequence[Payment]
    reservations: Sequence[Reservation]
    shipments: Sequence[Shipment]
    stocks: Sequence[Stock]
    event_records: EventRecords | None
    """None without Kafka."""

    def settled(self, names: Iterable[str]) -> dict[str, Order]:
        """Return those of the named orders that have a final state and did not change during the reading."""
        orders = {name: self.orders_after[name] for name in names if name in self.orders_after}
        return {
            name: order
            for name, order in orders.items()
            if order.state in FINAL_STATES and self.orders_before.get(name) == order
        }


def total_pieces(orders: Iterable[Order]) -> Counter[str]:
    """Return the sum of the pieces of the orders, by product."""
    total: Counter[str] = Counter()
    for order in orders:
        total.update(order.pieces)
    return total
