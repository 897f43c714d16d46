"""The use cases of shipping."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Generic

from services.runtime.storage import Database, IdempotentRequests, ReplyT, RequestKey
from services.shipping import carrier
from services.shipping.domain import Booking, PriceChangedError, Quote, Shipment, State
from services.shipping.store import Store


class Shipping(Generic[ReplyT]):
    """The use cases of shipping. Each method owns its transaction."""

    def __init__(self, database: Database, requests: IdempotentRequests[Shipment, ReplyT]) -> None:
        self._database = database
        self._requests = requests

    def quote(self, region_code: str, pieces: int, currency: str) -> Quote:
        """Return the price and the delivery time of a shipment. Raises RegionNotServedError."""
        return carrier.quote(region_code, pieces, currency)

    async def book(self, key: RequestKey, booking: Booking) -> ReplyT:
        """Book a shipment at the quoted price.

        Raises RegionNotServedError, AddressUndeliverableError or PriceChangedError; then no shipment is stored.
        """
        return await self._requests.run(key, lambda connection: _book(Store(connection), booking))

    async def cancel(self, key: RequestKey, shipment_id: str) -> ReplyT:
        """Cancel a shipment. Raises ShipmentNotFoundError."""
        return await self._requests.run(key, lambda connection: _cancel(Store(connection), shipment_id))

    async def get(self, shipment_id: str) -> Shipment:
        """Return one shipment. Raises ShipmentNotFoundError."""
        async with self._database.read(snapshot=False) as connection:
            return await Store(connection).shipment(shipment_id)

    async def list(self, after: str, limit: int) -> Sequence[Shipment]:
        """Return up to `limit` shipments, newest first, that follow the shipment with the id `after`."""
        async with self._database.read(snapshot=False) as connection:
            return await Store(connection).shipments_after(after, limit)


async def _book(store: Store, booking: Booking) -> Shipment:
    quote = carrier.quote(booking.destination.region_code, booking.pieces, booking.currency)
    if quote.cents != booking.cents:
        raise PriceChangedError
    carrier.check_address(booking.destination)
    now = datetime.now(UTC)
    shipment = Shipment(str(uuid.uuid4()), State.BOOKED, booking, now, now)
    await store.add(shipment)
    return shipment


async def _cancel(store: Store, shipment_id: str) -> Shipment:
    before = await store.shipment(shipment_id, lock=True)
    after = before.cancel(datetime.now(UTC))
    if after is not before:
        await store.update_state(after)
    return after
