"""Background work is finished before the process stops, or cancelled after a timeout."""

import asyncio
import contextlib

import pytest

from services.runtime.background import Background
from services.runtime.rpc.deadlines import remaining, set_deadline


async def test_work_continues_when_its_caller_is_cancelled_and_close_waits_for_it() -> None:
    background, resume, done = Background(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await resume.wait()
        done.set()

    caller = asyncio.create_task(background.run_to_completion(work()))
    await asyncio.sleep(0)
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    closing = asyncio.create_task(background.close())
    await asyncio.sleep(0)
    assert not closing.done()
    resume.set()
    await closing
    assert done.is_set()


async def test_work_has_no_deadline_and_that_of_its_caller_does_not_change() -> None:
    async def work() -> float | None:
        return remaining()

    set_deadline(60)
    assert await Background().run_to_completion(work()) is None
    assert remaining() is not None


async def test_close_cancels_work_that_takes_too_long(caplog: pytest.LogCaptureFixture) -> None:
    background = Background(finish_seconds=0.01)
    caller = asyncio.create_task(background.run_to_completion(asyncio.Event().wait()))
    await asyncio.sleep(0)
    await background.close()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert "ended before its background work" in caplog.text


async def test_a_failure_without_a_caller_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    background, resume = Background(), asyncio.Event()

    async def work() -> None:
        await resume.wait()
        raise ValueError("must be logged")

    caller = asyncio.create_task(background.run_to_completion(work()))
    await asyncio.sleep(0)
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    resume.set()
    await background.close()
    assert "must be logged" in caplog.text


async def test_repeated_work_continues_after_failures_until_close() -> None:
    background, runs = Background(), asyncio.Queue[int]()

    async def work() -> None:
        runs.put_nowait(runs.qsize())
        raise ValueError("only this run fails")

    background.repeat(0.001, work)
    assert [await runs.get() for _ in range(3)]
    await background.close()
    count = runs.qsize()
    await asyncio.sleep(0.01)
    assert runs.qsize() == count


async def test_close_stops_repeated_work_that_fails_when_it_is_cancelled() -> None:
    background, started = Background(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("in place of the cancellation")

    background.repeat(0.001, work)
    await started.wait()
    async with asyncio.timeout(10):
        await background.close()
