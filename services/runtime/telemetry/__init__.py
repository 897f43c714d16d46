"""Traces: a span for each call and each event, in the trace of what caused it, exported over OTLP."""

from services.runtime.telemetry.operations import (
    Attributes,
    Operation,
    processed_event,
    record_attributes,
    sent_call,
    sent_event,
    served_call,
)
from services.runtime.telemetry.spans import Span, current_span, log_fields
from services.runtime.telemetry.tracing import Tracing

__all__ = [
    "Attributes",
    "Operation",
    "Span",
    "Tracing",
    "current_span",
    "log_fields",
    "processed_event",
    "record_attributes",
    "sent_call",
    "sent_event",
    "served_call",
]
