"""The outbox: an event is written in the transaction of the change that it tells of, and published after it.

Its columns have the names that Debezium's outbox router reads, so that a change-data-capture connector could take the
relay's place. Rows leave the table once Kafka has them.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from opentelemetry import propagate
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import Database
from services.runtime.events.event import topic_of, write_headers
from services.runtime.instants import Instant

metadata = MetaData()
outbox = Table(
    "outbox",
    metadata,
    # The sequence in which rows are published. SQLite counts up in columns of its own kind alone.
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("aggregatetype", String(255), nullable=False),
    Column("aggregateid", String(255), nullable=False),
    Column("type", String(255), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("source", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("timestamp", Instant, nullable=False),
    Column("tracingspancontext", String(255), nullable=False),
)
# One row: which relay publishes now. All replicas of a service have one outbox, and one of them at a time empties it.
lease = Table(
    "outbox_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(36), nullable=False),
    Column("until", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the outbox as the relay sends it: `id` is the event's own, `key` keeps its neighbours in sequence."""

    id: str
    topic: str
    key: str
    headers: dict[str, str]
    payload: bytes


class Outbox:
    """Writes events. `source` is their ce_source, for example "//orders.shop.example"."""

    def __init__(self, source: str) -> None:
        self._source = source

    async def add(
        self, connection: AsyncConnection, message: Message, *, key: str, subject: str, time: datetime | None = None
    ) -> str:
        """Write an event in the caller's transaction and answer its id; it is published after the commit.

        Events with one `key` are published in the sequence of their transactions. `subject` is the resource name of
        what it happened to, `time` when it happened: now, if it is not given.
        """
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        event_id = str(uuid.uuid4())
        await connection.execute(
            insert(outbox).values(
                id=event_id,
                aggregatetype=topic_of(message),
                aggregateid=key,
                type=message.DESCRIPTOR.full_name,
                payload=message.SerializeToString(),
                source=self._source,
                subject=subject,
                timestamp=time or datetime.now(UTC),
                tracingspancontext=carrier.get("traceparent", ""),
            )
        )
        return event_id


async def report_outbox(database: Database) -> dict[str, object]:
    """Answer how many events are not published yet, and when the eldest of them happened."""
    async with database.read() as connection:
        found = await connection.execute(select(func.count(), func.min(outbox.c.timestamp)).select_from(outbox))
        count, eldest = found.one()
    return {"waiting": count, "eldest": eldest and eldest.isoformat()}


async def claim(connection: AsyncConnection, holder: str, period: timedelta) -> bool:
    """Take the lease for `period` from now, or prolong it; False if another relay has it."""
    now = datetime.now(UTC)
    free = or_(lease.c.holder == holder, lease.c.until < now)
    taken = await connection.execute(update(lease).where(free).values(holder=holder, until=now + period))
    return taken.rowcount == 1


async def release(connection: AsyncConnection, holder: str) -> None:
    """Give the lease back, if `holder` has it."""
    await connection.execute(update(lease).where(lease.c.holder == holder).values(until=datetime.now(UTC)))


async def first(connection: AsyncConnection, limit: int) -> list[Letter]:
    """Answer up to `limit` of the events that are to be published next."""
    rows = await connection.execute(select(outbox).order_by(outbox.c.position).limit(limit))
    return [_letter(row) for row in rows]


async def remove(connection: AsyncConnection, letters: Sequence[Letter]) -> None:
    """Remove what Kafka has."""
    await connection.execute(delete(outbox).where(outbox.c.id.in_([letter.id for letter in letters])))


def _letter(row: Row[Any]) -> Letter:
    headers = write_headers(row.id, row.type, row.source, row.subject, row.timestamp)
    if row.tracingspancontext:
        headers["traceparent"] = row.tracingspancontext
    return Letter(row.id, row.aggregatetype, row.aggregateid, headers, row.payload)
