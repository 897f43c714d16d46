"""Prices, regions and addresses of the carrier, and cancelling a shipment."""

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
def test_a_partly_filled_parcel_costs_as_much_as_a_full_one(pieces: int, parcels: int) -> None:
    parcel = carrier.quote("DE", 1, "EUR")
    assert carrier.quote("DE", pieces, "EUR") == replace(parcel, cents=parcel.cents * parcels)


def is_accepted(currency: str) -> bool:
    """Return whether the contract accepts a currency."""
    try:
        validate(QuoteShippingRequest(region_code="DE", pieces=1, currency_code=currency))
    except InvalidFieldsError:
        return False
    return True


def test_every_zone_has_a_price_in_each_accepted_currency_and_no_region_is_in_two_zones() -> None:
    currencies = {currency for currency in ("CHF", "EUR", "GBP", "JPY", "USD") if is_accepted(currency)}
    assert all(zone.cents.keys() == currencies for zone in carrier.ZONES)
    assert len(frozenset[str]().union(*(zone.regions for zone in carrier.ZONES))) == sum(
        len(zone.regions) for zone in carrier.ZONES
    )


def test_a_region_in_no_zone_is_not_served() -> None:
    with pytest.raises(RegionNotServedError) as caught:
        carrier.quote("AQ", 1, "EUR")
    assert caught.value.metadata == {"region_code": "AQ"}


def test_the_carrier_rejects_an_undeliverable_address_without_repeating_it() -> None:
    carrier.check_address(BERLIN)
    with pytest.raises(AddressUndeliverableError) as caught:
        carrier.check_address(replace(BERLIN, postal_code="00000"))
    assert BERLIN.recipient not in str(caught.value)


def test_cancelling_a_cancelled_shipment_changes_nothing() -> None:
    booked = Shipment("s", State.BOOKED, Booking(BERLIN, 1, 490, "EUR", "orders/1"), NOW, NOW)
    cancelled = booked.cancel(LATER)
    assert (cancelled.state, cancelled.booking, cancelled.update_time) == (State.CANCELLED, booked.booking, LATER)
    assert cancelled.cancel(datetime(2026, 1, 3, tzinfo=UTC)) is cancelled
