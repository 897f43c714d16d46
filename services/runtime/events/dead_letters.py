"""Dead letters: records that a consumer could not process, kept until an operator replays them.

Each consumer group has two topics: "<group>.dead-letters", which stores them, and "<group>.replays", which the group's
consumers read like any other topic. A replay copies the records of the first topic to the second.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from services.runtime.events.archive import partitions
from services.runtime.events.event import Header, headers_of

# The prefix of the headers that describe a dead letter; a replay removes them.
HEADER_PREFIX = "dead_letter_"
MAX_REASON_CHARACTERS = 1000
MAX_RECORDS = 500
TIMEOUT_SECONDS = 10.0
# A process that stops waits for the thread that counts.
COUNT_TIMEOUT_SECONDS = 2.0
DELIVERY_TIMEOUT_MS = 30_000


def dead_letter_topic(group: str) -> str:
    """Return the topic that stores a group's dead letters."""
    return f"{group}.dead-letters"


def replay_topic(group: str) -> str:
    """Return the topic from which a group consumes replayed records."""
    return f"{group}.replays"


class DeadLetters:
    """The dead letters of one group."""

    def __init__(self, kafka: Mapping[str, str], group: str) -> None:
        """Create it. `kafka` holds the librdkafka settings of its client."""
        self._settings = kafka
        self._group = group

    async def send(self, failed: Sequence[tuple[Message, Exception]]) -> None:
        """Send records to the dead-letter topic, each with its origin and the error. Raises KafkaException."""
        await asyncio.to_thread(self._send, failed)

    def count(self, timeout_seconds: float = TIMEOUT_SECONDS) -> int:
        """Return the number of dead letters that were not replayed. Blocks. Raises KafkaException."""
        topic = dead_letter_topic(self._group)
        client = Consumer({**self._settings, "group.id": topic, "enable.auto.commit": False})
        try:
            count = 0
            for number in partitions(client, topic, timeout_seconds):
                start, end = _remaining(client, topic, number)
                count += end - start
            return count
        finally:
            client.close()

    async def measure(self) -> Iterable[Metric]:
        """Return the metric of the dead letters that were not replayed. Raises KafkaException."""
        count = await asyncio.to_thread(self.count, COUNT_TIMEOUT_SECONDS)
        return [GaugeMetricFamily("event_dead_letters_waiting", "Dead letters that were not replayed.", count)]

    def replay(self) -> int:
        """Replay the group's current dead letters and return how many there were. Blocks. Raises KafkaException.

        After an error, some records may be replayed twice; the inbox of the group recognizes them.
        """
        client = Consumer(
            {
                **self._settings,
                "group.id": dead_letter_topic(self._group),
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        try:
            return self._replay(client)
        finally:
            client.close()

    def _send(self, failed: Sequence[tuple[Message, Exception]]) -> None:
        topic = dead_letter_topic(self._group)
        records = []
        for record, error in failed:
            description = {
                "topic": str(record.topic()),
                "partition": str(record.partition()),
                "offset": str(record.offset()),
                "reason": f"{type(error).__name__}: {error}"[:MAX_REASON_CHARACTERS],
            }
            headers: list[Header] = [(HEADER_PREFIX + name, value.encode()) for name, value in description.items()]
            records.append((record, [*headers_of(record), *headers]))
        self._produce(topic, records)

    def _replay(self, client: Consumer) -> int:
        topic = dead_letter_topic(self._group)
        count = 0
        for number in partitions(client, topic):
            # One partition after the other, assigned by hand: no other client replays at the same time.
            start, end = _remaining(client, topic, number)
            client.assign([TopicPartition(topic, number, start)])
            while start < end:
                records = [
                    record
                    for record in client.consume(min(MAX_RECORDS, end - start), TIMEOUT_SECONDS)
                    if _checked(record)
                ]
                due = [record for record in records if (record.offset() or 0) < end]
                if not due:
                    break
                self._produce(replay_topic(self._group), [(record, _original_headers(record)) for record in due])
                start = (due[-1].offset() or 0) + 1
                client.commit(offsets=[TopicPartition(topic, number, start)], asynchronous=False)
                count += len(due)
        return count

    def _produce(self, topic: str, records: Sequence[tuple[Message, list[Header]]]) -> None:
        failures: list[object] = []
        producer = Producer({**self._settings, "enable.idempotence": True, "message.timeout.ms": DELIVERY_TIMEOUT_MS})
        for record, headers in records:
            producer.produce(
                topic,
                value=record.value(),
                key=record.key(),
                headers=headers,
                on_delivery=lambda error, _: failures.append(error) if error is not None else None,
            )
        producer.flush()
        if failures:
            raise KafkaException(failures[0])


def _remaining(client: Consumer, topic: str, number: int) -> tuple[int, int]:
    """Return the first offset of a partition that was not replayed, and its current end."""
    [partition] = client.committed([TopicPartition(topic, number)], TIMEOUT_SECONDS)
    low, end = client.get_watermark_offsets(partition, TIMEOUT_SECONDS)
    return max(partition.offset, low), end


def _checked(record: Message) -> bool:
    if (error := record.error()) is not None:
        raise KafkaException(error)
    return True


def _original_headers(record: Message) -> list[Header]:
    return [(name, value) for name, value in headers_of(record) if not name.startswith(HEADER_PREFIX)]
