"""The events of orders in Kafka, and the dead letters of their consumers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Message

from services.operator.domain import Event, Money
from services.runtime.events import DeadLetters, headers_of, read_event, read_headers, read_topic, topic_of
from services.runtime.rpc import to_cents
from shop.orders.v1 import events_pb2 as pb

EVENT_TYPES: Mapping[str, Any] = {
    message.DESCRIPTOR.full_name: message
    for message in (pb.OrderPlaced, pb.OrderConfirmed, pb.OrderRejected, pb.OrderCancelled)
}
MILLISECONDS_PER_SECOND = 1000
CONSUMERS = ("inventory", "notifications", "analytics")


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event and its record in Kafka. `time` is when it happened, `publish_time` when it was sent to Kafka."""

    event: Event
    time: datetime
    publish_time: datetime
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Topics:
    """The topics of orders' events. `kafka` is the configuration of the Kafka client, by librdkafka's names."""

    kafka: Mapping[str, str]

    def events(self) -> tuple[Sequence[PublishedEvent], datetime | None]:
        """Return every event, and the time of the oldest one if Kafka has deleted any, else None. Blocks.

        Raises KafkaException, MalformedRecordError.
        """
        archive = read_topic(self.kafka, topic_of(pb.OrderPlaced))
        events = [event for record in archive.records if (event := _read(record)) is not None]
        # Kafka deletes old records in each partition separately: anything older than the oldest record may be gone.
        return events, None if archive.whole else min((each.time for each in events), default=None)

    def dead_letters(self) -> Mapping[str, int]:
        """Return the number of dead letters of each consumer. Blocks. Raises KafkaException."""
        return {group: DeadLetters(self.kafka, group).count() for group in CONSUMERS}


def _read(record: Message) -> PublishedEvent | None:
    event = read_event(read_headers(headers_of(record)), record.value(), EVENT_TYPES)
    if event is None:
        return None
    order = event.message.order
    total = Money(to_cents(order.total), order.total.currency_code)
    pieces = {item.product: item.quantity for item in order.items}
    return PublishedEvent(
        Event(event.id, event.type.rpartition(".")[2], order.name, pieces, total),
        time=event.time,
        publish_time=datetime.fromtimestamp(record.timestamp()[1] / MILLISECONDS_PER_SECOND, UTC),
        topic=str(record.topic()),
        partition=record.partition() or 0,
        offset=record.offset() or 0,
    )
