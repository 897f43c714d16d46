"""What may become of a shipment. Standard library alone."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum


class State(Enum):
    """What has become of a booking. CANCELLED is final."""

    BOOKED = "BOOKED"
    CANCELLED = "CANCELLED"


class ShipmentNotFoundError(Exception):
    """There is no such shipment."""

    def __init__(self, shipment: str) -> None:
        super().__init__(f"there is no shipment {shipment}")


class RegionNotServedError(Exception):
    """No carrier goes there."""

    def __init__(self, region_code: str) -> None:
        super().__init__(f"nothing is shipped to {region_code}")
        self.metadata = {"region_code": region_code}


class AddressUndeliverableError(Exception):
    """The carrier does not deliver to the address. The text does not repeat it: texts are logged."""

    def __init__(self) -> None:
        super().__init__("the carrier does not deliver to this address")


class PriceChangedError(Exception):
    """The shipment does not cost what the caller was quoted."""

    def __init__(self) -> None:
        super().__init__("the price is not what the shipment costs now; ask for a quote again")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a shipment goes. `region_code` is ISO 3166-1's, two capital letters."""

    recipient: str
    lines: tuple[str, ...]
    locality: str
    postal_code: str
    region_code: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What a shipment costs, in cents of the currency that was asked for, and its working days at most."""

    cents: int
    delivery_days: int


@dataclass(frozen=True, slots=True)
class Booking:
    """What is to be sent where, at the price in cents of `currency` that was quoted."""

    destination: Address
    pieces: int
    cents: int
    currency: str
    reference: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """A booking with the carrier, and what has become of it."""

    id: str
    state: State
    booking: Booking
    create_time: datetime
    update_time: datetime

    def cancelled(self, now: datetime) -> "Shipment":
        """Take the booking back, unless it was taken back before."""
        if self.state is State.CANCELLED:
            return self
        return replace(self, state=State.CANCELLED, update_time=now)
