"""How a channel sends an access token with each of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import grpc.aio
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

Request = TypeVar("Request")
Response = TypeVar("Response")


def token_interceptors(token: str) -> Sequence[grpc.aio.ClientInterceptor]:
    """Answer what a channel needs for it."""
    metadata = grpc.aio.Metadata(("authorization", f"Bearer {token}"))
    return [UnaryTokenInterceptor(metadata), StreamTokenInterceptor(metadata)]


def _with(metadata: grpc.aio.Metadata, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
    sent = grpc.aio.Metadata(*(details.metadata or ()), *metadata)
    return grpc.aio.ClientCallDetails(
        details.method, details.timeout, sent, details.credentials, details.wait_for_ready
    )


class UnaryTokenInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds metadata to the calls with one response."""

    def __init__(self, metadata: grpc.aio.Metadata) -> None:
        self._metadata = metadata

    @override
    async def intercept_unary_unary(
        self,
        continuation: Callable[
            [grpc.aio.ClientCallDetails, Request], Awaitable[grpc.aio.UnaryUnaryCall[Request, Response]]
        ],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Request,
    ) -> Response | grpc.aio.UnaryUnaryCall[Request, Response]:
        return await continuation(_with(self._metadata, client_call_details), request)


class StreamTokenInterceptor(grpc.aio.UnaryStreamClientInterceptor):
    """Adds metadata to the calls with a stream of responses."""

    def __init__(self, metadata: grpc.aio.Metadata) -> None:
        self._metadata = metadata

    @override
    async def intercept_unary_stream(
        self,
        continuation: Callable[
            [grpc.aio.ClientCallDetails, Request], Awaitable[grpc.aio.UnaryStreamCall[Request, Response]]
        ],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Request,
    ) -> AsyncIterator[Response] | grpc.aio.UnaryStreamCall[Request, Response]:
        return await continuation(_with(self._metadata, client_call_details), request)
