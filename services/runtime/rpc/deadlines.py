"""Deadlines: an outgoing call gets the remaining time of the inbound call it serves, and no other deadline."""

import asyncio
import time
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import TypeVar

# The monotonic time in seconds at which the current inbound call expires. gRPC runs each inbound call in its own task.
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)

# A reply is sent this long before the deadline, so that it reaches the caller in time.
MARGIN_SECONDS = 0.25

ResultT = TypeVar("ResultT")


def set_deadline(remaining: float | None) -> None:
    """Set the deadline of the current call to `remaining` seconds from now; None means no deadline."""
    _deadline.set(None if remaining is None else time.monotonic() + remaining)


def remaining() -> float | None:
    """Return the seconds left for the current call, never negative; None if it has no deadline."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


async def before_deadline(work: Awaitable[ResultT], max_seconds: float) -> ResultT | None:
    """Await `work` until shortly before the current call's deadline, and for `max_seconds` at most.

    Returns None, after cancelling `work`, if that time was too short. The caller decides what to reply instead.
    """
    left = remaining()
    timeout = max_seconds if left is None else min(max_seconds, max(0.0, left - MARGIN_SECONDS))
    try:
        async with asyncio.timeout(timeout):
            return await work
    except TimeoutError:
        return None
