"""The consumer: each event that Kafka has takes its effect here once, in its sequence.

A batch of records is one transaction: each event is noted in the inbox together with its effect, and after the commit
the batch's offsets are committed to Kafka. Whoever dies in between gets the records again, and the inbox knows them. A
record that has no effect by its own fault goes to the dead letters; a failure of ours, the database's for example, ends
the turn instead, and Kafka gives the same records again to the next.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from confluent_kafka import Consumer as Client
from confluent_kafka import Message as Record
from confluent_kafka import TopicPartition
from google.protobuf.message import Message
from opentelemetry import context, propagate, trace
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import Database
from services.runtime.events import inbox
from services.runtime.events.dead_letters import DeadLetters, replays_of
from services.runtime.events.event import Event, headers_of, read_event, read_headers, topic_of

MOST_RECORDS = 100
# How long a thread waits for records before it looks whether it is still wanted.
SLICE_SECONDS = 0.5
# How long it waits for Kafka's answer to a question.
WAIT_SECONDS = 5.0
# How often it looks how far it is behind while nothing comes.
LAG_SECONDS = 5.0
# How long Kafka waits for a consumer that died before another gets its partitions.
SESSION_SECONDS = 10

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

Handlers = Mapping[type[Message], Callable[[AsyncConnection, Event[Any]], Awaitable[None]]]
"""What to do about an event, by its message: in the transaction that is given."""


class Consumer:
    """One member of the consumer group `group`, which is the service's name."""

    def __init__(self, database: Database, kafka: Mapping[str, str], group: str, handlers: Handlers) -> None:
        """`kafka` is what the client needs to find Kafka, by librdkafka's names."""
        self._database = database
        self._settings = kafka
        self._group = group
        self._handlers = {message.DESCRIPTOR.full_name: handler for message, handler in handlers.items()}
        self._types = {message.DESCRIPTOR.full_name: message for message in handlers}
        self._topics = sorted({topic_of(message) for message in handlers} | {replays_of(group)})
        self._taken = 0
        self._applied = 0
        self._buried = 0
        self.lag: dict[str, int] = {}
        """How many records each partition holds that were not taken yet, by "<topic>/<partition>"."""

    async def report(self) -> dict[str, object]:
        """Answer what it has done since the process began, and what lies before it."""
        done = {"taken": self._taken, "applied": self._applied, "dead_letters": self._buried}
        return {"group": self._group, **done, "lag": self.lag}

    async def forget(self) -> None:
        """Forget the events that cannot come again."""
        async with self._database.write(shared=True) as connection:
            await inbox.forget(connection)

    async def run(self) -> None:
        """Consume until cancelled. Raises whatever is not a record's own fault: then run it anew."""
        # The client is no coroutine's: all that is asked of it is done one after the other, in one thread.
        with ThreadPoolExecutor(1, f"kafka-{self._group}") as thread:
            async with self._client(thread) as client:
                looked = 0.0
                while True:
                    records = await _in(thread, _poll, client)
                    if records:
                        await self._take(records)
                        await _in(thread, _commit, client, records)
                        self._taken += len(records)
                    if records or monotonic() - looked > LAG_SECONDS:
                        looked = monotonic()
                        self.lag = await _in(thread, _lag, client)
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
                "session.timeout.ms": SESSION_SECONDS * 1000,
                # A topic whose first event is still to come is no error.
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
            # It leaves its group, so that others need not wait for its session to end.
            await _in(thread, client.close)

    async def _take(self, records: Sequence[Record]) -> None:
        refused: list[tuple[Record, Exception]] = []
        applied = 0
        async with self._database.write(shared=True) as connection:
            for record in records:
                try:
                    applied += await self._apply(connection, record)
                except (OperationalError, InterfaceError):
                    raise
                except Exception as error:
                    logger.exception(
                        "a record goes to the dead letters",
                        extra={"topic": record.topic(), "partition": record.partition(), "offset": record.offset()},
                    )
                    refused.append((record, error))
        self._applied += applied
        if refused:
            await DeadLetters(self._settings, self._group).bury(refused)
            self._buried += len(refused)

    async def _apply(self, connection: AsyncConnection, record: Record) -> bool:
        """Let an event have its effect; False if it had it before, or is none of ours."""
        headers = read_headers(headers_of(record))
        event = read_event(headers, record.value(), self._types)
        if event is None:
            return False
        parent = propagate.extract(headers)
        token = context.attach(parent)
        try:
            with tracer.start_as_current_span(f"process {event.type}", kind=trace.SpanKind.CONSUMER):
                # A savepoint: what a refused event has done so far is undone, and the others' effects stay.
                async with connection.begin_nested():
                    if not await inbox.is_new(connection, event.id, event.type):
                        return False
                    await self._handlers[event.type](connection, event)
                    return True
        finally:
            context.detach(token)


async def _in(thread: ThreadPoolExecutor, work: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401  # the work's
    return await asyncio.get_running_loop().run_in_executor(thread, work, *args)


def _poll(client: Client) -> list[Record]:
    """Answer what has come, as soon as there is anything; nothing after SLICE_SECONDS."""
    first = client.poll(SLICE_SECONDS)
    polled = [] if first is None else [first, *client.consume(MOST_RECORDS - 1, 0)]
    return [record for record in polled if _is_record(record)]


def _is_record(record: Record) -> bool:
    error = record.error()
    if error is not None:
        # The client goes on by itself; a topic that is not there yet, for example, is made a moment later.
        logger.warning("Kafka: %s", error)
    return error is None


def _commit(client: Client, records: Sequence[Record]) -> None:
    """Commit the offsets behind the records; each partition's are in sequence."""
    ends = {(record.topic(), record.partition()): (record.offset() or 0) + 1 for record in records}
    offsets = [TopicPartition(str(topic), partition or 0, end) for (topic, partition), end in ends.items()]
    client.commit(offsets=offsets, asynchronous=False)


def _lag(client: Client) -> dict[str, int]:
    """Answer how far each partition is behind, as of its last fetch; one of which nothing is known yet is left out."""
    found = {}
    for partition in client.position(client.assignment()):
        low, end = client.get_watermark_offsets(partition, cached=True)
        at = partition.offset
        if at < 0 <= end:
            # Nothing came from it since it was assigned: what counts is what was committed, by whomever.
            [committed] = client.committed([TopicPartition(partition.topic, partition.partition)], WAIT_SECONDS)
            at = max(committed.offset, low)
        if end >= 0:
            found[f"{partition.topic}/{partition.partition}"] = max(end - at, 0)
    return found
