"""The carrier, simulated: its tariff, and which addresses it does not know. README.md lists both."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.shipping.domain import Address, AddressUndeliverableError, Quote, RegionNotServedError

PIECES_PER_PARCEL = 20
# The postal code that no letter carrier has ever found.
UNKNOWN_POSTAL_CODE = "00000"


@dataclass(frozen=True, slots=True)
class Zone:
    """Regions that cost the same. `cents` is the price of one parcel in each currency that is taken."""

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
    """Answer what so many pieces cost. Raises RegionNotServedError."""
    for zone in ZONES:
        if region_code in zone.regions:
            parcels = -(-pieces // PIECES_PER_PARCEL)
            return Quote(zone.cents[currency] * parcels, zone.delivery_days)
    raise RegionNotServedError(region_code)


def accept(destination: Address) -> None:
    """Take a shipment to an address on. Raises AddressUndeliverableError."""
    if destination.postal_code == UNKNOWN_POSTAL_CODE:
        raise AddressUndeliverableError
