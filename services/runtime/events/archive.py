"""A topic as a whole: everything that Kafka keeps of it, read by somebody who consumes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

MOST_RECORDS = 1000
WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Archive:
    """The records of a topic, partition by partition, each in its sequence; `whole` unless the first have expired."""

    records: list[Message]
    whole: bool


def read_topic(kafka: Mapping[str, str], topic: str) -> Archive:
    """Read a topic from its first record to what is its last one now. Blocks. Raises KafkaException.

    A topic that is not there yet has no records.
    """
    # The group is a name alone: partitions are assigned by hand, and nothing is committed.
    client = Consumer({**kafka, "group.id": "readers", "enable.auto.commit": False})
    try:
        records: list[Message] = []
        whole = True
        for number in partitions(client, topic):
            low, end = client.get_watermark_offsets(TopicPartition(topic, number), WAIT_SECONDS)
            whole = whole and low == 0
            if low < end:
                client.assign([TopicPartition(topic, number, low)])
                records += _until(client, low, end)
        return Archive(records, whole)
    finally:
        client.close()


def partitions(client: Consumer, topic: str) -> list[int]:
    """Answer the numbers of a topic's partitions; none if there is no such topic."""
    found = client.list_topics(topic, WAIT_SECONDS).topics[topic]
    return sorted(found.partitions)


def _until(client: Consumer, start: int, end: int) -> list[Message]:
    records: list[Message] = []
    at = start
    while at < end:
        # Not more than there are: the client would wait for them.
        polled = client.consume(min(MOST_RECORDS, end - at), WAIT_SECONDS)
        for record in polled:
            if (error := record.error()) is not None:
                raise KafkaException(error)
        if not polled:
            raise KafkaException(f"no record came within {WAIT_SECONDS:.0f} s")
        records += polled
        at = (polled[-1].offset() or 0) + 1
    return records
