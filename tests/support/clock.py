"""Conditions that come true later, and durations. A busy machine may fail only a test that is marked `timing`.

This module is a pytest plugin, so that it knows the running test.
"""

import asyncio
import time
from collections.abc import Generator, Iterable
from functools import total_ordering

import pytest
from tenacity import AsyncRetrying, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed
from typing_extensions import override

MIN_TIMEOUT_SECONDS = 10
"""A shorter timeout is a claim about speed."""
_running: list[pytest.Item] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Record the running test, from the start of its setup to the end of its teardown."""
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.pop()


def _judge(claim: str) -> None:
    """Fail the running test if it judges by the clock without the mark `timing`."""
    if _running and not _running[-1].get_closest_marker("timing"):
        # Its exception is no Exception, so `eventually` does not retry it.
        pytest.fail(f"{claim}: mark the test `timing` and `prove`, or assert counts, order and states")


def check_timeout(seconds: float) -> float:
    """Return a timeout. A short one fails a test without the mark `timing`; 0 is no wait at all."""
    if 0 < seconds < MIN_TIMEOUT_SECONDS:
        _judge(f"waits for {seconds} s only")
    return seconds


def eventually(
    within: float = 20, *, every: float = 0.02, retry: type[Exception] | tuple[type[Exception], ...] = AssertionError
) -> AsyncRetrying:
    """Repeat a block every `every` seconds until it raises no `retry`. After `within` seconds, raise the last one.

    async for attempt in eventually():
        with attempt:
            assert …
    """
    stop, failed = stop_after_delay(check_timeout(within)), retry_if_exception_type(retry)
    return AsyncRetrying(stop=stop, wait=wait_fixed(every), retry=failed, reraise=True)


def eventually_sync(within: float = 20) -> Retrying:
    """Repeat a block until its assertions hold: `eventually` for tests that are not async."""
    stop, failed = stop_after_delay(check_timeout(within)), retry_if_exception_type(AssertionError)
    return Retrying(stop=stop, wait=wait_fixed(0.02), retry=failed, reraise=True)


@total_ordering
class Duration:
    """Some seconds. Any test can print them, but only one that is marked `timing` can compare or convert them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = float(seconds)

    @override
    def __format__(self, spec: str) -> str:
        return format(self._seconds, spec)

    def __float__(self) -> float:
        """Return the seconds."""
        _judge("judges how long something takes")
        return self._seconds

    @override
    def __eq__(self, other: object) -> bool:
        return float(self) == other

    def __lt__(self, other: "Duration | float") -> bool:
        """Return whether this is less than another duration or so many seconds."""
        return float(self) < float(other)

    __hash__ = None  # type: ignore[assignment]  # equal hashes are a comparison, too

    async def sleep(self, times: float) -> None:
        """Wait for a multiple of the duration."""
        await asyncio.sleep(times * self._seconds)


class Stopwatch:
    """Measures the time since it was created."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def elapsed(self) -> Duration:
        """Return how long ago the stopwatch was created."""
        return Duration(time.monotonic() - self._start)


def longest(durations: Iterable[Duration]) -> Duration:
    """Return a copy of the longest of some durations, to print it."""
    return Duration(max(each._seconds for each in durations))  # noqa: SLF001  # compares them for no test
