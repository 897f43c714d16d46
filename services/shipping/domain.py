"""Shipments, and the states that they can be in."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class State(Enum):
    """The state of a shipment. CANCELLED is final."""

    BOOKED = "BOOKED"
    CANCELLED = "CANCELLED"


class ShipmentNotFoundError(Exception):
    """No shipment has this id."""

    def __init__(self, shipment: str) -> None:
        super().__init__(f"shipment {shipment} does not exist")


class RegionNotServedError(Exception):
    """The carrier does not serve the region."""

    def __init__(self, region_code: str) -> None:
        super().__init__(f"the carrier does not serve the region {region_code}")
        self.metadata = {"region_code": region_code}


class AddressUndeliverableError(Exception):
    """The carrier does not deliver to the address. The text omits the address, because error texts are logged."""

    def __init__(self) -> None:
        super().__init__("the carrier does not deliver to this address")


class PriceChangedError(Exception):
    """The shipment's price differs from the price in the request."""

    def __init__(self) -> None:
        super().__init__("the price is not the current price of this shipment; call QuoteShipping again")


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address. `region_code` is an ISO 3166-1 code of two capital letters."""

    recipient: str
    lines: tuple[str, ...]
    locality: str
    postal_code: str
    region_code: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a shipment in cents of the requested currency, and the maximum delivery time in working days."""

    cents: int
    delivery_days: int


@dataclass(frozen=True, slots=True)
class Booking:
    """A request to send `pieces` to `destination`, at the quoted price in cents of `currency`."""

    destination: Address
    pieces: int
    cents: int
    currency: str
    reference: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """A booked shipment and its state."""

    id: str
    state: State
    booking: Booking
    create_time: datetime
    update_time: datetime

    def cancel(self, now: datetime) -> "Shipment":
        """Return the cancelled shipment, or the shipment unchanged if it is cancelled already."""
        if self.state is State.CANCELLED:
            return self
        return replace(self, state=State.CANCELLED, update_time=now)
