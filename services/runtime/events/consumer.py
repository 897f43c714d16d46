"""The consumer: each event takes effect once, in order.

A batch of records is one transaction: each event is recorded in the inbox together with its effect. After the commit,
the offsets are committed to Kafka. A process that dies in between gets the records again and finds them in the inbox.
A record that cannot be processed goes to the dead letters. Any other failure, for example of the database, ends the
run, and Kafka delivers the same records to the next run.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from confluent_kafka import Consumer as Client
from confluent_kafka import Message as Record
from confluent_kafka import TopicPartition
from google.protobuf.message import Message
from prometheus_client import Metric
from sqlalchemy.exc import InterfaceError, OperationalError

from services.runtime.events import inbox
from services.runtime.events.consumer_metrics import (
    OTHER,
    Outcome,
    count_dead_letters,
    count_processed,
    create_series,
    lag_metric,
)
from services.runtime.events.dead_letters import DeadLetters, replay_topic
from services.runtime.events.event import Event, headers_of, read_event, read_headers, topic_of
from services.runtime.storage.connection import Connection
from services.runtime.storage.database import Database
from services.runtime.telemetry import Tracing, log_fields, processed_event, record_attributes

MAX_RECORDS = 100
# How long a thread waits for records before it checks whether the process is stopping.
POLL_SLICE_SECONDS = 0.5
# How long a request to Kafka may take.
TIMEOUT_SECONDS = 5.0
# How often the lag is measured while no records arrive.
LAG_INTERVAL_SECONDS = 5.0
# How long after a consumer died Kafka assigns its partitions to another one.
SESSION_TIMEOUT_SECONDS = 10

logger = logging.getLogger(__name__)

Handlers = Mapping[type[Message], Callable[[Connection, Event[Any]], Awaitable[None]]]
"""The handler of each event message. It runs in the transaction that it is passed."""


class Consumer:
    """One member of the consumer group `group`, which is the service's name."""

    def __init__(
        self, database: Database, kafka: Mapping[str, str], group: str, handlers: Handlers, tracing: Tracing
    ) -> None:
        """Create it. `kafka` holds the librdkafka settings of its client."""
        self._database = database
        self._settings = kafka
        self._group = group
        self._tracing = tracing
        self._handlers = {message.DESCRIPTOR.full_name: handler for message, handler in handlers.items()}
        self._types = {message.DESCRIPTOR.full_name: message for message in handlers}
        self._topics = sorted({topic_of(message) for message in handlers} | {replay_topic(group)})
        self._consumed = 0
        self._applied = 0
        self._dead_letters = 0
        self.lag: dict[str, int] = {}
        """The number of unconsumed records in each partition, by "<topic>/<partition>"."""
        create_series(self._topics, handlers)

    async def report(self) -> dict[str, object]:
        """Return what was consumed since the process started, and the lag."""
        counts = {"taken": self._consumed, "applied": self._applied, "dead_letters": self._dead_letters}
        return {"group": self._group, **counts, "lag": self.lag}

    def collect(self) -> Iterator[Metric]:
        """Return the lag as a metric."""
        yield lag_metric(self.lag)

    async def delete_expired(self) -> None:
        """Delete inbox entries of events that cannot be redelivered any more."""
        async with self._database.write(shared=True) as connection:
            await inbox.delete_expired(connection)

    async def run(self) -> None:
        """Consume until cancelled. Raises errors that no single record causes; then run it again."""
        # The client blocks, so all of its calls run in one thread, one after the other.
        with ThreadPoolExecutor(1, f"kafka-{self._group}") as thread:
            async with self._client(thread) as client:
                last_measured = 0.0
                while True:
                    records = await _run_in(thread, _poll, client)
                    if records:
                        await self._process(records)
                        await _run_in(thread, _commit, client, records)
                        self._consumed += len(records)
                    if records or monotonic() - last_measured > LAG_INTERVAL_SECONDS:
                        last_measured = monotonic()
                        self.lag = await _run_in(thread, _lag, client)
                    if records:
                        extra = {"records": len(records), "lag": sum(self.lag.values())}
                        logger.info("records consumed", extra=extra)

    @asynccontextmanager
    async def _client(self, thread: ThreadPoolExecutor) -> AsyncIterator[Client]:
        client = Client(
            {
                **self._settings,
                "group.id": self._group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": SESSION_TIMEOUT_SECONDS * 1000,
                # A topic without events does not exist yet.
                "allow.auto.create.topics": True,
                "topic.metadata.refresh.interval.ms": 10_000,
            },
            logger=logger,
        )
        client.subscribe(self._topics)
        try:
            yield client
        finally:
            self.lag = {}
            # Leave the group, so that the others need not wait for the session timeout.
            await _run_in(thread, client.close)

    async def _process(self, records: Sequence[Record]) -> None:
        failed: list[tuple[Record, Exception]] = []
        outcomes: Counter[tuple[str, str, Outcome]] = Counter()
        async with self._database.write(shared=True) as connection:
            for record in records:
                try:
                    outcomes[str(record.topic()), *await self._apply(connection, record)] += 1
                except (OperationalError, InterfaceError):
                    raise
                except Exception as error:
                    logger.exception(
                        "a record goes to the dead letters",
                        extra={
                            "topic": record.topic(),
                            "partition": record.partition(),
                            "offset": record.offset(),
                            **log_fields(read_headers(headers_of(record))),
                        },
                    )
                    failed.append((record, error))
        count_processed(records, outcomes)
        self._applied += sum(count for (*_, outcome), count in outcomes.items() if outcome is Outcome.APPLIED)
        if failed:
            await DeadLetters(self._settings, self._group).send(failed)
            self._dead_letters += len(failed)
            count_dead_letters(failed)

    async def _apply(self, connection: Connection, record: Record) -> tuple[str, Outcome]:
        """Apply an event. Returns its type, and what became of it."""
        headers = read_headers(headers_of(record))
        event = read_event(headers, record.value(), self._types)
        if event is None:
            return OTHER, Outcome.IGNORED
        span = self._tracing.start_event(headers.get("traceparent"))
        operation = processed_event(str(record.topic()), self._group)
        attributes = record_attributes(headers, record.partition(), record.offset())
        # A savepoint: the effects of a failed event are undone, those of the others stay.
        with self._tracing.span(span, operation, attributes):
            async with connection.begin_nested():
                if not await inbox.record(connection, event.id, event.type):
                    return event.type, Outcome.DUPLICATE
                await self._handlers[event.type](connection, event)
                return event.type, Outcome.APPLIED


