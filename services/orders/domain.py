"""What an order is, how far it has come, and the rules that hold for it wherever it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID, uuid5

# The id by which a customer may speak of themselves; no customer's.
ME = "me"
# The largest total of one order, in cents: the most that payments takes.
MOST_CENTS = 1_000_000 * 100
# So often an order fails to be undone before it is parked. Recovery tries every 10 s, so this is half an hour of trying
# at least: restarts, rollouts and most outages of a callee are over by then, and no operator need see to them.
MOST_FAILURES = 180


class _Stored(StrEnum):
    """What is stored by its value. One that only a newer version of this service knows is read as UNSPECIFIED."""

    @classmethod
    def _missing_(cls, _: object) -> "_Stored":
        return cls["UNSPECIFIED"]


class State(_Stored):
    """How far an order has come. REJECTED and CANCELLED are final, and so is CONFIRMED unless it is cancelled."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"


# The states in which somebody must carry an order on.
UNFINISHED = (State.PENDING, State.CANCELLING)


class Reason(_Stored):
    """Why an order is rejected."""

    UNSPECIFIED = "UNSPECIFIED"
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    PAYMENT_DECLINED = "PAYMENT_DECLINED"
    DEPENDENCY_FAILED = "DEPENDENCY_FAILED"
    SHIPPING_REFUSED = "SHIPPING_REFUSED"


class Step(IntEnum):
    """The steps of placing an order, in the order in which they are taken. BOOK is left out if nothing is shipped."""

    UNSPECIFIED = -1
    NONE = 0
    RESERVE = 1
    AUTHORIZE = 2
    BOOK = 3
    CAPTURE = 4
    COMMIT = 5


class Call(_Stored):
    """What is asked of a callee to undo an order; the first three are sent again, to learn what they did."""

    UNSPECIFIED = "UNSPECIFIED"
    RESERVE = "RESERVE"
    AUTHORIZE = "AUTHORIZE"
    BOOK = "BOOK"
    RELEASE = "RELEASE"
    CANCEL_SHIPMENT = "CANCEL_SHIPMENT"
    VOID = "VOID"
    REFUND = "REFUND"
    TAKE_BACK = "TAKE_BACK"


class Hindrance(_Stored):
    """Why an order is parked: a callee refused a call that it should not refuse, or failed MOST_FAILURES times."""

    UNSPECIFIED = "UNSPECIFIED"
    REFUSED = "REFUSED"
    EXHAUSTED = "EXHAUSTED"


class OrderNotFoundError(Exception):
    """There is no such order."""

    def __init__(self, order: str) -> None:
        super().__init__(f"there is no order {order}")


class NotYourCustomerError(Exception):
    """A customer asks about another one, or nobody is there whom "me" could mean."""

    def __init__(self) -> None:
        super().__init__("these are another customer's orders: ask for your own, as customers/me")


class OrderStateError(Exception):
    """The order is not confirmed, so there is nothing to cancel, or not yet."""

    def __init__(self, order: str, state: State) -> None:
        super().__init__(f"order {order} is {state.value} and cannot be cancelled")
        self.metadata = {"state": state.value}


class OrderNotParkedError(Exception):
    """The order is not parked, so there is nothing to resume."""

    def __init__(self, order: str) -> None:
        super().__init__(f"order {order} is not parked")


class UnknownProductsError(Exception):
    """The catalog does not sell some of the products; `positions` are those of their wishes, from 0."""

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__("some products are not for sale")
        self.positions = positions


class RegionNotServedError(Exception):
    """Nothing is shipped to where the order is to go."""

    def __init__(self) -> None:
        super().__init__("is not shipped to")


class MixedCurrenciesError(Exception):
    """The items' prices are in several currencies, so they have no sum."""

    def __init__(self, currencies: Sequence[str]) -> None:
        super().__init__(f"must have prices in one currency, not in {', '.join(currencies)}")


class TotalTooLargeError(Exception):
    """The order's total is above MOST_CENTS."""

    def __init__(self) -> None:
        super().__init__(f"must cost {MOST_CENTS // 100} units at most, all together")


