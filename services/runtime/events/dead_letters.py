"""Dead letters: records that a consumer could do nothing with, kept aside until somebody has them taken again.

Each group has two topics of its own: "<group>.dead-letters", where they lie, and "<group>.replays", which the group's
consumers read beside the others. To replay is to carry what lies in the one over to the other.
"""

import asyncio
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from services.runtime.events.archive import partitions
from services.runtime.events.event import Header, headers_of

# What is added to a dead letter, and taken off again.
MARK = "dead_letter_"
LONGEST_REASON = 1000
MOST_RECORDS = 500
WAIT_SECONDS = 10.0
DELIVERY_MS = 30_000


def dead_letters_of(group: str) -> str:
    """Answer the topic where a group's dead letters lie."""
    return f"{group}.dead-letters"


def replays_of(group: str) -> str:
    """Answer the topic from which a group takes them again."""
    return f"{group}.replays"


class DeadLetters:
    """The dead letters of one group."""

    def __init__(self, kafka: Mapping[str, str], group: str) -> None:
        """`kafka` is what the client needs to find Kafka, by librdkafka's names."""
        self._settings = kafka
        self._group = group

    async def bury(self, refused: Sequence[tuple[Message, Exception]]) -> None:
        """Put records aside, each with where it came from and why it is here. Raises KafkaException."""
        await asyncio.to_thread(self._bury, refused)

    def count(self) -> int:
        """Answer how many lie there that nobody had the group take again. Blocks. Raises KafkaException."""
        topic = dead_letters_of(self._group)
        client = Consumer({**self._settings, "group.id": topic, "enable.auto.commit": False})
        try:
            found = 0
            for number in partitions(client, topic):
                at, end = _left(client, topic, number)
                found += end - at
            return found
        finally:
            client.close()

    def replay(self) -> int:
        """Have the group take its dead letters again, those that lie there now; answer how many. Blocks.

        Raises KafkaException; then what was carried over comes twice, and the group's inbox knows it.
        """
        client = Consumer(
            {
                **self._settings,
                "group.id": dead_letters_of(self._group),
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        try:
            return self._carry(client)
        finally:
            client.close()

    def _bury(self, refused: Sequence[tuple[Message, Exception]]) -> None:
        topic = dead_letters_of(self._group)
        records = []
        for record, error in refused:
            told = {
                "topic": str(record.topic()),
                "partition": str(record.partition()),
                "offset": str(record.offset()),
                "reason": f"{type(error).__name__}: {error}"[:LONGEST_REASON],
            }
            marks: list[Header] = [(MARK + name, value.encode()) for name, value in told.items()]
            records.append((record, [*headers_of(record), *marks]))
        self._send(topic, records)

    def _carry(self, client: Consumer) -> int:
        topic = dead_letters_of(self._group)
        count = 0
        for number in partitions(client, topic):
            # One partition after the other, assigned by hand: whoever replays is alone at it.
            at, end = _left(client, topic, number)
            client.assign([TopicPartition(topic, number, at)])
            while at < end:
                records = [
                    record for record in client.consume(min(MOST_RECORDS, end - at), WAIT_SECONDS) if _checked(record)
                ]
                due = [record for record in records if (record.offset() or 0) < end]
                if not due:
                    break
                self._send(replays_of(self._group), [(record, _unmarked(record)) for record in due])
                at = (due[-1].offset() or 0) + 1
                client.commit(offsets=[TopicPartition(topic, number, at)], asynchronous=False)
                count += len(due)
        return count

    def _send(self, topic: str, records: Sequence[tuple[Message, list[Header]]]) -> None:
        failures: list[object] = []
        producer = Producer({**self._settings, "enable.idempotence": True, "message.timeout.ms": DELIVERY_MS})
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


def _left(client: Consumer, topic: str, number: int) -> tuple[int, int]:
    """Answer where in a partition the client's group goes on, and where the partition ends now."""
    [partition] = client.committed([TopicPartition(topic, number)], WAIT_SECONDS)
    low, end = client.get_watermark_offsets(partition, WAIT_SECONDS)
    return max(partition.offset, low), end


def _checked(record: Message) -> bool:
    if (error := record.error()) is not None:
        raise KafkaException(error)
    return True


def _unmarked(record: Message) -> list[Header]:
    return [(name, value) for name, value in headers_of(record) if not name.startswith(MARK)]
