"""Encodes spans as an ExportTraceServiceRequest of OTLP.

Spans differ in their ids and times only. What they share is encoded once by protobuf, for each operation and outcome;
the rest has a fixed size. Encoded fields in any order are a message, so a span is both of them, one behind the other.
Building each as a message would take ten times as long (README.md).
"""

import struct
from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as pb

from services.runtime.telemetry.operations import ERROR, SCHEMA_URL, Attributes, EndedSpan, Operation

# trace_id, span_id, start_time_unix_nano and end_time_unix_nano, each behind its tag and, for bytes, its length.
IDS_AND_TIMES = struct.Struct("<2s16s2s8sBQBQ")
TRACE_ID, SPAN_ID, PARENT_ID, START, END = b"\x0a\x10", b"\x12\x08", b"\x22\x08", 0x39, 0x41
MAX_IN_ONE_BYTE = 127
SCOPE = "services.runtime.telemetry"


class Encoder:
    """Encodes the spans of one process."""

    def __init__(self, resource: Attributes) -> None:
        """Create it. `resource` describes the process."""
        described = pb.ResourceSpans(resource=Resource(attributes=_key_values(resource)), schema_url=SCHEMA_URL)
        self._resource = described.SerializeToString()
        self._scope = pb.ScopeSpans(scope=InstrumentationScope(name=SCOPE), schema_url=SCHEMA_URL).SerializeToString()

    def encode(self, ended: Sequence[EndedSpan]) -> bytes:
        """Return the request that exports these spans."""
        spans = self._scope + b"".join([_field(pb.ScopeSpans.SPANS_FIELD_NUMBER, _encode(span)) for span in ended])
        resource_spans = self._resource + _field(pb.ResourceSpans.SCOPE_SPANS_FIELD_NUMBER, spans)
        return _field(ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER, resource_spans)


def _encode(ended: EndedSpan) -> bytes:
    span, operation = ended.span, ended.operation
    shared = operation.encoded.get(ended.outcome)
    if shared is None:
        shared = operation.encoded[ended.outcome] = _encode_shared(operation, ended.outcome)
    ids = bytes.fromhex(span.trace_id), bytes.fromhex(span.span_id)
    own = IDS_AND_TIMES.pack(TRACE_ID, ids[0], SPAN_ID, ids[1], START, ended.start, END, ended.end)
    if span.parent_id:
        own += PARENT_ID + bytes.fromhex(span.parent_id)
    if span.state or ended.attributes:
        own += _encode_rare(ended)
    return own + shared


def _encode_shared(operation: Operation, outcome: str) -> bytes:
    attributes = operation.describe(outcome)
    # OTLP has 0 for no kind, and the kinds behind it.
    span = pb.Span(name=operation.name, kind=operation.kind.value + 1, attributes=_key_values(attributes))  # type: ignore[arg-type]
    if ERROR in attributes:
        span.status.code = pb.Status.STATUS_CODE_ERROR
    return span.SerializeToString()


def _encode_rare(ended: EndedSpan) -> bytes:
    span = pb.Span(attributes=_key_values(ended.attributes or {}))
    if ended.span.state:
        span.trace_state = ended.span.state.to_header()
    return span.SerializeToString()


def _key_values(attributes: Attributes) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in attributes.items()
    ]


def _field(number: int, value: bytes) -> bytes:
    """Return an encoded field: its tag, the length of its value, and the value."""
    head = bytearray((number << 3 | 2,))
    length = len(value)
    while length > MAX_IN_ONE_BYTE:
        head.append(length & MAX_IN_ONE_BYTE | MAX_IN_ONE_BYTE + 1)
        length >>= 7
    head.append(length)
    return bytes(head) + value
