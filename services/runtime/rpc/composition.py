"""Interceptors that are composed once for each method, and not again for each call."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import grpc.aio
from typing_extensions import override

from services.runtime.rpc.interceptor import Handler
from services.runtime.rpc.metadata import set_metadata

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]


class Composition(grpc.aio.ServerInterceptor):
    """Several interceptors as one. It keeps the handler that they return for a method, and uses it for every call.

    So they must not decide by the metadata of a call when they choose a handler, only when the handler runs.
    """

    def __init__(self, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
        self._interceptors = interceptors
        self._handlers: dict[str, Handler] = {}

    @override
    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        set_metadata(handler_call_details.invocation_metadata or ())
        handler = self._handlers.get(handler_call_details.method)
        if handler is None:
            for interceptor in reversed(self._interceptors):
                continuation = partial(interceptor.intercept_service, continuation)
            handler = await continuation(handler_call_details)
            # Callers can name any method. Only those that exist are kept.
            if handler is not None:
                self._handlers[handler_call_details.method] = handler
        return handler
