"""Background work: work that outlives the call that started it, or that runs at intervals."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from services.runtime.rpc.deadlines import set_deadline

# How long a stopping process waits for started work after its calls have ended. Kubernetes allows 30 s in all, of which
# the calls get 15.
FINISH_SECONDS = 5.0

logger = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")


class Background:
    """The background work of one process. Work that its end cuts off must be found again at the next start."""

    def __init__(self, finish_seconds: float = FINISH_SECONDS) -> None:
        self._finish_seconds = finish_seconds
        self._started: set[asyncio.Task[Any]] = set()
        self._repeating: set[asyncio.Task[None]] = set()

    async def run_to_completion(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Await `work`, which ignores the caller's deadline and runs to its end even if the caller is cancelled."""
        task = self._start(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Start `work` without waiting for it and without the caller's deadline. Its failure is logged."""
        self._start(work).add_done_callback(_log_failure)

    def repeat(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` now, and again `seconds` after each run. An exception ends only that run."""
        self._repeating.add(asyncio.create_task(_repeat(seconds, work)))

    async def close(self) -> None:
        """Stop repeating work, and wait up to `finish_seconds` for started work."""
        for task in self._repeating:
            task.cancel()
        ending: set[asyncio.Task[Any]] = {*self._repeating}
        if self._started:
            _, unfinished = await asyncio.wait(self._started, timeout=self._finish_seconds)
            if unfinished:
                logger.error("the process ended before its background work", extra={"pieces": len(unfinished)})
            for task in unfinished:
                task.cancel()
            ending |= unfinished
        await asyncio.gather(*ending, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, ResultT]) -> asyncio.Task[ResultT]:
        task = asyncio.create_task(_without_deadline(work))
        self._started.add(task)
        task.add_done_callback(self._started.discard)
        return task


async def _without_deadline(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    set_deadline(None)
    return await work


async def _repeat(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # for mypy: a running coroutine has a task
    while True:
        try:
            await work()
        except Exception:
            logger.exception("background work failed")
        # Work that fails while it is cancelled, because its client is closed for example, hides the cancellation.
        if task.cancelling():
            return
        await asyncio.sleep(seconds)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("background work failed", exc_info=error)
