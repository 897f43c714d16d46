"""Outgoing calls: each gets a span, whose context goes with it, and the remaining time of the inbound call it serves.

This wraps the channel instead of intercepting its calls. OpenTelemetry's interceptors for grpc.aio wait for the end of
a call where a cancellation no longer reaches it (opentelemetry-python-contrib#3271), and grpc.aio runs each intercepted
call in another task, which makes it half as expensive again.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import grpc.aio
from typing_extensions import override

from services.runtime.rpc.deadlines import remaining
from services.runtime.telemetry import Operation, Span, Tracing, sent_call

# The types of grpc.aio are generic only in its stubs.
Start = Callable[..., Any]


class Channel(grpc.aio.Channel):
    """A channel whose unary and server-streaming calls have a span and the inbound call's deadline."""

    def __init__(self, channel: grpc.aio.Channel, address: str, tracing: Tracing) -> None:
        """Wrap a channel to `address`. It is closed with this one."""
        self._channel = channel
        self._address = address
        self._tracing = tracing

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
        tracing, operation = self._tracing, sent_call(method, self._address)

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
            span = tracing.start()
            headers: tuple[tuple[str, str | bytes], ...] = span.headers() if span else ()
            if metadata:
                headers = (*metadata, *headers)
            started: grpc.aio.Call = start(request, timeout=timeout, metadata=headers, **options)
            if span and tracing.records(span):
                started.add_done_callback(partial(_end, tracing, span, operation, time.perf_counter()))
            return started

        return call


def _end(tracing: Tracing, span: Span, operation: Operation, start: float, call: grpc.aio.Call) -> None:
    # `code` is a coroutine. Of a call that has ended it returns at once, so no task needs to wait for it.
    code = call.code()
    try:
        code.send(None)
    except StopIteration as ended:
        tracing.end(span, operation, ended.value.name, time.perf_counter() - start)
    finally:
        code.close()
