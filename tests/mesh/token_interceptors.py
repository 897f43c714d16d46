"""Interceptors that send an access token with each call of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import grpc.aio
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


def token_interceptors(token: str) -> Sequence[grpc.aio.ClientInterceptor]:
    """Return the interceptors for a channel."""
    metadata = grpc.aio.Metadata(("authorization", f"Bearer {token}"))
    return [UnaryTokenInterceptor(metadata), StreamTokenInterceptor(metadata)]


def _add(metadata: grpc.aio.Metadata, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
    combined = grpc.aio.Metadata(*(details.metadata or ()), *metadata)
    return grpc.aio.ClientCallDetails(
        details.method, details.timeout, combined, details.credentials, details.wait_for_ready
    )


class UnaryTokenInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds metadata to calls with a single response."""

    def __init__(self, metadata: grpc.aio.Metadata) -> None:
        self._metadata = metadata

    @override
    async def intercept_unary_unary(
        self,
        continuation: Callable[
            [grpc.aio.ClientCallDetails, RequestT], Awaitable[grpc.aio.UnaryUnaryCall[RequestT, ResponseT]]
        ],
        client_call_details: grpc.aio.ClientCallDetails,
        request: RequestT,
    ) -> ResponseT | grpc.aio.UnaryUnaryCall[RequestT, ResponseT]:
        return await continuation(_add(self._metadata, client_call_details), request)


class StreamTokenInterceptor(grpc.aio.UnaryStreamClientInterceptor):
    """Adds metadata to calls with a stream of responses."""

    def __init__(self, metadata: grpc.aio.Metadata) -> None:
        self._metadata = metadata

    @override
    async def intercept_unary_stream(
        self,
        continuation: Callable[
            [grpc.aio.ClientCallDetails, RequestT], Awaitable[grpc.aio.UnaryStreamCall[RequestT, ResponseT]]
        ],
        client_call_details: grpc.aio.ClientCallDetails,
        request: RequestT,
    ) -> AsyncIterator[ResponseT] | grpc.aio.UnaryStreamCall[RequestT, ResponseT]:
        return await continuation(_add(self._metadata, client_call_details), request)
