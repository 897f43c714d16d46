"""The books of all services as plain data: what one reading of them found. Standard library alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Pieces = Mapping[str, int]
"""Product ("products/{id}") → how many pieces."""


class State(StrEnum):
    """How far an order has come, in its own contract's words."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"


ENDS = frozenset({State.CONFIRMED, State.REJECTED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in cents of a currency."""

    cents: int
    currency: str

    def __str__(self) -> str:
        """Write it for people: 1,234.50 EUR."""
        sign = "-" if self.cents < 0 else ""
        return f"{sign}{abs(self.cents) // 100:,}.{abs(self.cents) % 100:02} {self.currency}"


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `shipping` is None if it is collected; `lacks_stock` says that it was rejected for that."""

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
    """A payment: its state is AUTHORIZED, CAPTURED, VOIDED or REFUNDED."""

    name: str
    state: str
    amount: Money
    reference: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation: its state is HELD, COMMITTED, RELEASED or RETURNED."""

    name: str
    state: str
    pieces: Pieces
    reference: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """A shipment: its state is BOOKED or CANCELLED."""

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
    """What was asked for of one product, as inventory has counted it."""

    product: str
    asked: int
    sold: int
    missed: int


@dataclass(frozen=True, slots=True)
class Sale:
    """An order as analytics has counted it: its state is PLACED, CONFIRMED, REJECTED or CANCELLED."""

    order: str
    state: str
    pieces: Pieces
    total: Money


@dataclass(frozen=True, slots=True)
class Notification:
    """What a customer was told: its kind is ORDER_PLACED, and so on; `event` is the id of the event behind it."""

    event: str
    order: str
    kind: str


@dataclass(frozen=True, slots=True)
class Event:
    """A record of Kafka: `kind` is OrderPlaced, and so on. A record that comes twice has its `id` twice."""

    id: str
    kind: str
    order: str
    pieces: Pieces
    total: Money


@dataclass(frozen=True, slots=True)
class Told:
    """What came of the orders' events: in Kafka itself, in the order of each partition, and with each who takes them.

    Kafka keeps records for a while: of orders that were placed before `since` it may have none any more.
    `dead_letters` are those that were not taken again, by consumer.
    """

    events: Sequence[Event]
    since: datetime | None
    notifications: Sequence[Notification]
    sales: Sequence[Sale]
    demands: Sequence[Demand]
    dead_letters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Books:
    """One reading of all services. Orders are read twice: `before` all else, and `after` it.

    What stood in the other books meanwhile belongs to an order of `after`, for an order is stored before anything is
    asked for it. And an order that ended as it stands in both did not change while the others were read.
    """

    before: Mapping[str, Order]
    after: Mapping[str, Order]
    payments: Sequence[Payment]
    reservations: Sequence[Reservation]
    shipments: Sequence[Shipment]
    stocks: Sequence[Stock]
    told: Told | None
    """None without Kafka."""

    def settled(self, among: Iterable[str]) -> dict[str, Order]:
        """Answer those orders of `among` that had ended and did not change during the reading."""
        found = {name: self.after[name] for name in among if name in self.after}
        return {name: order for name, order in found.items() if order.state in ENDS and self.before.get(name) == order}


def total_pieces(orders: Iterable[Order]) -> Counter[str]:
    """Add up the pieces of orders, by product."""
    found: Counter[str] = Counter()
    for order in orders:
        found.update(order.pieces)
    return found
