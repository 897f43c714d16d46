"""Passes the inbound call's deadline on to the calls it makes. Nothing is invented: no deadline in, none out."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar

import grpc.aio
from typing_extensions import override

# Monotonic seconds at which the call that this task serves ends. gRPC runs each inbound call in a task of its own.
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)

# How long before the deadline an answer is sent, so that it arrives in time.
MARGIN_SECONDS = 0.25

Result = TypeVar("Result")
Request = TypeVar("Request")
Call = TypeVar("Call")


def set_deadline(remaining: float | None) -> None:
    """Note that the current call ends in `remaining` seconds; None if it has no deadline."""
    _deadline.set(None if remaining is None else time.monotonic() + remaining)


def remaining() -> float | None:
    """Answer the seconds that the current call has left, never negative; None if it has no deadline."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


async def before_deadline(work: Awaitable[Result], most: float) -> Result | None:
    """Await `work` until shortly before the current call's deadline, `most` seconds at most; None if that is too short.

    What is answered instead is the caller's business; `work` is cancelled then.
    """
    left = remaining()
    try:
        async with asyncio.timeout(most if left is None else min(most, max(0.0, left - MARGIN_SECONDS))):
            return await work
    except TimeoutError:
        return None


def _bounded(details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
    bounds = [bound for bound in (details.timeout, remaining()) if bound is not None]
    return grpc.aio.ClientCallDetails(
        details.method, min(bounds, default=None), details.metadata, details.credentials, details.wait_for_ready
    )


class UnaryDeadline(grpc.aio.UnaryUnaryClientInterceptor):
    """Bounds a unary call by what is left of the inbound one."""

    @override
    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Request], Awaitable[Call]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Request,
    ) -> Call:
        return await continuation(_bounded(client_call_details), request)


class StreamDeadline(grpc.aio.UnaryStreamClientInterceptor):
    """Bounds a server-streaming call by what is left of the inbound one."""

    @override
    async def intercept_unary_stream(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Request], Awaitable[Call]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Request,
    ) -> Call:
        return await continuation(_bounded(client_call_details), request)