async def _run_in(thread: ThreadPoolExecutor, work: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401  # the result of `work`
    return await asyncio.get_running_loop().run_in_executor(thread, work, *args)


def _poll(client: Client) -> list[Record]:
    """Return records as soon as some arrive; none after POLL_SLICE_SECONDS."""
    first = client.poll(POLL_SLICE_SECONDS)
    polled = [] if first is None else [first, *client.consume(MAX_RECORDS - 1, 0)]
    return [record for record in polled if _is_record(record)]


def _is_record(record: Record) -> bool:
    error = record.error()
    if error is not None:
        # The client recovers by itself; a missing topic, for example, is created a moment later.
        logger.warning("Kafka: %s", error)
    return error is None


def _commit(client: Client, records: Sequence[Record]) -> None:
    """Commit the offsets after the last record of each partition."""
    ends = {(record.topic(), record.partition()): (record.offset() or 0) + 1 for record in records}
    offsets = [TopicPartition(str(topic), partition or 0, end) for (topic, partition), end in ends.items()]
    client.commit(offsets=offsets, asynchronous=False)


def _lag(client: Client) -> dict[str, int]:
    """Return the lag of each partition as of its last fetch; a partition without known offsets is left out."""
    lag = {}
    for partition in client.position(client.assignment()):
        low, end = client.get_watermark_offsets(partition, cached=True)
        offset = partition.offset
        if offset < 0 <= end:
            # No record arrived since it was assigned, so the committed offset counts.
            [committed] = client.committed([TopicPartition(partition.topic, partition.partition)], TIMEOUT_SECONDS)
            offset = max(committed.offset, low)
        if end >= 0:
            lag[f"{partition.topic}/{partition.partition}"] = max(end - offset, 0)
    return lag
