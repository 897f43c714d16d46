"""The tracing of a process: each call and each event gets a span in the trace of what caused it.

Without an OTLP endpoint no span is recorded. Calls then only continue the trace of their caller, or start one, for the
log and for the services behind them.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import context, trace

from services.runtime.telemetry.operations import Attributes, EndedSpan, Operation
from services.runtime.telemetry.resource import describe_process
from services.runtime.telemetry.sampling import Sampler
from services.runtime.telemetry.spans import (
    NO_CONTEXT,
    NOT_SAMPLED,
    Parent,
    Span,
    current_span,
    new_trace,
    new_trace_id,
    read_parent,
)

if TYPE_CHECKING:
    from prometheus_client import Metric

    from services.runtime.telemetry.exporter import Exporter

# How long a stopping process waits for the last spans. A collector that is down must not delay the stop.
FLUSH_SECONDS = 2.0
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Tracing:
    """The spans of the process, and their export."""

    _exporter: "Exporter | None" = None

    def __init__(self, service: str, version: str, environ: Mapping[str, str]) -> None:
        """Set up tracing. With an OTLP endpoint, call it in the event loop. Raises ConfigError."""
        self._sampler = Sampler.read(environ)
        endpoint = next(filter(None, (environ.get(name, "").strip() for name in ENDPOINTS)), "")
        if not endpoint or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return
        # Imported here because most tests and jobs export no spans.
        from services.runtime.telemetry.exporter import Exporter  # noqa: PLC0415

        self._exporter = Exporter(environ, endpoint, describe_process(service, version, environ))

    @property
    def is_exporting(self) -> bool:
        """Return whether spans are exported."""
        return self._exporter is not None

    def collect(self) -> "Iterable[Metric]":
        """Return the metrics of the export; nothing if spans are not exported."""
        return () if self._exporter is None else self._exporter.counts.collect()

    def start_call(self, metadata: Iterable[tuple[str, str | bytes]], *, is_traced: bool = True) -> Span:
        """Return the span of an inbound call, which is the current one from now on.

        If it is not traced, neither it nor anything below it is exported.
        """
        span = self._begin(read_parent(metadata))
        if not is_traced:
            span.flags = NOT_SAMPLED
        # Never detached: gRPC runs each call in its own task, whose context ends with it.
        context.attach(trace.set_span_in_context(span, NO_CONTEXT))
        return span

    def start(self) -> Span | None:
        """Return a span for what the current call does. Returns the call's own span if there is no need of another."""
        current = current_span()
        if self._exporter is None:
            return current
        if current is None:
            return self._begin(None)
        return current.child() if current.is_sampled else current

    def start_event(self, traceparent: str | None) -> Span:
        """Return a span in the trace of an event."""
        return self._begin(read_parent([("traceparent", traceparent)]) if traceparent else None)

    def records(self, span: Span | None) -> bool:
        """Return whether the end of a span will be recorded."""
        return self._exporter is not None and span is not None and span.is_sampled

    def end(
        self, span: Span, operation: Operation, outcome: str, seconds: float, attributes: Attributes | None = None
    ) -> None:
        """Finish a span that began `seconds` ago. It is exported if its trace is sampled."""
        if self._exporter is None or not span.is_sampled:
            return
        now = time.time_ns()
        self._exporter.add(EndedSpan(span, operation, outcome, now - int(seconds * 1e9), now, attributes))

    @contextmanager
    def span(self, span: Span, operation: Operation, attributes: Attributes | None = None) -> Iterator[None]:
        """Set a span as the current one, and finish it with the block. An exception is its error."""
        token = context.attach(trace.set_span_in_context(span, NO_CONTEXT))
        start, outcome = time.perf_counter(), ""
        try:
            yield
        except BaseException as error:
            outcome = type(error).__qualname__
            raise
        finally:
            context.detach(token)
            self.end(span, operation, outcome, time.perf_counter() - start, attributes)

    @contextmanager
    def work(self, name: str) -> Iterator[None]:
        """Start a trace for work that no call and no event has started, such as recovery."""
        if self._exporter is None:
            yield
        else:
            with self.span(self._begin(None), Operation(trace.SpanKind.INTERNAL, name)):
                yield

    async def close(self, flush_seconds: float = FLUSH_SECONDS) -> None:
        """Send the spans that are left, for up to `flush_seconds`."""
        if self._exporter is not None:
            await self._exporter.close(flush_seconds)

    def _begin(self, parent: Parent | None) -> Span:
        if parent is None:
            trace_id = new_trace_id()
            return new_trace(trace_id, self._sampler.flags(trace_id))
        span = Span(parent)
        if not self._sampler.is_parent_based:
            span.flags = self._sampler.flags(span.trace_id)
        return span
