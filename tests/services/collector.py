"""A collector of spans: an OTLP endpoint that keeps what it receives."""

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


@dataclass
class Collector:
    """The endpoint, and what it has received: the spans of each process."""

    endpoint: str = ""
    received: list[ResourceSpans] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process that exports its spans soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    @property
    def spans(self) -> list[Span]:
        """Return all spans."""
        return [span for process in self.received for scope in process.scope_spans for span in scope.spans]

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace that have ended."""
        return [span for span in self.spans if span.trace_id.hex() == trace_id]


def attributes_of(span: Span) -> dict[str, str | int]:
    """Return the attributes of a span."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


@contextmanager
def collect_spans(
    respond: Callable[[], ExportTraceServiceResponse] = ExportTraceServiceResponse, port: int = 0
) -> Iterator[Collector]:
    """Yield a running collector. Stop it at the end of the block. `respond` is called for each request."""
    collector = Collector()

    def export(request: ExportTraceServiceRequest, _: object) -> ExportTraceServiceResponse:
        collector.received.extend(request.resource_spans)
        return respond()

    method = grpc.unary_unary_rpc_method_handler(
        export, ExportTraceServiceRequest.FromString, ExportTraceServiceResponse.SerializeToString
    )
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"Export": method})])
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    server.start()
    yield collector
    server.stop(None)
