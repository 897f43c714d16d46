"""The outbox: an event is stored in the transaction of the change that it describes, and published afterwards.

The columns have the names that Debezium's outbox router expects, so that a change-data-capture connector could replace
the relay. Rows are deleted once Kafka has them.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from services.runtime.events.event import topic_of, write_headers
from services.runtime.storage.connection import Connection
from services.runtime.storage.database import Database
from services.runtime.storage.statements import Row
from services.runtime.storage.types import UtcDateTime
from services.runtime.telemetry import current_span

metadata = MetaData()
outbox = Table(
    "outbox",
    metadata,
    # The order in which rows are published. SQLite autoincrements only columns of its type INTEGER.
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("aggregatetype", String(255), nullable=False),
    Column("aggregateid", String(255), nullable=False),
    Column("type", String(255), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("source", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("tracingspancontext", String(255), nullable=False),
)
# One row: the relay that currently publishes. The replicas of a service share one outbox; one at a time empties it.
lease = Table(
    "outbox_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(36), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)
INSERT = insert(outbox)
COUNT = select(func.count(), func.min(outbox.c.timestamp)).select_from(outbox)
NEXT = select(outbox).order_by(outbox.c.position).limit(bindparam("limit", type_=Integer))
DELETE = delete(outbox).where(outbox.c.id.in_(bindparam("ids", expanding=True)))
# The parameters "holder" and "until" are the new values of the columns.
ACQUIRE_LEASE = update(lease).where(or_(lease.c.holder == bindparam("own"), lease.c.until < bindparam("now")))
RELEASE_LEASE = update(lease).where(lease.c.holder == bindparam("own"))


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """A row of the outbox as the relay sends it. `id` is the event's; records with the same `key` stay in order."""

    id: str
    topic: str
    key: str
    headers: dict[str, str]
    payload: bytes


class Outbox:
    """Stores events. `source` is their ce_source, for example "//orders.shop.example"."""

    def __init__(self, source: str) -> None:
        self._source = source

    async def add(
        self, connection: Connection, message: Message, *, key: str, subject: str, time: datetime | None = None
    ) -> str:
        """Store an event in the caller's transaction and return its id. It is published after the commit.

        Events with the same `key` are published in the order of their transactions. `subject` is the name of the
        resource that the event is about. `time` is when it happened, by default now.
        """
        span = current_span()
        event_id = str(uuid.uuid4())
        await connection.defer(
            INSERT,
            {
                "id": event_id,
                "aggregatetype": topic_of(message),
                "aggregateid": key,
                "type": message.DESCRIPTOR.full_name,
                "payload": message.SerializeToString(),
                "source": self._source,
                "subject": subject,
                "timestamp": time or datetime.now(UTC),
                "tracingspancontext": span.traceparent if span else "",
            },
        )
        return event_id


async def report_outbox(database: Database) -> dict[str, object]:
    """Return the number of unpublished events, and the time of the oldest one."""
    async with database.read() as connection:
        [(count, oldest)] = await connection.execute(COUNT)
    return {"waiting": count, "eldest": oldest and oldest.isoformat()}


async def measure_outbox(database: Database) -> Iterable[Metric]:
    """Return the metrics of the outbox."""
    [(count, oldest)] = await database.scan(COUNT)
    age = (datetime.now(UTC) - oldest).total_seconds() if oldest is not None else 0.0
    return [
        GaugeMetricFamily("event_outbox_records", "Events in the outbox that are not published yet.", count),
        GaugeMetricFamily("event_outbox_oldest_age_seconds", "Age of the oldest event in the outbox; 0 if empty.", age),
    ]


async def acquire_lease(connection: Connection, holder: str, period: timedelta) -> bool:
    """Acquire or extend the lease until `period` from now. Returns False if another relay holds it."""
    now = datetime.now(UTC)
    parameters = {"own": holder, "now": now, "holder": holder, "until": now + period}
    return (await connection.execute(ACQUIRE_LEASE, parameters)).rowcount == 1


async def release_lease(connection: Connection, holder: str) -> None:
    """Release the lease if `holder` holds it."""
    await connection.defer(RELEASE_LEASE, {"own": holder, "until": datetime.now(UTC)})


async def next_records(connection: Connection, limit: int) -> list[OutboxRecord]:
    """Return up to `limit` records to publish next, in order."""
    return [_record(row) for row in await connection.execute(NEXT, {"limit": limit})]


async def delete_published(connection: Connection, records: Sequence[OutboxRecord]) -> None:
    """Delete records that Kafka has."""
    await connection.defer(DELETE, {"ids": [record.id for record in records]})


def _record(row: Row) -> OutboxRecord:
    headers = write_headers(row.id, row.type, row.source, row.subject, row.timestamp)
    if row.tracingspancontext:
        headers["traceparent"] = row.tracingspancontext
    return OutboxRecord(row.id, row.aggregatetype, row.aggregateid, headers, row.payload)
