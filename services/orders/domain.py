"""What an order is, what it costs, who may see it, and which states it goes through."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from services.orders.errors import (
    MixedCurrenciesError,
    NotYourCustomerError,
    OrderNotParkedError,
    OrderStateError,
    TotalTooLargeError,
)
from services.orders.progress import Rejection, SagaProgress, Step, StoredEnum

# The customer id that stands for the caller. No customer has it.
ME = "me"
# The largest total of one order. Payments accepts no larger amount.
MAX_TOTAL_CENTS = 1_000_000 * 100


class State(StoredEnum):
    """The state of an order. REJECTED and CANCELLED are final. CONFIRMED is final unless the order is cancelled."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"


# The states of orders that a process must finish.
UNFINISHED = (State.PENDING, State.CANCELLING)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a customer, by id, who sees their own orders; or a service of the mesh, which sees all."""

    customer: str | None = None

    def resolve(self, customer: str) -> str:
        """Return the id of the customer that the caller names: their own for ME.

        Raises NotYourCustomerError if a customer names another one, or a service names ME.
        """
        if self.customer is None and customer != ME:
            return customer
        if self.customer is None or customer not in (ME, self.customer):
            raise NotYourCustomerError
        return self.customer

    def can_see(self, customer: str) -> bool:
        """Return whether the caller may see a customer's orders."""
        return self.customer in (None, customer)


INTERNAL = Caller()
"""A call from inside the mesh, without a user."""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list: one customer's, or all customers' if `customer` is empty."""

    customer: str
    parked_only: bool = False


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A quantity of one product that a customer orders, without its price. `product` is the id alone."""

    product: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an order is shipped. `region_code` is from ISO 3166-1: two capital letters."""

    recipient: str
    lines: tuple[str, ...]
    locality: str
    postal_code: str
    region_code: str


@dataclass(frozen=True, slots=True)
class Cart:
    """What a customer orders, the token of the card that pays, and the destination; None if the order is collected.

    `customer` is the id alone.
    """

    customer: str
    lines: tuple[OrderLine, ...]
    payment_token: str
    destination: Destination | None = None

    @property
    def pieces(self) -> int:
        """The number of pieces in all lines."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the catalog. `price_cents` is the price of one piece, in cents of `currency`."""

    id: str
    display_name: str
    price_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class OrderItem:
    """A quantity of one product, with its name and price at the time of the order."""

    product: str
    display_name: str
    quantity: int
    unit_price_cents: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer bought, its state, and how far its saga has come. Immutable: each change returns a new value.

    `payment_token` and `destination` are kept only while the order is PENDING. An order without a destination is
    collected: it has no shipment.
    """

    id: str
    customer: str
    items: tuple[OrderItem, ...]
    currency: str
    payment_token: str
    create_time: datetime
    update_time: datetime
    destination: Destination | None = None
    shipping_cents: int = 0
    state: State = State.PENDING
    progress: SagaProgress = field(default_factory=SagaProgress)

    @property
    def pieces(self) -> int:
        """The number of pieces in all items."""
        return sum(item.quantity for item in self.items)

    @property
    def total_cents(self) -> int:
        """The sum of each item's unit price times its quantity, plus shipping."""
        return sum(item.unit_price_cents * item.quantity for item in self.items) + self.shipping_cents

    @property
    def is_shipped(self) -> bool:
        """Whether the order has a destination. False once the order has ended, because the destination is deleted."""
        return self.destination is not None

    @property
    def rejection(self) -> Rejection | None:
        """The reason why the order was rejected; None unless it is REJECTED."""
        return self.progress.rejection if self.state is State.REJECTED else None

    @property
    def has_ended(self) -> bool:
        """Whether the saga of the order is over."""
        return self.state in {State.CONFIRMED, State.REJECTED, State.CANCELLED}

    @property
    def is_idle(self) -> bool:
        """Whether no process works on the order now: it has ended, or undoing it failed and recovery retries later."""
        return self.has_ended or self.progress.failures > 0

    @property
    def is_understood(self) -> bool:
        """Whether this release knows the order's state and step. During a rollout newer code may have stored others."""
        return self.state is not State.UNSPECIFIED and self.progress.step is not Step.UNSPECIFIED

    def request_id(self, call: str) -> str:
        """Return the request id of this order's `call` ("reserve", "void", …). It is the same each time it is sent."""
        return str(uuid5(UUID(self.id), call))

    def with_progress(self, progress: SagaProgress) -> "Order":
        """Return the order with another progress."""
        return replace(self, progress=progress)

    def confirmed(self, now: datetime) -> "Order":
        """Return the order CONFIRMED: the stock is sold and the payment captured."""
        return self._ended(State.CONFIRMED, None, now)

    def rejected(self, now: datetime) -> "Order":
        """Return the order REJECTED: everything that it took is undone."""
        return self._ended(State.REJECTED, self.progress.rejection, now)

    def cancelling(self, now: datetime) -> "Order":
        """Return the order CANCELLING, or unchanged if it is that or CANCELLED already.

        Raises OrderStateError if it is in another state than CONFIRMED.
        """
        if self.state in {State.CANCELLING, State.CANCELLED}:
            return self
        if self.state is not State.CONFIRMED or not self.is_understood:
            raise OrderStateError(self.id, self.state.value)
        return replace(self, state=State.CANCELLING, progress=self.progress.reset_failures(), update_time=now)

    def cancelled(self, now: datetime) -> "Order":
        """Return the order CANCELLED: the shipment is cancelled, the money refunded, the stock returned."""
        return self._ended(State.CANCELLED, None, now)

    def resumed(self) -> "Order":
        """Return the order without its parking, for the saga to finish. Raises OrderNotParkedError."""
        if self.progress.parking is None or not self.is_understood:
            raise OrderNotParkedError(self.id)
        return self.with_progress(self.progress.reset_failures())

    def _ended(self, state: State, rejection: Rejection | None, now: datetime) -> "Order":
        progress = replace(self.progress.reset_failures(), rejection=rejection)
        return replace(self, state=state, progress=progress, update_time=now, payment_token="", destination=None)


def price_lines(lines: Sequence[OrderLine], products: Sequence[Product]) -> tuple[tuple[OrderItem, ...], str]:
    """Return the items of an order and their currency. `products` are those of `lines`, one for each.

    Raises MixedCurrenciesError.
    """
    items = tuple(
        OrderItem(product.id, product.display_name, line.quantity, product.price_cents)
        for line, product in zip(lines, products, strict=True)
    )
    currencies = sorted({product.currency for product in products})
    if len(currencies) > 1:
        raise MixedCurrenciesError(currencies)
    return items, currencies[0]


def check_total(order: Order) -> None:
    """Raise TotalTooLargeError if the order's total is above MAX_TOTAL_CENTS."""
    if order.total_cents > MAX_TOTAL_CENTS:
        raise TotalTooLargeError(MAX_TOTAL_CENTS // 100)
