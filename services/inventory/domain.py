"""Stock, reservations and demand, and the changes that they allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class State(Enum):
    """The state of a reservation. RELEASED and RETURNED are final."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    RETURNED = "RETURNED"


# The number of pieces ever received of one product. The table's columns have 32 bits.
MAX_RECEIVED = 1_000_000_000
# The number of products that the text of an error names.
MAX_NAMED_PRODUCTS = 5
# Each state can be reached from one other state only.
PREVIOUS_STATE = {State.COMMITTED: State.HELD, State.RELEASED: State.HELD, State.RETURNED: State.COMMITTED}


class StockNotFoundError(Exception):
    """The product was never stocked."""

    def __init__(self, product: str) -> None:
        super().__init__(f"product {product} was never stocked")


class StockTooLargeError(Exception):
    """The product would have more than MAX_RECEIVED pieces received."""

    def __init__(self, product: str) -> None:
        super().__init__(f"no more than {MAX_RECEIVED} pieces of product {product} can be received")


class ReservationNotFoundError(Exception):
    """No reservation has this id."""

    def __init__(self, reservation: str) -> None:
        super().__init__(f"reservation {reservation} does not exist")


class ReservationStateError(Exception):
    """The reservation is in a state that does not allow the change."""

    def __init__(self, reservation: str, state: State, target: State) -> None:
        super().__init__(f"reservation {reservation} is {state.value} and cannot become {target.value}")
        self.metadata = {"state": state.value}


@dataclass(frozen=True, slots=True)
class ReservationLine:
    """A number of pieces of one product."""

    product: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product of which more pieces were requested than are available."""

    product: str
    requested: int
    available: int


class InsufficientStockError(Exception):
    """Some lines request more pieces than are available; `shortages` has each of them."""

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        names = ", ".join(shortage.product for shortage in shortages[:MAX_NAMED_PRODUCTS])
        others = f" and {len(shortages) - MAX_NAMED_PRODUCTS} more" if len(shortages) > MAX_NAMED_PRODUCTS else ""
        super().__init__(f"not enough pieces in stock of {names}{others}")
        self.shortages = shortages


@dataclass(frozen=True, slots=True)
class Stock:
    """The pieces of one product. Always available + reserved + sold = received; each number is stored."""

    product: str
    available: int = 0
    reserved: int = 0
    sold: int = 0
    received: int = 0

    @property
    def id(self) -> str:
        """The id in its resource name, which is the product's id."""
        return self.product

    def receive(self, quantity: int) -> "Stock":
        """Add new pieces. Raises StockTooLargeError."""
        if self.received + quantity > MAX_RECEIVED:
            raise StockTooLargeError(self.product)
        return replace(self, available=self.available + quantity, received=self.received + quantity)

    def reserve(self, quantity: int) -> "Stock":
        """Move available pieces to reserved."""
        return replace(self, available=self.available - quantity, reserved=self.reserved + quantity)

    def commit(self, quantity: int) -> "Stock":
        """Move reserved pieces to sold."""
        return replace(self, reserved=self.reserved - quantity, sold=self.sold + quantity)

    def release(self, quantity: int) -> "Stock":
        """Move reserved pieces to available."""
        return replace(self, available=self.available + quantity, reserved=self.reserved - quantity)

    def return_sold(self, quantity: int) -> "Stock":
        """Move sold pieces to available."""
        return replace(self, available=self.available + quantity, sold=self.sold - quantity)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Pieces that are reserved for a caller. `reference` is the caller's name for what they are for."""

    id: str
    state: State
    lines: tuple[ReservationLine, ...]
    reference: str
    create_time: datetime
    update_time: datetime

    def move_to(self, state: State, now: datetime) -> "Reservation":
        """Return the reservation in the new state; unchanged if it is in it already. Raises ReservationStateError."""
        if self.state is state:
            return self
        if PREVIOUS_STATE.get(state) is not self.state:
            raise ReservationStateError(self.id, self.state, state)
        return replace(self, state=state, update_time=now)


@dataclass(frozen=True, slots=True)
class Demand:
    """How many pieces of one product were ordered, sold, and missed for lack of stock.

    `event_time` is the time of the newest counted event. Events may arrive out of order, so `sold` is below zero while
    a cancelled order's OrderConfirmed has not arrived.
    """

    product: str
    asked: int
    sold: int
    missed: int
    event_time: datetime


def reserve(stocks: Mapping[str, Stock], lines: Sequence[ReservationLine]) -> list[Stock]:
    """Return the stocks with the pieces of every line reserved. Raises InsufficientStockError.

    A product without a stock has 0 pieces.
    """
    shortages = [
        Shortage(line.product, line.quantity, available)
        for line in lines
        if (available := stocks[line.product].available if line.product in stocks else 0) < line.quantity
    ]
    if shortages:
        raise InsufficientStockError(shortages)
    return [stocks[line.product].reserve(line.quantity) for line in lines]
