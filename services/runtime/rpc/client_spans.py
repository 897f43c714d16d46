"""Spans of outgoing calls, whose context goes with the call.

OpenTelemetry's own interceptors for grpc.aio wait for the end of a call inside of the interceptor, where a cancellation
no longer reaches the call (opentelemetry-python-contrib#3271). These start the span and leave the call to its caller.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind
from typing_extensions import override

from services.runtime.telemetry import record_code

Continuation = Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[Any]]


class _Spans:
    """Starts a span for each call, and ends it with the call's status."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer(__name__)
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self, continuation: Continuation, details: grpc.aio.ClientCallDetails, request: object) -> Any:  # noqa: ANN401  # any call
        """Start the call and its span. Return the call."""
        # grpc.aio passes bytes, not the text that its type says.
        method: Any = details.method
        method = method.decode() if isinstance(method, bytes) else method
        service, _, name = method.lstrip("/").rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        span = self._tracer.start_span(method, kind=SpanKind.CLIENT, attributes=attributes)
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span))
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *carrier.items())
        try:
            call = await continuation(
                grpc.aio.ClientCallDetails(
                    details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
                ),
                request,
            )
        except BaseException:
            record_code(span, grpc.StatusCode.CANCELLED)
            span.end()
            raise
        call.add_done_callback(lambda _: self._end(span, call))
        return call

    def _end(self, span: Span, call: grpc.aio.Call) -> None:
        # The code of a call is a coroutine, even when the call has ended.
        task = asyncio.create_task(_end(span, call))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _end(span: Span, call: grpc.aio.Call) -> None:
    record_code(span, await call.code())
    span.end()


class UnarySpans(_Spans, grpc.aio.UnaryUnaryClientInterceptor):
    """Creates a span for each unary call."""

    @override
    async def intercept_unary_unary(
        self, continuation: Continuation, client_call_details: grpc.aio.ClientCallDetails, request: object
    ) -> Any:
        return await self.start(continuation, client_call_details, request)


class StreamSpans(_Spans, grpc.aio.UnaryStreamClientInterceptor):
    """Creates a span for each server-streaming call."""

    @override
    async def intercept_unary_stream(
        self, continuation: Continuation, client_call_details: grpc.aio.ClientCallDetails, request: object
    ) -> Any:
        return await self.start(continuation, client_call_details, request)