class TakenOverError(Exception):
    """Another process has carried the order on since it was read; whoever read it must leave it alone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a customer, by id, to whom the others' orders are none; or the shop itself, which sees all."""

    customer: str | None = None

    def meant(self, customer: str) -> str:
        """Answer which customer is asked about, ME being the caller. Raises NotYourCustomerError for another one."""
        if self.customer is None and customer != ME:
            return customer
        if self.customer is None or customer not in (ME, self.customer):
            raise NotYourCustomerError
        return self.customer

    def sees(self, customer: str) -> bool:
        """Tell whether a customer's orders are there for the caller."""
        return self.customer in (None, customer)


SHOP = Caller()


@dataclass(frozen=True, slots=True)
class Wish:
    """A number of pieces of one product that a customer asks for. `product` is its id, without "products/"."""

    product: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which orders a list is to hold: one customer's, or everybody's if that is empty; or the parked ones alone."""

    customer: str
    parked_only: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an order goes. `region_code` is ISO 3166-1's, two capital letters."""

    recipient: str
    lines: tuple[str, ...]
    locality: str
    postal_code: str
    region_code: str


@dataclass(frozen=True, slots=True)
class Cart:
    """What a customer asks for, the token of the card that pays for it, and where it goes; None if it is collected.

    `customer` is the id alone.
    """

    customer: str
    wishes: tuple[Wish, ...]
    payment_token: str
    destination: Destination | None = None

    @property
    def pieces(self) -> int:
        """How many pieces all wishes have together."""
        return sum(wish.quantity for wish in self.wishes)


@dataclass(frozen=True, slots=True)
class Product:
    """What the catalog tells of a product. The price of one piece is in cents of `currency`."""

    id: str
    display_name: str
    price_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Item:
    """A number of pieces of one product, at the price in cents that held when the order was placed."""

    product: str
    display_name: str
    quantity: int
    unit_price_cents: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an order comes to nothing: a reason for programs, a sentence for people."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Parking:
    """An order is left alone until an operator resumes it: since when, and which call stands in its way, and why."""

    time: datetime
    call: Call
    reason: Hindrance


