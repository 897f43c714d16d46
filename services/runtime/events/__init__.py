"""Events: published through an outbox and Kafka, consumed through an inbox. See README.md.

An event is a protobuf message. The headers of its Kafka record are CloudEvents attributes and the W3C trace context.
"""

from services.runtime.events.consumer import Consumer, Handlers
from services.runtime.events.event import Event
from services.runtime.events.outbox import Outbox

__all__ = ["Consumer", "Event", "Handlers", "Outbox"]
