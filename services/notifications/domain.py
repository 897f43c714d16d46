"""Notifications, and their texts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_TEXT_CHARACTERS = 1000


class Kind(StrEnum):
    """The event that a notification is about."""

    ORDER_PLACED = "ORDER_PLACED"
    ORDER_CONFIRMED = "ORDER_CONFIRMED"
    ORDER_REJECTED = "ORDER_REJECTED"
    ORDER_CANCELLED = "ORDER_CANCELLED"


@dataclass(frozen=True, slots=True)
class Order:
    """The part of an order that a notification mentions. The total is in cents of `currency`.

    `rejection_message` says why the order was rejected; otherwise it is empty.
    """

    id: str
    customer: str
    pieces: int
    total_cents: int
    currency: str
    rejection_message: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A message to a customer. Its id is the id of the event that caused it; `order` and `customer` are ids."""

    id: str
    customer: str
    order: str
    kind: Kind
    text: str
    event_time: datetime
    create_time: datetime


def render_text(kind: Kind, order: Order) -> str:
    """Return the plain text of a notification, at most MAX_TEXT_CHARACTERS long."""
    pieces = "1 piece" if order.pieces == 1 else f"{order.pieces} pieces"
    units, cents = divmod(order.total_cents, 100)
    subject = f"Your order of {pieces} for {units}.{cents:02} {order.currency}"
    texts = {
        Kind.ORDER_PLACED: f"{subject} was received.",
        Kind.ORDER_CONFIRMED: f"{subject} is confirmed and paid.",
        Kind.ORDER_REJECTED: f"{subject} was rejected, and you pay nothing: {order.rejection_message}.",
        Kind.ORDER_CANCELLED: f"{subject} is cancelled, and your money is paid back.",
    }
    return texts[kind][:MAX_TEXT_CHARACTERS]
