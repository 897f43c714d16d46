"""The use cases of shipping. Each runs within the caller's transaction."""

import uuid
from datetime import UTC, datetime

from services.shipping import carrier
from services.shipping.domain import Booking, PriceChangedError, Shipment, State
from services.shipping.store import Store


async def book_shipment(store: Store, booking: Booking) -> Shipment:
    """Book a shipment at the quoted price.

    Raises RegionNotServedError, AddressUndeliverableError or PriceChangedError; then no shipment is stored.
    """
    if carrier.quote(booking.destination.region_code, booking.pieces, booking.currency).cents != booking.cents:
        raise PriceChangedError
    carrier.check_address(booking.destination)
    now = datetime.now(UTC)
    shipment = Shipment(str(uuid.uuid4()), State.BOOKED, booking, now, now)
    await store.add(shipment)
    return shipment


async def cancel_shipment(store: Store, shipment_id: str) -> Shipment:
    """Cancel a shipment. Raises ShipmentNotFoundError."""
    before = await store.shipment(shipment_id, lock=True)
    after = before.cancel(datetime.now(UTC))
    if after is not before:
        await store.update_state(after)
    return after
