"""Measures what the span of a call or an event costs: created, encoded and sent to a collector that drops it.

    .venv/bin/python -m bench.tracing

The output is the processor time of this process per span, the least of the rounds. It depends on the machine. The
last line is for OpenTelemetry's own SDK and `opentelemetry-instrumentation-grpc`, which the services do not use.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import aio_server_interceptor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from services.runtime.telemetry import Tracing, record_attributes, sent_event, served_call
from tests.support.processes import free_port

ROUNDS, SPANS, TASKS = 9, 6_000, 500
"""Fewer spans than wait at most, so that none is lost."""
METHOD = "/shop.catalog.v1.CatalogService/GetProduct"
METADATA = (("user-agent", "x"), ("traceparent", f"00-{'4' * 32}-{'5' * 16}-01"))

Call = Callable[[], Coroutine[Any, Any, None]]


class Item(NamedTuple):
    """An entry of metadata."""

    key: str
    value: str


class Details:
    """What an interceptor knows about a call."""

    method = METHOD
    invocation_metadata = METADATA


class Context:
    """What OpenTelemetry's interceptor asks of the context of a call."""

    def peer(self) -> str:
        """Return an address of a caller."""
        return "ipv4:127.0.0.1:5000"

    def invocation_metadata(self) -> list["Item"]:
        """Return the metadata of the call."""
        return [Item(*each) for each in METADATA]

    def code(self) -> None:
        """Return that the code is OK."""


async def serve(_request: object, _context: object) -> None:
    """Respond to a call."""


def of_runtime(environ: dict[str, str]) -> Call:
    """Return a call that the runtime traces."""
    tracing, operation = Tracing("bench", "1", environ), served_call(METHOD)

    async def call() -> None:
        span = tracing.start_call(METADATA)
        await serve(None, None)
        tracing.end(span, operation, "OK", 0.001)

    return call


def of_event(environ: dict[str, str]) -> Call:
    """Return an event that the runtime traces."""
    tracing, operation = Tracing("bench", "1", environ), sent_event("shop.orders.v1.events")
    headers = {"ce_id": "5c8f6a0e", "ce_type": "shop.orders.v1.OrderPlaced", "ce_subject": "orders/5c8f6a0e"}

    async def call() -> None:
        span = tracing.start_event(METADATA[1][1])
        await serve(None, None)
        tracing.end(span, operation, "", 0.001, record_attributes(headers, 0, 7))

    return call


async def of_library(endpoint: str) -> Call:
    """Return a call that OpenTelemetry's interceptor traces."""
    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, insecure=True), max_queue_size=8192))
    interceptor: Any = aio_server_interceptor(tracer_provider=provider)  # type: ignore[no-untyped-call]
    handler: Any = grpc.unary_unary_rpc_method_handler(serve)

    async def continuation(_details: object) -> object:
        return handler

    async def call() -> None:
        traced = await interceptor.intercept_service(continuation, Details())
        await traced.unary_unary(None, Context())

    return call


async def without_spans() -> None:
    """Respond to a call without a trace."""
    await serve(None, None)


async def seconds_per_call(call: Call) -> float:
    """Return the processor time of one of many calls, each in a task as in gRPC."""
    start = time.process_time()
    for _ in range(SPANS // TASKS):
        await asyncio.gather(*[asyncio.create_task(call()) for _ in range(TASKS)])
    # What waits to be sent is sent.
    await asyncio.sleep(1.5)
    return (time.process_time() - start) / SPANS


async def measure(endpoint: str) -> None:
    """Measure each way in turn, and print the least times."""
    calls: dict[str, Call] = {
        "no trace": without_spans,
        "a call, without an endpoint": of_runtime({}),
        "a call, exported": of_runtime({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}),
        "an event, exported": of_event({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}),
        "a call, by OpenTelemetry's SDK and interceptor": await of_library(endpoint),
    }
    rounds = [{name: await seconds_per_call(call) for name, call in calls.items()} for _ in range(ROUNDS)]
    minimum = {name: min(each[name] for each in rounds) for name in calls}
    for name in list(calls)[1:]:
        print(f"{name:<48} {(minimum[name] - minimum['no trace']) * 1e6:6.1f} µs")


def main() -> None:
    """Start a collector and measure."""
    os.environ["OTEL_BSP_SCHEDULE_DELAY"] = "500"
    address = f"127.0.0.1:{free_port()}"
    with subprocess.Popen([sys.executable, "-m", "bench.collector", address]) as collector:
        try:
            asyncio.run(measure(f"http://{address}"))
        finally:
            collector.terminate()


if __name__ == "__main__":
    main()
