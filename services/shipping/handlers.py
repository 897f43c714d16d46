"""What the service does for each call: ask the carrier, let the domain decide, write. All in one transaction."""

import uuid
from datetime import UTC, datetime

from services.shipping import carrier
from services.shipping.domain import Booking, PriceChangedError, Shipment, State
from services.shipping.store import Store


async def book_shipment(store: Store, asked: Booking) -> Shipment:
    """Book a shipment at the price that was quoted.

    Raises RegionNotServedError, AddressUndeliverableError or PriceChangedError, and keeps nothing then.
    """
    if carrier.quote(asked.destination.region_code, asked.pieces, asked.currency).cents != asked.cents:
        raise PriceChangedError
    carrier.accept(asked.destination)
    now = datetime.now(UTC)
    shipment = Shipment(str(uuid.uuid4()), State.BOOKED, asked, now, now)
    await store.add(shipment)
    return shipment


async def cancel_shipment(store: Store, shipment_id: str) -> Shipment:
    """Take a booking back. Raises ShipmentNotFoundError."""
    before = await store.shipment(shipment_id, lock=True)
    after = before.cancelled(datetime.now(UTC))
    if after is not before:
        await store.put_state(after)
    return after
