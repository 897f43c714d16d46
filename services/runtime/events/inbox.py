"""The inbox: the events that took effect, recorded in the same transaction as the effect, so that each has one."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, MetaData, String, Table, bindparam, delete, insert
from sqlalchemy.exc import IntegrityError

from services.runtime.storage.connection import Connection
from services.runtime.storage.types import UtcDateTime

# How long an event is remembered. A topic retains records for 7 days (Kafka's default); after that none is redelivered.
RETENTION = timedelta(days=14)

metadata = MetaData()
inbox = Table(
    "inbox",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("type", String(255), nullable=False),
    Column("receive_time", UtcDateTime, nullable=False, index=True),
)
INSERT = insert(inbox)
DELETE_EXPIRED = delete(inbox).where(inbox.c.receive_time < bindparam("before"))


async def record(connection: Connection, event_id: str, event_type: str) -> bool:
    """Record an event in the caller's transaction. Returns False if a process has recorded it before."""
    try:
        # A savepoint, because PostgreSQL aborts a transaction at its first error.
        async with connection.begin_nested():
            values = {"event_id": event_id, "type": event_type, "receive_time": datetime.now(UTC)}
            await connection.execute(INSERT, values)
    except IntegrityError:
        return False
    return True


async def delete_expired(connection: Connection, retention: timedelta = RETENTION) -> int:
    """Delete entries older than `retention` and return how many there were."""
    return (await connection.execute(DELETE_EXPIRED, {"before": datetime.now(UTC) - retention})).rowcount
