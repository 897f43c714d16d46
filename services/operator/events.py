"""The orders' events as Kafka keeps them, and what their consumers could not take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.operator.domain import Event, Money
from services.runtime.events.archive import read_topic
from services.runtime.events.dead_letters import DeadLetters
from services.runtime.events.event import headers_of, read_event, read_headers, topic_of
from services.runtime.rpc import to_cents
from shop.orders.v1 import events_pb2 as pb

TYPES: Mapping[str, Any] = {
    message.DESCRIPTOR.full_name: message
    for message in (pb.OrderPlaced, pb.OrderConfirmed, pb.OrderRejected, pb.OrderCancelled)
}
CONSUMERS = ("inventory", "notifications", "analytics")


@dataclass(frozen=True)
class Topics:
    """What lies in Kafka. `kafka` is what its client needs to find it, by librdkafka's names."""

    kafka: Mapping[str, str]

    def events(self) -> tuple[Sequence[Event], datetime | None]:
        """Answer every event, and the time of the first one left if others have expired. Blocks.

        Raises KafkaException, MalformedRecordError.
        """
        archive = read_topic(self.kafka, topic_of(pb.OrderPlaced))
        found = []
        times = []
        for record in archive.records:
            event = read_event(read_headers(headers_of(record)), record.value(), TYPES)
            if event is not None:
                order = event.message.order
                total = Money(to_cents(order.total), order.total.currency_code)
                pieces = {item.product: item.quantity for item in order.items}
                found.append(Event(event.id, event.type.rpartition(".")[2], order.name, pieces, total))
                times.append(event.time)
        # Partitions expire each for itself: what is older than the first of any may be gone.
        return found, None if archive.whole else min(times, default=None)

    def dead_letters(self) -> Mapping[str, int]:
        """Answer how many dead letters each consumer has. Blocks. Raises KafkaException."""
        return {group: DeadLetters(self.kafka, group).count() for group in CONSUMERS}
