"""Reading a whole topic: every record that Kafka retains, without joining a consumer group."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

MAX_RECORDS = 1000
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Archive:
    """The records of a topic, partition by partition in order. `whole` is False if the oldest have expired."""

    records: list[Message]
    whole: bool


def read_topic(kafka: Mapping[str, str], topic: str) -> Archive:
    """Read a topic from its first record to its current end. Blocks. Raises KafkaException.

    A topic that does not exist yet has no records.
    """
    # The client needs a group name, but partitions are assigned by hand and nothing is committed.
    client = Consumer({**kafka, "group.id": "readers", "enable.auto.commit": False})
    try:
        records: list[Message] = []
        whole = True
        for number in partitions(client, topic):
            low, end = client.get_watermark_offsets(TopicPartition(topic, number), TIMEOUT_SECONDS)
            whole = whole and low == 0
            if low < end:
                client.assign([TopicPartition(topic, number, low)])
                records += _read_partition(client, low, end)
        return Archive(records, whole)
    finally:
        client.close()


def partitions(client: Consumer, topic: str, timeout_seconds: float = TIMEOUT_SECONDS) -> list[int]:
    """Return the numbers of a topic's partitions; none if the topic does not exist."""
    metadata = client.list_topics(topic, timeout_seconds).topics[topic]
    return sorted(metadata.partitions)


def _read_partition(client: Consumer, start: int, end: int) -> list[Message]:
    records: list[Message] = []
    offset = start
    while offset < end:
        # The client would wait for records beyond the end.
        polled = client.consume(min(MAX_RECORDS, end - offset), TIMEOUT_SECONDS)
        for record in polled:
            if (error := record.error()) is not None:
                raise KafkaException(error)
        if not polled:
            raise KafkaException(f"no record arrived within {TIMEOUT_SECONDS:.0f} s")
        records += polled
        offset = (polled[-1].offset() or 0) + 1
    return records
