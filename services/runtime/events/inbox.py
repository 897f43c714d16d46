"""The inbox: which events have had their effect, noted in the transaction of the effect. So each has it once."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, MetaData, String, Table, delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.instants import Instant

# How long an event is remembered. A topic keeps records for 7 days (Kafka's default); what left it cannot come again.
MEMORY = timedelta(days=14)

metadata = MetaData()
inbox = Table(
    "inbox",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("type", String(255), nullable=False),
    Column("receive_time", Instant, nullable=False, index=True),
)


async def is_new(connection: AsyncConnection, event_id: str, kind: str) -> bool:
    """Note the event in the caller's transaction; False if it was noted before, in whatever process."""
    try:
        # A savepoint, for PostgreSQL ends a transaction at its first failure.
        async with connection.begin_nested():
            await connection.execute(insert(inbox).values(event_id=event_id, type=kind, receive_time=datetime.now(UTC)))
    except IntegrityError:
        return False
    return True


async def forget(connection: AsyncConnection) -> int:
    """Remove what is older than MEMORY and answer how many rows those were."""
    gone = await connection.execute(delete(inbox).where(inbox.c.receive_time < datetime.now(UTC) - MEMORY))
    return gone.rowcount
