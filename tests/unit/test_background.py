"""Work beside the calls: it ends well, or is cut off where its owner expects it."""

import asyncio
import contextlib

import pytest

from services.runtime.background import Background
from services.runtime.rpc.deadlines import remaining, set_deadline


async def test_work_goes_on_when_its_caller_is_cancelled_and_closing_waits_for_it() -> None:
    background, go_on, done = Background(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        done.set()

    caller = asyncio.create_task(background.run_to_completion(work()))
    await asyncio.sleep(0)
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    closing = asyncio.create_task(background.close())
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await closing
    assert done.is_set()


async def test_work_has_no_deadline_and_its_caller_keeps_its_own() -> None:
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
    background, go_on = Background(), asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        raise ValueError("lost otherwise")

    caller = asyncio.create_task(background.run_to_completion(work()))
    await asyncio.sleep(0)
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    go_on.set()
    await background.close()
    assert "lost otherwise" in caplog.text


async def test_repeated_work_survives_its_failures_and_ends_with_the_process() -> None:
    background, turns = Background(), asyncio.Queue[int]()

    async def work() -> None:
        turns.put_nowait(turns.qsize())
        raise ValueError("one turn alone")

    background.repeat(0.001, work)
    assert [await turns.get() for _ in range(3)]
    await background.close()
    left = turns.qsize()
    await asyncio.sleep(0.01)
    assert turns.qsize() == left


async def test_repeated_work_ends_with_the_process_though_it_fails_on_its_way_out() -> None:
    background, begun = Background(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("in place of the cancellation")

    background.repeat(0.001, work)
    await begun.wait()
    async with asyncio.timeout(5):
        await background.close()
