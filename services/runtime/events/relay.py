"""The relay: publishes the events of the outbox to Kafka, in order, each at least once.

Every commit of this process wakes it, and a poll finds what other replicas, or a process that died, have left. While
Kafka is down, events wait in the Kafka client, which reconnects by itself, and in the outbox. No call waits for them.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter

import prometheus_client
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from services.runtime.events import outbox
from services.runtime.events.outbox import OutboxRecord
from services.runtime.storage.database import Database
from services.runtime.telemetry import Tracing, record_attributes, sent_event

# Records per batch; a batch costs two commits and one round trip to Kafka.
MAX_BATCH_RECORDS = 500
# How often the relay looks for records of other processes.
POLL_INTERVAL_SECONDS = 1.0
# How long the lease of a relay that died keeps other relays from publishing.
LEASE = timedelta(seconds=15)
# How long a thread waits for Kafka before it checks whether the lease needs extending, or the process is stopping.
FLUSH_SLICE_SECONDS = 0.25

logger = logging.getLogger(__name__)
PUBLISHED = prometheus_client.Counter(
    "event_published", "Events that Kafka has accepted. One that is sent again counts again.", ["topic", "type"]
)


class Relay:
    """The relay of one process."""

    def __init__(
        self,
        database: Database,
        kafka: Mapping[str, str],
        tracing: Tracing,
        create_producer: Callable[..., Producer] = Producer,
    ) -> None:
        """Create it. `kafka` holds the librdkafka settings of its client."""
        self._create_producer = create_producer
        self._database = database
        self._settings = kafka
        self._tracing = tracing
        self._holder = str(uuid.uuid4())
        self._wake = asyncio.Event()
        database.after_write(self._wake.set)

    async def wake(self) -> None:
        """Wake the relay, so that it looks for records of other processes."""
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled. Raises KafkaException if the client fails for good; then run it again."""
        producer = self._create_producer(
            {
                **self._settings,
                "enable.idempotence": True,
                # Never give up on an event: the ones behind it would overtake it.
                "message.timeout.ms": 0,
                "linger.ms": 0,
            },
            logger=logger,
        )
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while await self._publish_batch(producer):
                    pass
        finally:
            # Records that Kafka has not confirmed stay in the outbox.
            producer.purge(blocking=False)

    async def _publish_batch(self, producer: Producer) -> bool:
        """Publish the next batch. Returns whether there may be more."""
        async with self._database.read() as connection:
            if not await outbox.next_records(connection, 1):
                return False
        async with self._database.write(shared=True) as connection:
            if not await outbox.acquire_lease(connection, self._holder, LEASE):
                return False
            records = await outbox.next_records(connection, MAX_BATCH_RECORDS)
        await self._send(producer, records)
        async with self._database.write(shared=True) as connection:
            await outbox.delete_published(connection, records)
            if not await outbox.next_records(connection, 1):
                await outbox.release_lease(connection, self._holder)
        logger.info("events published", extra={"events": len(records)})
        return True

    async def _send(self, producer: Producer, records: Sequence[OutboxRecord]) -> None:
        """Send the records and wait until Kafka has confirmed all of them. Raises KafkaException."""
        sent = [_SentRecord(record, self._tracing) for record in records]
        try:
            for each in sent:
                each.produce(producer)
            await self._flush(producer, records)
        finally:
            for each in sent:
                each.end_span()
        failures = [each.error for each in sent if each.error is not None]
        if failures:
            raise KafkaException(failures[0])
        for (topic, event_type), count in Counter((each.topic, each.headers["ce_type"]) for each in records).items():
            PUBLISHED.labels(topic, event_type).inc(count)

    async def _flush(self, producer: Producer, records: Sequence[OutboxRecord]) -> None:
        lease_time = datetime.now(UTC)
        while await asyncio.to_thread(producer.flush, FLUSH_SLICE_SECONDS):
            if datetime.now(UTC) - lease_time > LEASE / 3:
                lease_time = datetime.now(UTC)
                logger.warning("Kafka has not accepted the events yet", extra={"events": len(records)})
                async with self._database.write(shared=True) as connection:
                    # A relay that took over the lease publishes these events too; consumers compare their ids.
                    await outbox.acquire_lease(connection, self._holder, LEASE)


class _SentRecord:
    """A record on its way to Kafka, with its span. The span is in the trace of the call that stored the event."""

    def __init__(self, record: OutboxRecord, tracing: Tracing) -> None:
        self.error: KafkaError | None = None
        self._record = record
        self._tracing = tracing
        self._span = tracing.start_event(record.headers.get("traceparent")) if tracing.is_exporting else None
        self._start = perf_counter()
        # A record that the end of the process cuts off may have reached Kafka all the same.
        self._outcome = "cancelled"
        self._place: tuple[int | None, int | None] = None, None

    def produce(self, producer: Producer) -> None:
        """Pass the record to the client."""
        headers = self._record.headers
        if self._span is not None:
            headers = {**headers, "traceparent": self._span.traceparent}
        producer.produce(
            self._record.topic,
            value=self._record.payload,
            key=self._record.key,
            headers=[*headers.items()],
            on_delivery=self._delivered,
        )

    def end_span(self) -> None:
        """Finish the span, whether the record is delivered or not: a consumer may continue it."""
        if self._span is not None:
            operation = sent_event(self._record.topic)
            attributes = record_attributes(self._record.headers, *self._place)
            self._tracing.end(self._span, operation, self._outcome, perf_counter() - self._start, attributes)

    def _delivered(self, error: KafkaError | None, message: Message | None) -> None:
        self.error = error
        self._outcome = "" if error is None else error.name()
        if error is None and message is not None:
            self._place = message.partition(), message.offset()
