"""What a shipment costs, where none goes, and that a cancelled one stays so."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.runtime.rpc import InvalidFieldsError
from services.runtime.rpc.validation import validate
from services.shipping import carrier
from services.shipping.domain import (
    Address,
    AddressUndeliverableError,
    Booking,
    RegionNotServedError,
    Shipment,
    State,
)
from shop.shipping.v1.shipping_pb2 import QuoteShippingRequest

NOW, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
BERLIN = Address("Ada", ("Unter den Linden 1",), "Berlin", "10117", "DE")


@pytest.mark.parametrize(("pieces", "parcels"), [(1, 1), (20, 1), (21, 2), (40, 2), (41, 3), (50_000, 2500)], ids=str)
def test_every_parcel_begun_is_paid(pieces: int, parcels: int) -> None:
    one = carrier.quote("DE", 1, "EUR")
    assert carrier.quote("DE", pieces, "EUR") == replace(one, cents=one.cents * parcels)


def taken(currency: str) -> bool:
    """Answer whether the contract takes a currency."""
    try:
        validate(QuoteShippingRequest(region_code="DE", pieces=1, currency_code=currency))
    except InvalidFieldsError:
        return False
    return True


def test_every_zone_has_a_price_in_every_currency_that_is_taken_and_no_region_is_in_two() -> None:
    currencies = {currency for currency in ("CHF", "EUR", "GBP", "JPY", "USD") if taken(currency)}
    assert all(zone.cents.keys() == currencies for zone in carrier.ZONES)
    assert len(frozenset[str]().union(*(zone.regions for zone in carrier.ZONES))) == sum(
        len(zone.regions) for zone in carrier.ZONES
    )


def test_a_region_beyond_all_zones_is_not_served() -> None:
    with pytest.raises(RegionNotServedError) as caught:
        carrier.quote("AQ", 1, "EUR")
    assert caught.value.metadata == {"region_code": "AQ"}


def test_the_carrier_takes_on_what_it_knows() -> None:
    carrier.accept(BERLIN)
    with pytest.raises(AddressUndeliverableError) as caught:
        carrier.accept(replace(BERLIN, postal_code="00000"))
    assert BERLIN.recipient not in str(caught.value)


def test_a_cancelled_shipment_stays_as_it_is() -> None:
    booked = Shipment("s", State.BOOKED, Booking(BERLIN, 1, 490, "EUR", "orders/1"), NOW, NOW)
    cancelled = booked.cancelled(LATER)
    assert (cancelled.state, cancelled.booking, cancelled.update_time) == (State.CANCELLED, booked.booking, LATER)
    assert cancelled.cancelled(datetime(2026, 1, 3, tzinfo=UTC)) is cancelled
