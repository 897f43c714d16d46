"""Events: what happened here is told through an outbox and Kafka, what happened elsewhere is taken through an inbox.

It knows no business noun. An event is a protobuf message; its record in Kafka carries CloudEvents attributes and the
W3C trace context in its headers. See README.md.
"""

from services.runtime.events.consumer import Consumer, Handlers
from services.runtime.events.event import Event
from services.runtime.events.outbox import Outbox

__all__ = ["Consumer", "Event", "Handlers", "Outbox"]
