"""Around every inbound call: note its deadline, validate its request, tell its errors by the table, log its end."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, Self, TypeAlias

import grpc.aio
from google.protobuf.message import DecodeError, Message
from grpc_status import rpc_status
from typing_extensions import override

from services.runtime.deadline import set_deadline
from services.runtime.errors import ErrorTable
from services.runtime.principal import set_principal
from services.runtime.rules import validate
from services.runtime.streams import until_stopping
from services.runtime.validation import InvalidFieldsError, Violation

HEALTH = "/grpc.health.v1.Health/"

access = logging.getLogger("access")

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
# Generic in the stubs alone, hence the quotes.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class _Malformed:
    """Stands for a request whose bytes are no message of its type."""


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler but that of health checks, which has no errors and would fill the log."""

    def __init__(self, errors: ErrorTable, stopping: asyncio.Event) -> None:
        """`stopping` is set as soon as the process is to end."""
        self._errors = errors
        self._stopping = stopping

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(HEALTH):
            return handler
        decode, encode = handler.request_deserializer, handler.response_serializer
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(self._one(method, handler.unary_unary), _lenient(decode), encode)
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                self._many(method, handler.unary_stream), _lenient(decode), encode
            )
        if handler.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(self._one(method, handler.stream_unary), decode, encode)
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(self._many(method, handler.stream_stream), decode, encode)
        return handler

    def _one(self, method: str, serve: Callable[..., Any]) -> Callable[[object, Context], Awaitable[object]]:
        async def call(request: object, context: Context) -> object:
            with _Call(method, context):
                try:
                    return await serve(_checked(request), context)
                except Exception as error:  # noqa: BLE001  # the table tells every one of them
                    await self._refuse(error, context)

        return call

    def _many(self, method: str, serve: Callable[..., Any]) -> Callable[[object, Context], AsyncIterator[object]]:
        async def call(request: object, context: Context) -> AsyncIterator[object]:
            with _Call(method, context):
                try:
                    async for response in until_stopping(serve(_checked(request), context), self._stopping):
                        yield response
                except Exception as error:  # noqa: BLE001  # the table tells every one of them
                    await self._refuse(error, context)

        return call

    async def _refuse(self, error: Exception, context: Context) -> NoReturn:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        status = rpc_status.to_status(self._errors.status(error))
        # abort() with nothing sent before answers in a single header frame (Trailers-Only). Only there does the mesh
        # see the status; set_code() and return would hide it from retries and outlier detection.
        await context.abort(status.code, status.details, status.trailing_metadata)


class _Call:
    """One call from start to end, for the access log."""

    def __init__(self, method: str, context: Context) -> None:
        self._method = method
        self._context = context

    def __enter__(self) -> Self:
        self._start = time.perf_counter()
        set_deadline(self._context.time_remaining())
        set_principal(self._context.invocation_metadata() or ())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        cancelled = kind is not None and issubclass(kind, asyncio.CancelledError | GeneratorExit)
        # The stubs leave out that it is None as long as the call goes well.
        told: grpc.StatusCode | None = self._context.code()
        code = grpc.StatusCode.CANCELLED if cancelled else told or grpc.StatusCode.OK
        duration = round((time.perf_counter() - self._start) * 1000, 3)
        access.info(
            "%s %s",
            self._method,
            code.name,
            extra={"method": self._method, "code": code.name, "duration_ms": duration},
        )


def _lenient(decode: Callable[[bytes], object] | None) -> Callable[[bytes], object] | None:
    """Make _Malformed of bytes that `decode` refuses: gRPC would tell them as UNKNOWN, with Python's text."""
    if decode is None:
        return None

    def call(data: bytes) -> object:
        try:
            return decode(data)
        except DecodeError:
            return _Malformed()

    return call


def _checked(request: object) -> object:
    if isinstance(request, _Malformed):
        raise InvalidFieldsError([Violation("request", "must be a message of its type")])
    # Of a stream of requests this is the iterator. Reflection alone takes one, and its contract has no rules.
    if isinstance(request, Message):
        validate(request)
    return request
