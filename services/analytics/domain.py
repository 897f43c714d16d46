"""What is counted of orders, and what the figures of a period are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MOST_PRODUCTS = 10


class State(StrEnum):
    """What has become of an order."""

    PLACED = "PLACED"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"

    def may_follow(self, earlier: "State") -> bool:
        """Whether an order that was `earlier` can have become this; not so if the news of it come late."""
        return self in FOLLOWERS[earlier]


FOLLOWERS: Mapping[State, Sequence[State]] = {
    State.PLACED: (State.CONFIRMED, State.REJECTED, State.CANCELLED),
    State.CONFIRMED: (State.CANCELLED,),
    State.REJECTED: (),
    State.CANCELLED: (),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A number of pieces of one product. `product` is its id."""

    product: str
    display_name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Sale:
    """An order as it is counted: the total in cents of `currency`, when it was placed, when it came to its state."""

    id: str
    state: State
    currency: str
    total_cents: int
    lines: tuple[Line, ...]
    place_time: datetime
    event_time: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` on, up to but without `end`; None is as far as there is anything."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period: orders by state, cents by currency, what sold most; and when the newest event was."""

    counts: Mapping[State, int]
    revenue: Mapping[str, int]
    top: Sequence[Line]
    latest_event_time: datetime | None
