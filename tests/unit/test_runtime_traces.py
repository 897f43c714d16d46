"""The trace of an inbound call while spans are not exported."""

import contextvars

import pytest
from opentelemetry import propagate, trace

from services.runtime.telemetry import CallSpan, Telemetry

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{PARENT}-00")


def start_call(*metadata: tuple[str, str]) -> tuple[CallSpan, dict[str, str]]:
    """Return the span of a call with this metadata, and what OpenTelemetry's propagator would send during the call."""

    def run() -> tuple[CallSpan, dict[str, str]]:
        span = Telemetry("catalog", "1", {}).start_call(metadata)
        assert isinstance(span, CallSpan)
        assert trace.get_current_span() is span
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return span, carrier

    return contextvars.copy_context().run(run)


def test_a_call_continues_the_trace_of_its_caller() -> None:
    span, carrier = start_call(("user-agent", "x"), TRACEPARENT)
    assert carrier == {"traceparent": f"00-{TRACE}-{span.span_id}-00"}
    assert dict(span.headers()) == carrier
    assert (span.trace_id, span.span_id != PARENT) == (TRACE, True)


def test_a_call_passes_the_state_of_the_trace_on() -> None:
    span, carrier = start_call(TRACEPARENT, ("tracestate", "vendor=1,other=2"))
    assert carrier == {"traceparent": f"00-{TRACE}-{span.span_id}-00", "tracestate": "vendor=1,other=2"}
    assert dict(span.headers()) == carrier


def test_a_call_reads_later_versions_of_the_header() -> None:
    span, _ = start_call(("traceparent", f"01-{TRACE}-{PARENT}-01-more"))
    assert span.trace_id == TRACE


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "4bf92f3577b34da6",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"ff-{TRACE}-{PARENT}-01",
    ],
)
def test_a_call_without_a_valid_trace_starts_one(traceparent: str | None) -> None:
    metadata = [] if traceparent is None else [("traceparent", traceparent)]
    (first, carrier), (second, _) = start_call(*metadata), start_call(*metadata)
    assert carrier == {"traceparent": f"00-{first.trace_id}-{first.span_id}-01"}
    assert len({first.trace_id, second.trace_id, TRACE, "0" * 32}) == 4
