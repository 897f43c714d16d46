"""Recovery: it finishes orders that no process works on any more."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import monotonic

from prometheus_client import Counter

from services.orders.errors import TakenOverError
from services.orders.saga import Saga
from services.orders.store import Store, UnfinishedOrder
from services.runtime.storage import Database

# The number of unfinished orders that one query reads.
PAGE_SIZE = 500
MAX_ORDERS_PER_PASS = 200
MAX_CONCURRENT_ORDERS = 8

logger = logging.getLogger(__name__)
RECOVERED = Counter(
    "shop_saga_recoveries", "Attempts to finish an order whose process died, or whose undoing has failed before."
)


@dataclass
class Recovery:
    """Finishes unfinished orders whose process has died, or whose undoing has failed. Parked orders are left alone.

    An order is due when it has stayed at one revision for `idle_seconds` since a pass first saw it there. If its
    process is only slow, that process's next log entry fails (TakenOverError), and it leaves the order alone.
    """

    database: Database
    saga: Saga
    idle_seconds: float
    clock: Callable[[], float] = monotonic
    """Returns seconds."""
    trace: Callable[[str], AbstractContextManager[object]] = nullcontext
    """Starts a trace, for work that has this name."""
    page_size: int = PAGE_SIZE
    max_orders_per_pass: int = MAX_ORDERS_PER_PASS
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict, init=False)
    """Order id → the revision at which a pass first saw it, and when."""

    async def run(self) -> None:
        """Run one pass: finish the unfinished orders that are due, the oldest first."""
        unfinished = await self._list_unfinished()
        now = self.clock()
        before = self._seen
        self._seen = {
            order.id: before[order.id] if self._is_unchanged(before, order) else (order.revision, now)
            for order in unfinished
        }
        due = [
            order
            for order in unfinished
            if self._is_unchanged(before, order) and now - before[order.id][1] >= self.idle_seconds
        ]
        due.sort(key=lambda order: order.create_time)
        # The next pass finishes those above the maximum: the orders of this pass are not due again by then.
        due = due[: self.max_orders_per_pass]
        for start in range(0, len(due), MAX_CONCURRENT_ORDERS):
            await asyncio.gather(*map(self._finish, due[start:][:MAX_CONCURRENT_ORDERS]))

    @staticmethod
    def _is_unchanged(seen: dict[str, tuple[int, float]], order: UnfinishedOrder) -> bool:
        return order.id in seen and seen[order.id][0] == order.revision

    async def _list_unfinished(self) -> list[UnfinishedOrder]:
        unfinished: list[UnfinishedOrder] = []
        while True:
            async with self.database.read() as connection:
                last_id = unfinished[-1].id if unfinished else ""
                page = await Store(connection).list_unfinished(last_id, self.page_size)
            unfinished += page
            if len(page) < self.page_size:
                return unfinished

    async def _finish(self, seen: UnfinishedOrder) -> None:
        # Successful or not, the order is due again only after another `idle_seconds`.
        self._seen[seen.id] = seen.revision, self.clock()
        try:
            async with self.database.read() as connection:
                order = await Store(connection).get(seen.id)
            if order.progress.revision == seen.revision:
                RECOVERED.inc()
                with self.trace("recover order"):
                    order = await self.saga.finish(order)
                self._seen[order.id] = order.progress.revision, self.clock()
        except TakenOverError:
            pass
        except Exception:
            # The fault of one order must not stop the recovery of the others.
            logger.exception("recovery of an order failed", extra={"order": seen.id})
