"""The inbox: the events that took effect, recorded in the same transaction as the effect, so that each has one."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, MetaData, String, Table, bindparam, delete, text

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
# In SQL, because SQLAlchemy has ON CONFLICT only for each database separately. If another transaction is recording the
# same event, this one waits for its end.
RECORD = text(
    "INSERT INTO inbox (event_id, type, receive_time) VALUES (:event_id, :type, :receive_time)"
    " ON CONFLICT (event_id) DO NOTHING"
).bindparams(bindparam("receive_time", type_=UtcDateTime))
DELETE_EXPIRED = delete(inbox).where(inbox.c.receive_time < bindparam("before"))


async def record(connection: Connection, event_id: str, event_type: str) -> bool:
    """Record an event in the caller's transaction. Returns False if a process has recorded it before."""
    parameters = {"event_id": event_id, "type": event_type, "receive_time": datetime.now(UTC)}
    return (await connection.execute(RECORD, parameters)).rowcount == 1


async def delete_expired(connection: Connection, retention: timedelta = RETENTION) -> int:
    """Delete entries older than `retention` and return how many there were."""
    return (await connection.execute(DELETE_EXPIRED, {"before": datetime.now(UTC) - retention})).rowcount
