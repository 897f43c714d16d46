"""Streams that may last: they end when the process does, so that it need not wait for those who listen."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from services.runtime.failures import StoppingError

Response = TypeVar("Response")


async def until_stopping(stream: AsyncIterator[Response], stopping: asyncio.Event) -> AsyncIterator[Response]:
    """Answer what `stream` answers. Raises StoppingError when the process is told to stop, in whatever it waits for."""
    end = object()
    stop = asyncio.create_task(stopping.wait())
    following: asyncio.Future[Response | object] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(stream, end))
            await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                raise StoppingError
            response = following.result()
            if response is end:
                return
            yield response  # type: ignore[misc]  # it is not the end
    finally:
        stop.cancel()
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
