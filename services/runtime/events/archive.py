"""A topic as a whole: everything that Kafka keeps of it, read by somebody who consumes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

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
    client = Consumer({**kafka, "group.id": "readers", "enable.auto.commit": False, "enable.partition.eof": True})
    try:
        records: list[Message] = []
        whole = True
        for number in partitions(client, topic):
            low, end = client.get_watermark_offsets(TopicPartition(topic, number), WAIT_SECONDS)
            whole = whole and low == 0
            if low < end:
                client.assign([TopicPartition(topic, number, low)])
                records += _until(client, end)
        return Archive(records, whole)
    finally:
        client.close()


def partitions(client: Consumer, topic: str) -> list[int]:
    """Answer the numbers of a topic's partitions; none if there is no such topic."""
    found = client.list_topics(topic, WAIT_SECONDS).topics[topic]
    return sorted(found.partitions)


def _until(client: Consumer, end: int) -> list[Message]:
    records: list[Message] = []
    while True:
        polled = client.consume(MOST_RECORDS, WAIT_SECONDS)
        for record in polled:
            if (error := record.error()) is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # its name
                raise KafkaException(error)
        records += [record for record in polled if record.error() is None and (record.offset() or 0) < end]
        # The end may lie behind what is no record: the marks that transactions leave.
        if not polled or any(record.error() or (record.offset() or 0) + 1 >= end for record in polled):
            return records
