"""Tracing: W3C trace context in and out; spans only if an OTLP endpoint is configured, to which they are exported.

Without one, a call continues the trace of its caller, or starts one, for the log and for the services behind it. A span
that is never exported would cost as much as the rest of a small call.
"""

import logging
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from threading import Thread
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from opentelemetry import context, trace
from opentelemetry.propagate import set_global_textmap
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from typing_extensions import override

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
# How long a stopping process waits for the last spans. A collector that is down must not delay the stop.
FLUSH_SECONDS = 2.0
# As in rpc/channel.py: an http_proxy in the environment is meant for the internet, not for the mesh.
DIRECT: Any = (("grpc.enable_http_proxy", 0),)  # the published type allows only strings

logger = logging.getLogger(__name__)


PROPAGATOR = TraceContextTextMapPropagator()
# A traceparent of the version that everyone sends: the id of the trace and its flags. The propagator reads all others.
TRACEPARENT = re.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
SAMPLED = "01"
NO_CONTEXT = context.Context()


class Telemetry:
    """The spans of the process, and their export."""

    _provider: "TracerProvider | None" = None

    def __init__(self, service: str, version: str, environ: Mapping[str, str]) -> None:
        """Set up tracing. Without an OTLP endpoint there are no spans; calls only pass the trace context on."""
        set_global_textmap(PROPAGATOR)
        if not any(environ.get(name) for name in ENDPOINTS):
            return
        # Imported here because they take as long to import as all of gRPC, and most processes do not need them.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        resource = Resource.create({"service.name": service, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._exporter: SpanExporter = OTLPSpanExporter(channel_options=DIRECT)
        # Its queue is bounded (OTEL_BSP_MAX_QUEUE_SIZE, 2048 spans): a slow collector costs spans, never calls.
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        trace.set_tracer_provider(self._provider)

    def server_interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """Return the interceptor that creates a span for every call except health checks, if there are spans."""
        if self._provider is None:
            return []
        from opentelemetry.instrumentation.grpc import aio_server_interceptor, filters  # noqa: PLC0415  # as above

        return [aio_server_interceptor(filter_=filters.negate(filters.health_check()))]  # type: ignore[no-untyped-call]

    def start_call(self, metadata: Iterable[tuple[str, str | bytes]]) -> trace.Span:
        """Return the span of an inbound call, which is the current one from now on."""
        if self._provider is not None:
            # The interceptor has created it, unless OTEL_SDK_DISABLED is set.
            span = trace.get_current_span()
            if span.get_span_context().is_valid:
                return span
        span = _continue_trace(metadata)
        # Never detached: gRPC runs each call in its own task, whose context ends with it.
        context.attach(trace.set_span_in_context(span, NO_CONTEXT))
        return span

    def shutdown(self) -> None:
        """Send the queued spans. Blocks for up to FLUSH_SECONDS."""
        if self._provider is None:
            return
        flush = Thread(target=self._provider.shutdown, daemon=True)
        flush.start()
        flush.join(FLUSH_SECONDS)
        if flush.is_alive():
            logger.warning("the last spans were not sent: the OTLP endpoint does not respond")
            self._exporter.shutdown()


class CallSpan(trace.NonRecordingSpan):
    """The span of a call while spans are not exported: only its ids, for the log and for the services behind it.

    It keeps the texts that headers and log lines consist of. OpenTelemetry's own span contexts are numbers, and cost
    more to read, to create and to write than all else that surrounds a call.
    """

    def __init__(self, trace_id: str, flags: str, state: trace.TraceState | None) -> None:
        """Create a span in a trace. `trace_id` and `flags` are those of a traceparent, `state` is the tracestate."""
        self.trace_id = trace_id
        # An id must not be 0. It is no secret.
        self.span_id = f"{random.getrandbits(64) or 1:016x}"
        self._flags = flags
        self._state = state

    @override
    def get_span_context(self) -> trace.SpanContext:
        return trace.SpanContext(
            int(self.trace_id, 16),
            int(self.span_id, 16),
            is_remote=False,
            trace_flags=trace.TraceFlags(int(self._flags, 16)),
            trace_state=self._state,
        )

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return what a call sends, so that its callee continues the trace."""
        parent = ("traceparent", f"00-{self.trace_id}-{self.span_id}-{self._flags}")
        return (parent, ("tracestate", self._state.to_header())) if self._state else (parent,)


def _continue_trace(metadata: Iterable[tuple[str, str | bytes]]) -> CallSpan:
    """Return a span in the trace of the caller, or in a new one."""
    parent = state = ""
    for key, value in metadata:
        if key == "traceparent":
            parent = str(value)
        elif key == "tracestate":
            state = str(value)
    if not parent:
        return _new_trace()
    usual = TRACEPARENT.fullmatch(parent)
    if usual and not state:
        return CallSpan(usual[1], usual[2], None)
    extracted = PROPAGATOR.extract({"traceparent": parent, "tracestate": state}, NO_CONTEXT)
    given = trace.get_current_span(extracted).get_span_context()
    if not given.is_valid:
        return _new_trace()
    return CallSpan(f"{given.trace_id:032x}", f"{given.trace_flags:02x}", given.trace_state)


def _new_trace() -> CallSpan:
    return CallSpan(f"{random.getrandbits(128) or 1:032x}", SAMPLED, None)


def record_code(span: trace.Span, code: grpc.StatusCode) -> None:
    """Set how the call of a span has ended."""
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code is not grpc.StatusCode.OK:
        span.set_status(trace.StatusCode.ERROR, code.name)
