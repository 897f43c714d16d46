"""Work that is not bound to one call: it outlives the call that began it, or comes back by the clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from services.runtime.deadline import set_deadline

# How long a stopping process waits for work whose calls have ended. Kubernetes gives 30 s in all, the calls get 15.
FINISH_SECONDS = 5.0

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Background:
    """The background work of one process. What its end cuts off must be found again at the next start."""

    def __init__(self) -> None:
        self._finishing: set[asyncio.Task[Any]] = set()
        self._repeating: set[asyncio.Task[None]] = set()

    async def finish(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Await `work`, which goes on without its caller's deadline, and to its end if the caller is cancelled."""
        task = self._started(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Have `work` done beside the call that asks for it, without its deadline; its failure is logged."""
        self._started(work).add_done_callback(_log_failure)

    def repeat(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` now, and again `seconds` after each end of it; an exception ends one turn alone."""
        self._repeating.add(asyncio.create_task(_repeated(seconds, work)))

    async def close(self) -> None:
        """Stop what repeats and wait FINISH_SECONDS at most for what is to be finished."""
        for task in self._repeating:
            task.cancel()
        ending: set[asyncio.Task[Any]] = {*self._repeating}
        if self._finishing:
            _, unfinished = await asyncio.wait(self._finishing, timeout=FINISH_SECONDS)
            if unfinished:
                logger.error("work cut off by the end of the process", extra={"pieces": len(unfinished)})
            for task in unfinished:
                task.cancel()
            ending |= unfinished
        await asyncio.gather(*ending, return_exceptions=True)

    def _started(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(_without_deadline(work))
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return task


async def _without_deadline(work: Coroutine[Any, Any, Result]) -> Result:
    set_deadline(None)
    return await work


async def _repeated(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # for mypy: a coroutine that runs has a task
    while True:
        try:
            await work()
        except Exception:
            logger.exception("background work failed")
        # What fails while it is being cancelled, a client that is closed for example, ends with that failure instead.
        if task.cancelling():
            return
        await asyncio.sleep(seconds)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("work without a caller failed", exc_info=error)
