"""The rules of stock: what is there, what is held back, what may become of a reservation. Standard library alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class State(Enum):
    """What has become of a reservation's pieces. RELEASED and RETURNED are final."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    RETURNED = "RETURNED"


# So many pieces of one product are put in at most: tables count in 32 bits.
MOST_RECEIVED = 1_000_000_000
# Which state each can be reached from: pieces are sold or given back once, and taken back only if they were sold.
BEFORE = {State.COMMITTED: State.HELD, State.RELEASED: State.HELD, State.RETURNED: State.COMMITTED}


class StockNotFoundError(Exception):
    """The product was never stocked."""

    def __init__(self, product: str) -> None:
        super().__init__(f"product {product} was never stocked")


class StockTooLargeError(Exception):
    """More pieces of a product would be put in than are counted."""

    def __init__(self, product: str) -> None:
        super().__init__(f"at most {MOST_RECEIVED} pieces of product {product} can ever be put in")


class ReservationNotFoundError(Exception):
    """There is no such reservation."""

    def __init__(self, reservation: str) -> None:
        super().__init__(f"there is no reservation {reservation}")


class ReservationStateError(Exception):
    """The reservation is not in the state from which it could become what the caller asks."""

    def __init__(self, reservation: str, state: State) -> None:
        super().__init__(f"reservation {reservation} is {state.value}")
        self.metadata = {"state": state.value}


@dataclass(frozen=True, slots=True)
class Line:
    """A number of pieces of one product."""

    product: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """A line that asks for more than there is."""

    product: str
    wanted: int
    available: int


class InsufficientStockError(Exception):
    """Some lines ask for more than is available; `shortages` names each of them."""

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        super().__init__(f"not enough pieces of {', '.join(shortage.product for shortage in shortages)}")
        self.shortages = shortages


@dataclass(frozen=True, slots=True)
class Stock:
    """The pieces of one product: always available + reserved + sold = received, each counted for itself."""

    product: str
    available: int = 0
    reserved: int = 0
    sold: int = 0
    received: int = 0

    @property
    def id(self) -> str:
        """The id in its resource name: the product's."""
        return self.product

    def receive(self, quantity: int) -> "Stock":
        """Put new pieces in. Raises StockTooLargeError."""
        if self.received + quantity > MOST_RECEIVED:
            raise StockTooLargeError(self.product)
        return replace(self, available=self.available + quantity, received=self.received + quantity)

    def hold(self, quantity: int) -> "Stock":
        """Keep pieces back."""
        return replace(self, available=self.available - quantity, reserved=self.reserved + quantity)

    def sell(self, quantity: int) -> "Stock":
        """Take pieces out that were kept back."""
        return replace(self, reserved=self.reserved - quantity, sold=self.sold + quantity)

    def give_back(self, quantity: int) -> "Stock":
        """Make pieces available again that were kept back."""
        return replace(self, available=self.available + quantity, reserved=self.reserved - quantity)

    def take_back(self, quantity: int) -> "Stock":
        """Make pieces available again that were sold."""
        return replace(self, available=self.available + quantity, sold=self.sold - quantity)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Pieces that are held back for whoever made it; `reference` says for what, in their terms."""

    id: str
    state: State
    lines: tuple[Line, ...]
    reference: str
    create_time: datetime
    update_time: datetime

    def settle(self, state: State, now: datetime) -> "Reservation":
        """Become COMMITTED, RELEASED or RETURNED. Raises ReservationStateError unless it can be so or is so already."""
        if self.state is state:
            return self
        if BEFORE.get(state) is not self.state:
            raise ReservationStateError(self.id, self.state)
        return replace(self, state=state, update_time=now)


@dataclass(frozen=True, slots=True)
class Demand:
    """The pieces of one product that were ordered, how many of them are sold, and how many were missed.

    `event_time` is that of the newest event that is counted. Events that come out of their sequence are added up just
    the same; so `sold` may be below zero for as long as a confirmation is missing.
    """

    product: str
    asked: int
    sold: int
    missed: int
    event_time: datetime


def hold(stocks: Mapping[str, Stock], lines: Sequence[Line]) -> list[Stock]:
    """Hold the pieces of every line or of none. Raises InsufficientStockError; a product without stock has 0 pieces."""
    shortages = [
        Shortage(line.product, line.quantity, available)
        for line in lines
        if (available := stocks[line.product].available if line.product in stocks else 0) < line.quantity
    ]
    if shortages:
        raise InsufficientStockError(shortages)
    return [stocks[line.product].hold(line.quantity) for line in lines]
