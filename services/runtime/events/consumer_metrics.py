"""The metrics of a consumer: what became of its records, how late they were, and how many wait."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from time import time

import prometheus_client
from confluent_kafka import Message as Record
from google.protobuf.message import Message
from prometheus_client.core import GaugeMetricFamily

from services.runtime.events.event import MalformedRecordError, topic_of

# Stands for every type of event without a handler: a record can name any.
OTHER = "other"
PROCESSED = prometheus_client.Counter(
    "event_processed",
    "Events by outcome: applied, duplicate (applied before), ignored (no handler).",
    ["topic", "type", "outcome"],
)
DEAD_LETTERS = prometheus_client.Counter(
    "event_dead_letters",
    "Records that went to the dead letters: malformed (not an event), or failed (its handler raised).",
    ["topic", "reason"],
)
DELAY = prometheus_client.Histogram(
    "event_consumer_delay_seconds",
    "From the publication of an event to its effect.",
    ["topic"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)


class Outcome(StrEnum):
    """What became of an event."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


def create_series(topics: Iterable[str], types: Iterable[type[Message]]) -> None:
    """Create the series of these topics and types of events, with the value 0."""
    for topic in topics:
        DELAY.labels(topic)
        for reason in ("malformed", "failed"):
            DEAD_LETTERS.labels(topic, reason)
    for message in types:
        PROCESSED.labels(topic_of(message), message.DESCRIPTOR.full_name, Outcome.APPLIED)


def count_processed(records: Sequence[Record], outcomes: Mapping[tuple[str, str, Outcome], int]) -> None:
    """Count a batch whose transaction is committed. `outcomes` has the number of events by topic, type and outcome."""
    for labels, count in outcomes.items():
        PROCESSED.labels(*labels).inc(count)
    now = time()
    for record in records:
        _, milliseconds = record.timestamp()
        # The clock of the publisher may be ahead.
        DELAY.labels(record.topic()).observe(max(now - milliseconds / 1000, 0.0))


def count_dead_letters(failed: Iterable[tuple[Record, Exception]]) -> None:
    """Count records that are in the dead letters, each with its error."""
    for record, error in failed:
        DEAD_LETTERS.labels(record.topic(), "malformed" if isinstance(error, MalformedRecordError) else "failed").inc()


def lag_metric(lag: Mapping[str, int]) -> GaugeMetricFamily:
    """Return the lag, by "<topic>/<partition>", as a metric. It has no samples while the lag is not known."""
    by_topic: Counter[str] = Counter()
    for partition, records in lag.items():
        by_topic[partition.rpartition("/")[0]] += records
    family = GaugeMetricFamily(
        "event_consumer_lag_records",
        "Records that this process has not consumed, in the partitions assigned to it.",
        labels=["topic"],
    )
    for topic, records in by_topic.items():
        family.add_metric([topic], records)
    return family
