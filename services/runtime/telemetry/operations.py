"""What spans describe: calls and events, in the terms of OpenTelemetry's semantic conventions.

Attributes say which operation it was and how it ended. None is about a person: no field of a request, no metadata, no
key of an event, no text of an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from opentelemetry.trace import SpanKind
from typing_extensions import override

from services.runtime.telemetry.spans import Span

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the conventions."""
# The codes for which a server is to blame. Of a client's span every code but OK is an error.
SERVER_ERRORS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
ERROR = "error.type"

Attributes = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Operation:
    """What the spans of an operation have in common."""

    kind: SpanKind
    name: str
    attributes: Attributes = field(default_factory=dict)
    encoded: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """Outcome → the encoded part that all spans with this outcome share. encoding.py fills it."""

    def describe(self, outcome: str) -> Attributes:
        """Return the attributes of a span that has ended with `outcome`, an error, or "" for success."""
        return {**self.attributes, ERROR: outcome} if outcome else self.attributes


class EndedSpan(NamedTuple):
    """A span and what it describes. Times are nanoseconds since 1970."""

    span: Span
    operation: Operation
    outcome: str
    start: int
    end: int
    attributes: Attributes | None = None
    """Those that the span does not share with others."""


class CallOperation(Operation):
    """A call. Its outcome is the name of its gRPC status."""

    __slots__ = ()

    @override
    def describe(self, outcome: str) -> Attributes:
        attributes = {**self.attributes, "rpc.response.status_code": outcome}
        failed = outcome in SERVER_ERRORS if self.kind is SpanKind.SERVER else outcome != "OK"
        return {**attributes, ERROR: outcome} if failed else attributes


def served_call(method: str) -> CallOperation:
    """Describe the inbound calls of `method`, "/<package>.<Service>/<Method>"."""
    return _call(SpanKind.SERVER, method, {})


def sent_call(method: str, address: str) -> CallOperation:
    """Describe the outgoing calls of `method`. `address` is what the channel dials, or its authority."""
    if address.startswith("unix:"):
        return _call(SpanKind.CLIENT, method, {"server.address": address.removeprefix("unix:").removeprefix("//")})
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        server: Attributes = {"server.address": host.removeprefix("[").removesuffix("]"), "server.port": int(port)}
    else:
        server = {"server.address": address}
    return _call(SpanKind.CLIENT, method, server)


def _call(kind: SpanKind, method: str, server: Attributes) -> CallOperation:
    name = method.removeprefix("/")
    return CallOperation(kind, name, {"rpc.system.name": "grpc", "rpc.method": name, **server})


@cache
def sent_event(topic: str) -> Operation:
    """Describe the events that are sent to `topic`."""
    return _messaging(SpanKind.PRODUCER, "send", topic, {})


@cache
def processed_event(topic: str, group: str) -> Operation:
    """Describe the events of `topic` that the consumer group processes."""
    return _messaging(SpanKind.CONSUMER, "process", topic, {"messaging.consumer.group.name": group})


def record_attributes(headers: Mapping[str, str], partition: int | None, offset: int | None) -> Attributes:
    """Describe an event by the headers of its Kafka record. The record's place is left out if it is not known."""
    event: Attributes = {
        "messaging.message.id": headers["ce_id"],
        "cloudevents.event_type": headers["ce_type"],
        "cloudevents.event_subject": headers.get("ce_subject", ""),
    }
    if partition is None or offset is None:
        return event
    return {**event, "messaging.destination.partition.id": str(partition), "messaging.kafka.offset": offset}


def _messaging(kind: SpanKind, operation: str, topic: str, more: Attributes) -> Operation:
    attributes: Attributes = {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        **more,
    }
    return Operation(kind, f"{operation} {topic}", attributes)
