"""Streams: long-lived ones end when the process stops, and a cancelled one does not end like a complete one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

import grpc.aio

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class StoppingError(Exception):
    """The process is stopping and ends its streams. Another replica serves a new stream."""

    def __init__(self) -> None:
        super().__init__("this instance is stopping; open the stream again")


async def until_stopping(stream: AsyncIterator[ResponseT], stopping: asyncio.Event) -> AsyncGenerator[ResponseT, None]:
    """Yield the responses of `stream`. Raises StoppingError as soon as `stopping` is set, even while it waits."""
    end = object()
    stop = asyncio.create_task(stopping.wait())
    pending: asyncio.Future[ResponseT | object] | None = None
    try:
        while True:
            pending = asyncio.ensure_future(anext(stream, end))
            await asyncio.wait({pending, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not pending.done():
                raise StoppingError
            response = pending.result()
            if response is end:
                return
            yield response  # type: ignore[misc]  # it is not the end
    finally:
        stop.cancel()
        if pending is not None:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def until_ended(
    requests: AsyncIterator[RequestT], context: grpc.aio.ServicerContext[Any, Any]
) -> AsyncGenerator[RequestT, None]:
    """Yield the requests of a call. Raises CancelledError after them if the caller has cancelled the call."""
    async for request in requests:
        yield request
    # When a call is cancelled, gRPC may report the end of its requests first. It handles the events of a call in turn,
    # so it reports the cancellation before the end of another read.
    await context.read()
