"""Events: published through an outbox and Kafka, consumed through an inbox. See README.md.

An event is a protobuf message. The headers of its Kafka record are CloudEvents attributes and the W3C trace context.
"""

from services.runtime.events.archive import read_topic
from services.runtime.events.consumer import Consumer, Handlers
from services.runtime.events.dead_letters import DeadLetters
from services.runtime.events.event import (
    Event,
    MalformedRecordError,
    headers_of,
    read_event,
    read_headers,
    topic_of,
)
from services.runtime.events.outbox import Outbox

__all__ = [
    "Consumer",
    "DeadLetters",
    "Event",
    "Handlers",
    "MalformedRecordError",
    "Outbox",
    "headers_of",
    "read_event",
    "read_headers",
    "read_topic",
    "topic_of",
]
