"""Spans, and the W3C trace context that connects them."""

import random
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from typing_extensions import override

PROPAGATOR = TraceContextTextMapPropagator()
# A traceparent of the version that everyone sends: the ids of the trace and of the parent, and the flags. The
# propagator reads all others.
TRACEPARENT = re.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
SAMPLED, NOT_SAMPLED = "01", "00"
SAMPLED_FLAGS = frozenset(f"{flags:02x}" for flags in range(1, 256, 2))
"""All flags whose last bit says that the trace is sampled."""
NO_CONTEXT = context.Context()


class Parent(NamedTuple):
    """The trace context that a caller or an event has sent."""

    trace_id: str
    span_id: str
    flags: str
    state: trace.TraceState | None = None


class Span(trace.NonRecordingSpan):
    """A span: its ids as text, and its parent's. What it did is recorded when it ends (tracing.py).

    Headers and log lines consist of these texts. OpenTelemetry's own span contexts are numbers, and cost more to read,
    to create and to write than all else that surrounds a call.
    """

    def __init__(self, parent: Parent) -> None:
        """Create a span in the trace of `parent`, whose span_id is empty if this is the first span of the trace."""
        self.trace_id, self.parent_id, self.flags, self.state = parent
        # An id must not be 0. It is no secret.
        self.span_id = f"{random.getrandbits(64) or 1:016x}"

    @override
    def get_span_context(self) -> trace.SpanContext:
        flags = trace.TraceFlags(int(self.flags, 16))
        ids = int(self.trace_id, 16), int(self.span_id, 16)
        return trace.SpanContext(*ids, is_remote=False, trace_flags=flags, trace_state=self.state)

    @property
    def is_sampled(self) -> bool:
        """Whether the span is exported, if spans are."""
        return self.flags in SAMPLED_FLAGS

    @property
    def traceparent(self) -> str:
        """The header that makes the receiver's span a child of this one."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return what a call sends, so that its callee continues the trace."""
        parent = ("traceparent", self.traceparent)
        return (parent, ("tracestate", self.state.to_header())) if self.state else (parent,)

    def child(self) -> "Span":
        """Return a span below this one."""
        return Span(Parent(self.trace_id, self.span_id, self.flags, self.state))


def current_span() -> Span | None:
    """Return the span of the current call, event or piece of work."""
    span = trace.get_current_span()
    return span if isinstance(span, Span) else None


def new_trace(trace_id: str = "", flags: str = SAMPLED) -> Span:
    """Return the first span of a trace."""
    return Span(Parent(trace_id or new_trace_id(), "", flags))


def new_trace_id() -> str:
    """Return a random id."""
    return f"{random.getrandbits(128) or 1:032x}"


def log_fields(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a log line about an event that has these headers."""
    parent = read_parent(headers.items())
    return {"trace_id": parent.trace_id, "span_id": parent.span_id} if parent else {}


def read_parent(metadata: Iterable[tuple[str, str | bytes]]) -> Parent | None:
    """Return the trace context in the metadata of a call or the headers of an event; None if there is no valid one."""
    parent = state = ""
    for key, value in metadata:
        if key == "traceparent":
            parent = str(value)
        elif key == "tracestate":
            state = str(value)
    if not parent:
        return None
    usual = TRACEPARENT.fullmatch(parent)
    if usual and not state:
        return Parent(usual[1], usual[2], usual[3])
    extracted = PROPAGATOR.extract({"traceparent": parent, "tracestate": state}, NO_CONTEXT)
    given = trace.get_current_span(extracted).get_span_context()
    if not given.is_valid:
        return None
    return Parent(f"{given.trace_id:032x}", f"{given.span_id:016x}", f"{given.trace_flags:02x}", given.trace_state)
