"""Outgoing calls: each gets a span, whose context goes with it, and the remaining time of the inbound call it serves.

This wraps the channel instead of intercepting its calls. OpenTelemetry's interceptors for grpc.aio wait for the end of
a call where a cancellation no longer reaches it (opentelemetry-python-contrib#3271), and grpc.aio runs each intercepted
call in another task, which makes it half as expensive again.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import grpc.aio
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind
from typing_extensions import override

from services.runtime.rpc.deadlines import remaining
from services.runtime.telemetry import CallSpan, record_code

# The types of grpc.aio are generic only in its stubs.
Start = Callable[..., Any]


class Channel(grpc.aio.Channel):
    """A channel whose unary and server-streaming calls have a span and the inbound call's deadline."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Wrap a channel. It is closed with this one."""
        self._channel = channel
        self._tracer = trace.get_tracer(__name__)

    @override
    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._traced(method, self._channel.unary_unary(method, *arguments, **options))

    @override
    def unary_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        return self._traced(method, self._channel.unary_stream(method, *arguments, **options))

    @override
    def stream_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError("no contract has streams of requests")

    @override
    def stream_stream(self, method: str, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError("no contract has streams of requests")

    @override
    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    @override
    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    @override
    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    @override
    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    @override
    async def __aenter__(self) -> Self:
        return self

    @override
    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _traced(self, method: str, start: Start) -> Start:
        """Return a function that starts a call of `method` by `start`, with a span and the deadline."""
        service, _, name = method.lstrip("/").rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}

        def call(
            request: object,
            *,
            timeout: float | None = None,
            metadata: Iterable[tuple[str, str | bytes]] | None = None,
            **options: Any,  # noqa: ANN401  # those of grpc.aio
        ) -> grpc.aio.Call:
            left = remaining()
            if left is not None and (timeout is None or left < timeout):
                timeout = left
            current = trace.get_current_span()
            if isinstance(current, CallSpan):
                # Spans are not exported, so this call needs none.
                headers = (*metadata, *current.headers()) if metadata else current.headers()
                started: grpc.aio.Call = start(request, timeout=timeout, metadata=headers, **options)
                return started
            span = self._tracer.start_span(method, kind=SpanKind.CLIENT, attributes=attributes)
            carrier: dict[str, str] = {}
            propagate.inject(carrier, trace.set_span_in_context(span))
            started = start(request, timeout=timeout, metadata=(*(metadata or ()), *carrier.items()), **options)
            started.add_done_callback(partial(_end, span))
            return started

        return call


def _end(span: Span, call: grpc.aio.Call) -> None:
    # `code` is a coroutine. Of a call that has ended it returns at once, so no task needs to wait for it.
    code = call.code()
    try:
        code.send(None)
    except StopIteration as ended:
        record_code(span, ended.value)
    finally:
        code.close()
        span.end()