@dataclass(frozen=True, slots=True)
class Order:
    """An order and the log of its placing. It is never changed: every step makes a new value.

    `step` is stored before it is begun, so it may or may not have happened; the steps before it have. `rejection` on a
    PENDING order means that what it took is being given back. `reservation`, `payment` and `shipment` are the callees'
    resource names, None until they are known. `payment_token` and `destination` are kept only while the order is
    PENDING; one without a destination is collected and has no shipment. `revision` counts how often the order was
    stored: an order that stays unfinished at one revision has nobody who is at it. `failures` counts how often it could
    not be undone.
    """

    id: str
    customer: str
    items: tuple[Item, ...]
    currency: str
    payment_token: str
    create_time: datetime
    update_time: datetime
    destination: Destination | None = None
    shipping_cents: int = 0
    state: State = State.PENDING
    rejection: Rejection | None = None
    step: Step = Step.RESERVE
    reservation: str | None = None
    payment: str | None = None
    shipment: str | None = None
    revision: int = 0
    failures: int = 0
    parking: Parking | None = None

    @property
    def pieces(self) -> int:
        """How many pieces all items have together."""
        return sum(item.quantity for item in self.items)

    @property
    def total_cents(self) -> int:
        """The sum of every item's unit price times its quantity, and what shipping costs."""
        return sum(item.unit_price_cents * item.quantity for item in self.items) + self.shipping_cents

    @property
    def has_ended(self) -> bool:
        """Whether the order is carried no further."""
        return self.state in {State.CONFIRMED, State.REJECTED, State.CANCELLED}

    @property
    def is_at_rest(self) -> bool:
        """Whether nobody is at the order now: it has ended, or could not be undone and is left for later."""
        return self.has_ended or self.failures > 0

    @property
    def is_understood(self) -> bool:
        """Whether this version of the service knows how the order goes on: during a rollout, a newer one may not."""
        return self.state is not State.UNSPECIFIED and self.step is not Step.UNSPECIFIED

    def request_id(self, call: str) -> str:
        """Answer the id under which this order's `call` ("reserve", "void", …) is sent, however often it is sent."""
        return str(uuid5(UUID(self.id), call))

    def reserved(self, reservation: str) -> "Order":
        """Note that the stock is held; the payment is authorized next."""
        return replace(self, reservation=reservation, step=Step.AUTHORIZE)

    def authorized(self, payment: str) -> "Order":
        """Note that the money is set aside; the shipment is booked next, or the money captured if there is none."""
        return replace(self, payment=payment, step=Step.BOOK if self.destination else Step.CAPTURE)

    def booked(self, shipment: str) -> "Order":
        """Note that the shipment is booked; the money is captured next."""
        return replace(self, shipment=shipment, step=Step.CAPTURE)

    def captured(self) -> "Order":
        """Note that the money is collected; the stock is committed next."""
        return replace(self, step=Step.COMMIT)

    def refused(self, rejection: Rejection) -> "Order":
        """Note that the step was refused and took nothing; what those before took is to be given back."""
        return replace(self, rejection=rejection, step=Step(self.step - 1))

    def given_up(self, rejection: Rejection) -> "Order":
        """Note that the step, which may have happened, and those before are to be undone. A first reason stays."""
        return replace(self, rejection=self.rejection or rejection)

    def confirmed(self, now: datetime) -> "Order":
        """End the order: the stock is sold and the money is collected."""
        return self._ended(State.CONFIRMED, None, now)

    def rejected(self, now: datetime) -> "Order":
        """End the order: everything is given back."""
        return self._ended(State.REJECTED, self.rejection, now)

    def cancelling(self, now: datetime) -> "Order":
        """Note that the order is to be undone, unless it was before. Raises OrderStateError unless it is CONFIRMED."""
        if self.state in {State.CANCELLING, State.CANCELLED}:
            return self
        if self.state is not State.CONFIRMED or not self.is_understood:
            raise OrderStateError(self.id, self.state)
        return replace(self, state=State.CANCELLING, failures=0, update_time=now)

    def cancelled(self, now: datetime) -> "Order":
        """End the order: shipment, money and stock are taken back."""
        return self._ended(State.CANCELLED, None, now)

    def failed(self, call: Call, now: datetime, *, refused: bool) -> "Order":
        """Note that `call` failed and the order is to be undone later; parked, if it was refused or fails too often."""
        failures = self.failures + 1
        if not refused and failures < MOST_FAILURES:
            return replace(self, failures=failures)
        reason = Hindrance.REFUSED if refused else Hindrance.EXHAUSTED
        return replace(self, failures=failures, parking=Parking(now, call, reason))

    def resumed(self) -> "Order":
        """Note that the order is to be carried on again. Raises OrderNotParkedError."""
        if self.parking is None or not self.is_understood:
            raise OrderNotParkedError(self.id)
        return replace(self, failures=0, parking=None)

    def _ended(self, state: State, rejection: Rejection | None, now: datetime) -> "Order":
        ended = replace(self, state=state, rejection=rejection, failures=0, parking=None, update_time=now)
        return replace(ended, payment_token="", destination=None)


def priced(wishes: Sequence[Wish], products: Sequence[Product]) -> tuple[tuple[Item, ...], str]:
    """Make the items of an order and tell their currency; `products` are those of `wishes`, one for one.

    Raises MixedCurrenciesError.
    """
    items = tuple(
        Item(product.id, product.display_name, wish.quantity, product.price_cents)
        for wish, product in zip(wishes, products, strict=True)
    )
    currencies = sorted({product.currency for product in products})
    if len(currencies) > 1:
        raise MixedCurrenciesError(currencies)
    return items, currencies[0]


def within_limit(order: Order) -> Order:
    """Answer the order. Raises TotalTooLargeError if its total is above MOST_CENTS."""
    if order.total_cents > MOST_CENTS:
        raise TotalTooLargeError
    return order
