"""A simulated carrier: its prices, and the addresses that it does not deliver to. README.md lists both."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.shipping.domain import Address, AddressUndeliverableError, Quote, RegionNotServedError

PIECES_PER_PARCEL = 20
# The carrier does not deliver to this postal code, in any region.
UNDELIVERABLE_POSTAL_CODE = "00000"


@dataclass(frozen=True, slots=True)
class Zone:
    """Regions with the same price. `cents` is the price of one parcel by currency; `delivery_days` are working days."""

    regions: frozenset[str]
    cents: Mapping[str, int]
    delivery_days: int


ZONES = (
    Zone(frozenset({"DE"}), {"EUR": 490, "GBP": 420, "USD": 530}, 3),
    Zone(frozenset({"AT", "BE", "CZ", "DK", "FR", "IT", "LU", "NL", "PL"}), {"EUR": 990, "GBP": 850, "USD": 1080}, 5),
    Zone(
        frozenset({"CH", "ES", "FI", "GB", "IE", "NO", "PT", "SE", "US"}), {"EUR": 1990, "GBP": 1690, "USD": 2150}, 10
    ),
)


def quote(region_code: str, pieces: int, currency: str) -> Quote:
    """Return the price of a shipment of so many pieces. Raises RegionNotServedError."""
    for zone in ZONES:
        if region_code in zone.regions:
            parcels = -(-pieces // PIECES_PER_PARCEL)
            return Quote(zone.cents[currency] * parcels, zone.delivery_days)
    raise RegionNotServedError(region_code)


def check_address(destination: Address) -> None:
    """Check that the carrier delivers to an address. Raises AddressUndeliverableError."""
    if destination.postal_code == UNDELIVERABLE_POSTAL_CODE:
        raise AddressUndeliverableError
