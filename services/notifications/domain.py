"""What a notification is, and what customers are told of each thing that happens to an order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LONGEST_TEXT = 1000


class Kind(StrEnum):
    """What a notification is about."""

    ORDER_PLACED = "ORDER_PLACED"
    ORDER_CONFIRMED = "ORDER_CONFIRMED"
    ORDER_REJECTED = "ORDER_REJECTED"
    ORDER_CANCELLED = "ORDER_CANCELLED"


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order as its customer is told of it. The total is in cents of `currency`; `refusal` is why it was rejected."""

    id: str
    customer: str
    pieces: int
    total_cents: int
    currency: str
    refusal: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What a customer was told. Its id is that of the event that it follows from; `order` and `customer` are ids."""

    id: str
    customer: str
    order: str
    kind: Kind
    text: str
    event_time: datetime
    create_time: datetime


def text_of(kind: Kind, purchase: Purchase) -> str:
    """Say what happened, in plain text of at most LONGEST_TEXT characters."""
    pieces = "1 piece" if purchase.pieces == 1 else f"{purchase.pieces} pieces"
    units, cents = divmod(purchase.total_cents, 100)
    what = f"Your order of {pieces} for {units}.{cents:02} {purchase.currency}"
    told = {
        Kind.ORDER_PLACED: f"{what} has come in.",
        Kind.ORDER_CONFIRMED: f"{what} is confirmed and paid.",
        Kind.ORDER_REJECTED: f"{what} came to nothing, and you pay nothing: {purchase.refusal}.",
        Kind.ORDER_CANCELLED: f"{what} is cancelled, and your money is paid back.",
    }
    return told[kind][:LONGEST_TEXT]
