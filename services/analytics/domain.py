"""Sales, and the figures of a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_TOP_PRODUCTS = 10


class State(StrEnum):
    """The state of an order."""

    PLACED = "PLACED"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"

    def may_follow(self, earlier: "State") -> bool:
        """Return whether an order can change from `earlier` to this state. If not, the event came late."""
        return self in NEXT_STATES[earlier]


NEXT_STATES: Mapping[State, Sequence[State]] = {
    State.PLACED: (State.CONFIRMED, State.REJECTED, State.CANCELLED),
    State.CONFIRMED: (State.CANCELLED,),
    State.REJECTED: (),
    State.CANCELLED: (),
}


@dataclass(frozen=True, slots=True)
class ProductSales:
    """A number of pieces of one product. `product` is its id."""

    product: str
    display_name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Sale:
    """A counted order. The total is in cents of `currency`; `event_time` is when the order reached its state."""

    id: str
    state: State
    currency: str
    total_cents: int
    products: tuple[ProductSales, ...]
    place_time: datetime
    event_time: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (inclusive) to `end` (exclusive). None means that the period is open on this side."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period: orders by state, revenue in cents by currency, and the top-selling products.

    `latest_event_time` is the time of the newest event of all, inside the period or not.
    """

    counts: Mapping[State, int]
    revenue: Mapping[str, int]
    top_products: Sequence[ProductSales]
    latest_event_time: datetime | None
