"""An OpenTelemetry collector that accepts spans and drops them: `python -m bench.collector <address>`."""

import asyncio
import sys
from typing import Any

import grpc
import grpc.aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb

SERVICE, METHOD = "opentelemetry.proto.collector.trace.v1.TraceService", "Export"


async def serve(address: str) -> None:
    """Serve until the process is stopped."""

    async def receive(
        _request: pb.ExportTraceServiceRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ExportTraceServiceResponse:
        return pb.ExportTraceServiceResponse()

    handler = grpc.unary_unary_rpc_method_handler(
        receive,
        request_deserializer=pb.ExportTraceServiceRequest.FromString,
        response_serializer=pb.ExportTraceServiceResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
