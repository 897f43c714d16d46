"""Shipments in the service's database."""

from collections.abc import Sequence

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from services.runtime.storage import Connection, NewestFirst, Row, UtcDateTime
from services.shipping.domain import Address, Booking, Shipment, ShipmentNotFoundError, State

metadata = MetaData()

shipments = Table(
    "shipments",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("recipient", String(100), nullable=False),
    # A list of strings. No query needs a single line.
    Column("lines", JSON, nullable=False),
    Column("locality", String(100), nullable=False),
    Column("postal_code", String(16), nullable=False),
    Column("region_code", String(2), nullable=False),
    Column("pieces", Integer, CheckConstraint("pieces > 0"), nullable=False),
    Column("cents", BigInteger, CheckConstraint("cents > 0"), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("create_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    Index("shipments_by_create_time", "create_time", "id"),
)
BY_ID = select(shipments).where(shipments.c.id == bindparam("id"))
BY_ID_LOCKED = BY_ID.with_for_update()
NEWEST_FIRST = NewestFirst(shipments, shipments.c.create_time)
INSERT = insert(shipments)
UPDATE = update(shipments).where(shipments.c.id == bindparam("key"))


class Store:
    """Reads and writes shipments within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def shipment(self, shipment_id: str, *, lock: bool = False) -> Shipment:
        """Return a shipment; `lock` its row if it will be changed. Raises ShipmentNotFoundError."""
        rows = await self._connection.execute(BY_ID_LOCKED if lock else BY_ID, {"id": shipment_id})
        row = rows.one_or_none()
        if row is None:
            raise ShipmentNotFoundError(shipment_id)
        return _shipment(row)

    async def shipments_after(self, after: str, limit: int) -> Sequence[Shipment]:
        """Return up to `limit` shipments, newest first, starting after the id `after` (empty: at the newest)."""
        return [_shipment(row) for row in await NEWEST_FIRST.read(self._connection, after, limit)]

    async def add(self, shipment: Shipment) -> None:
        """Insert a shipment."""
        booking = shipment.booking
        await self._connection.defer(
            INSERT,
            {
                "id": shipment.id,
                "state": shipment.state.value,
                "recipient": booking.destination.recipient,
                "lines": list(booking.destination.lines),
                "locality": booking.destination.locality,
                "postal_code": booking.destination.postal_code,
                "region_code": booking.destination.region_code,
                "pieces": booking.pieces,
                "cents": booking.cents,
                "currency": booking.currency,
                "reference": booking.reference,
                "create_time": shipment.create_time,
                "update_time": shipment.update_time,
            },
        )

    async def update_state(self, shipment: Shipment) -> None:
        """Update the state and the update time of a shipment."""
        changed = {"state": shipment.state.value, "update_time": shipment.update_time}
        await self._connection.defer(UPDATE, {"key": shipment.id, **changed})


async def find_shipment(connection: Connection, shipment_id: str) -> Shipment:
    """Return one shipment. Raises ShipmentNotFoundError."""
    return await Store(connection).shipment(shipment_id)


def _shipment(row: Row) -> Shipment:
    destination = Address(row.recipient, tuple(row.lines), row.locality, row.postal_code, row.region_code)
    return Shipment(
        id=row.id,
        state=State(row.state),
        booking=Booking(destination, row.pieces, row.cents, row.currency, row.reference),
        create_time=row.create_time,
        update_time=row.update_time,
    )
