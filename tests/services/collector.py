"""A collector of spans: an OTLP endpoint that keeps what it receives."""

from collections.abc import Iterator
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
    def spans(self) -> list[Span]:
        """Return all spans."""
        return [span for process in self.received for scope in process.scope_spans for span in scope.spans]


@contextmanager
def collect_spans() -> Iterator[Collector]:
    """Yield a running collector. Stop it at the end of the block."""
    collector = Collector()

    def export(request: ExportTraceServiceRequest, _: object) -> ExportTraceServiceResponse:
        collector.received.extend(request.resource_spans)
        return ExportTraceServiceResponse()

    method = grpc.unary_unary_rpc_method_handler(
        export, ExportTraceServiceRequest.FromString, ExportTraceServiceResponse.SerializeToString
    )
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"Export": method})])
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield collector
    server.stop(None)
