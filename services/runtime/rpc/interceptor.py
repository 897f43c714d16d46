"""The interceptor around every inbound call: deadline, trace, validation, errors, access log, metrics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import grpc.aio
from google.protobuf.message import DecodeError
from grpc_status import rpc_status
from typing_extensions import override

from services.runtime.logs import LogCall
from services.runtime.metrics import CallMetrics, MethodMetrics
from services.runtime.rpc.deadlines import set_deadline
from services.runtime.rpc.errors import ErrorTable
from services.runtime.rpc.metadata import get_metadata
from services.runtime.rpc.streams import until_ended, until_stopping
from services.runtime.rpc.validation import MALFORMED, validate
from services.runtime.telemetry import Operation, Tracing, served_call

HEALTH = "/grpc.health.v1.Health/"
# gRPC's own services, such as reflection. They are no part of what the shop does, so they have no spans.
BUILT_IN = "/grpc."

OK = grpc.StatusCode.OK.name

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
# Generic only in the stubs, hence the quotes.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method except health checks, which have no errors and would fill the log."""

    def __init__(
        self,
        errors: ErrorTable,
        stopping: asyncio.Event,
        tracing: Tracing,
        log_call: LogCall,
        metrics: CallMetrics,
    ) -> None:
        """Create it. `stopping` is set when the process starts to stop."""
        self._errors = errors
        self._stopping = stopping
        self._tracing = tracing
        self._log_call = log_call
        self._metrics = metrics

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            # gRPC itself responds.
            self._metrics.count_unknown(grpc.StatusCode.UNIMPLEMENTED.name)
        if handler is None or method.startswith(HEALTH):
            return handler
        decode, encode = handler.request_deserializer, handler.response_serializer
        if handler.unary_unary is not None:
            unary = self._unary(method, handler.unary_unary)
            return grpc.unary_unary_rpc_method_handler(unary, _lenient(decode), encode)
        if handler.unary_stream is not None:
            stream = self._stream(method, handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(stream, _lenient(decode), encode)
        if handler.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, handler.stream_unary), decode, encode)
        if handler.stream_stream is not None:
            serve: Callable[..., Any] = handler.stream_stream
            both = self._stream(method, lambda requests, context: serve(until_ended(requests, context), context))
            return grpc.stream_stream_rpc_method_handler(both, decode, encode)
        return handler

    def _method(self, name: str) -> "_Method":
        operation = None if name.startswith(BUILT_IN) else served_call(name)
        return _Method(name, self._metrics.of(name), self._tracing, operation, self._log_call)

    def _unary(self, name: str, serve: Callable[..., Any]) -> Callable[[object, Context], Awaitable[object]]:
        method = self._method(name)

        async def call(request: object, context: Context) -> object:
            with _Call(method, context):
                try:
                    validate(request)
                    return await serve(request, context)
                except Exception as error:  # noqa: BLE001  # the table has a status for every exception
                    await self._abort(error, context)

        return call

    def _stream(self, name: str, serve: Callable[..., Any]) -> Callable[[object, Context], AsyncIterator[object]]:
        method = self._method(name)

        async def call(request: object, context: Context) -> AsyncIterator[object]:
            with _Call(method, context):
                try:
                    validate(request)
                    # Written here and not yielded: if the call is cancelled while a response is being sent, the
                    # cancellation must reach this block before the interceptors around it.
                    async with aclosing(until_stopping(serve(request, context), self._stopping)) as stream:
                        async for response in stream:
                            await _write(response, context)
                except Exception as error:  # noqa: BLE001  # the table has a status for every exception
                    await self._abort(error, context)
            # Never runs: it makes this an asynchronous generator, as the interceptors around it expect.
            for response in ():
                yield response

        return call

    async def _abort(self, error: Exception, context: Context) -> NoReturn:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        status = rpc_status.to_status(self._errors.status(error))
        # abort() before any response sends a single header frame (Trailers-Only). Only there does the mesh see the
        # status; set_code() and return would hide it from retries and outlier detection.
        await context.abort(status.code, status.details, status.trailing_metadata)


async def _write(response: object, context: Context) -> None:
    try:
        await context.write(response)
    except grpc.aio.InternalError as error:
        # The caller has left. Usually gRPC cancels the call before that.
        raise asyncio.CancelledError from error


@dataclass(frozen=True, slots=True)
class _Method:
    """What surrounds the calls of one method."""

    name: str
    metrics: MethodMetrics
    tracing: Tracing
    operation: Operation | None
    """None if its calls have no spans."""
    log_call: LogCall


class _Call:
    """One call from start to end, for its span, the access log and the metrics."""

    __slots__ = ("_context", "_method", "_span", "_start")

    def __init__(self, method: _Method, context: Context) -> None:
        self._method = method
        self._context = context

    def __enter__(self) -> None:
        self._start = time.perf_counter()
        self._method.metrics.start()
        set_deadline(self._context.time_remaining())
        is_traced = self._method.operation is not None
        self._span = self._method.tracing.start_call(get_metadata(), is_traced=is_traced)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        method = self._method
        # The stubs omit that the code is None as long as the call succeeds.
        status: grpc.StatusCode | None = self._context.code()
        code = OK if status is None else status.name
        if kind is not None and issubclass(kind, asyncio.CancelledError | GeneratorExit):
            code = grpc.StatusCode.CANCELLED.name
        seconds = time.perf_counter() - self._start
        method.metrics.end(code, seconds)
        if method.operation is not None:
            method.tracing.end(self._span, method.operation, code, seconds)
        method.log_call(method.name, code, seconds, self._span)


def _lenient(decode: Callable[[bytes], object] | None) -> Callable[[bytes], object] | None:
    """Return a decoder that returns MALFORMED on errors: gRPC itself would send UNKNOWN with Python's text."""
    if decode is None:
        return None

    def call(data: bytes) -> object:
        try:
            return decode(data)
        except DecodeError:
            return MALFORMED

    return call
