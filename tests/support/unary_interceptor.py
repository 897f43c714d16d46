"""A server interceptor around the unary methods of the shop, inside those of the runtime: the requests are valid."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
from typing_extensions import override

from services.runtime.rpc.interceptor import Context, Handler

Method = Callable[[Any, Context], Awaitable[object]]


class UnaryInterceptor(grpc.aio.ServerInterceptor):
    """Wraps each unary method of the shop in what `wrap` returns."""

    def wrap(self, path: str, method: Method) -> Method:
        """Return what runs in place of `method`, which has the path "/<package>.<Service>/<Method>"."""
        raise NotImplementedError

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        path = handler_call_details.method
        if handler is None or handler.unary_unary is None or not path.startswith("/shop."):
            return handler
        # The published type is that of the synchronous servers.
        method: Callable[..., Any] = handler.unary_unary
        return grpc.unary_unary_rpc_method_handler(
            self.wrap(path, method), handler.request_deserializer, handler.response_serializer
        )
