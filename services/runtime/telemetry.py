"""Tracing: W3C trace context in and out, spans exported over OTLP if an endpoint is configured."""

import logging
from collections.abc import Mapping
from threading import Thread
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from opentelemetry import trace
from opentelemetry.instrumentation.grpc import aio_server_interceptor, filters
from opentelemetry.propagate import set_global_textmap
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
# How long a stopping process waits for the last spans. A collector that is down must not delay the stop.
FLUSH_SECONDS = 2.0
# As in rpc/channel.py: an http_proxy in the environment is meant for the internet, not for the mesh.
DIRECT: Any = (("grpc.enable_http_proxy", 0),)  # the published type allows only strings

logger = logging.getLogger(__name__)


class Telemetry:
    """The tracer provider of the process."""

    def __init__(self, service: str, version: str, environ: Mapping[str, str]) -> None:
        """Set up tracing. Without an OTLP endpoint, spans are created (for logs and for callees) but not exported."""
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.version": version}), shutdown_on_exit=False
        )
        self._exporter: SpanExporter | None = None
        if any(environ.get(name) for name in ENDPOINTS):
            # Imported here because it takes as long to import as all of gRPC, and most processes do not need it.
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

            self._exporter = OTLPSpanExporter(channel_options=DIRECT)
            # Its queue is bounded (OTEL_BSP_MAX_QUEUE_SIZE, 2048 spans): a slow collector costs spans, never calls.
            self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        trace.set_tracer_provider(self._provider)
        set_global_textmap(TraceContextTextMapPropagator())

    def shutdown(self) -> None:
        """Send the queued spans. Blocks for up to FLUSH_SECONDS."""
        flush = Thread(target=self._provider.shutdown, daemon=True)
        flush.start()
        flush.join(FLUSH_SECONDS)
        if flush.is_alive() and self._exporter is not None:
            logger.warning("the last spans were not sent: the OTLP endpoint does not respond")
            self._exporter.shutdown()


def server_interceptor() -> grpc.aio.ServerInterceptor:
    """Return the interceptor that creates a span for every call except health checks."""
    return aio_server_interceptor(filter_=filters.negate(filters.health_check()))  # type: ignore[no-any-return,no-untyped-call]


def record_code(span: trace.Span, code: grpc.StatusCode) -> None:
    """Set how the call of a span has ended."""
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code is not grpc.StatusCode.OK:
        span.set_status(trace.StatusCode.ERROR, code.name)
