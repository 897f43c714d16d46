"""Recovery: unfinished orders that nobody is at any more are carried on, whatever has ended their carrying."""

import asyncio
import logging
from time import monotonic

from services.orders.domain import TakenOverError
from services.orders.saga import Saga
from services.orders.store import Store, Unfinished
from services.runtime.storage import Database

# So many unfinished orders are looked up at once, so many are carried on in a pass, and so many at once.
PAGE = 500
MOST = 200
ABREAST = 8

logger = logging.getLogger(__name__)


class Recovery:
    """Carries on unfinished orders that nobody is at any more: their process has ended, or a callee failed.

    What pending ones took is given back, those to be cancelled are cancelled. Parked ones are left alone.

    An order that has not moved for `still_seconds` since a pass saw it first counts as such. Should its process be at
    it after all, just slowly, then its next entry in the log is refused (TakenOverError), and it leaves the order
    alone.
    """

    def __init__(self, database: Database, saga: Saga, still_seconds: float) -> None:
        self._database = database
        self._saga = saga
        self._still_seconds = still_seconds
        self._seen: dict[str, tuple[int, float]] = {}

    async def run(self) -> None:
        """Make one pass over the unfinished orders: carry on those that have not moved, the eldest first."""
        unfinished = await self._unfinished()
        now = monotonic()
        before = self._seen
        self._seen = {
            order.id: before[order.id] if self._is_at(before, order) else (order.revision, now) for order in unfinished
        }
        unmoved = [
            order
            for order in unfinished
            if self._is_at(before, order) and now - before[order.id][1] >= self._still_seconds
        ]
        unmoved.sort(key=lambda order: order.create_time)
        # Those behind MOST have their turn in the next pass, in which these are not due again.
        for at in range(0, min(len(unmoved), MOST), ABREAST):
            await asyncio.gather(*map(self._carry_on, unmoved[at : min(at + ABREAST, MOST)]))

    @staticmethod
    def _is_at(seen: dict[str, tuple[int, float]], order: Unfinished) -> bool:
        return order.id in seen and seen[order.id][0] == order.revision

    async def _unfinished(self) -> list[Unfinished]:
        found: list[Unfinished] = []
        while True:
            async with self._database.read() as connection:
                page = await Store(connection).unfinished(found[-1].id if found else "", PAGE)
            found += page
            if len(page) < PAGE:
                return found

    async def _carry_on(self, seen: Unfinished) -> None:
        # Whatever comes of it, it is not tried again before it has been left alone for as long once more.
        self._seen[seen.id] = seen.revision, monotonic()
        try:
            async with self._database.read() as connection:
                order = await Store(connection).order(seen.id)
            if order.revision == seen.revision:
                self._seen[order.id] = (await self._saga.carry_on(order)).revision, monotonic()
        except TakenOverError:
            pass
        except Exception:
            # One order's fault must not keep the others from their end.
            logger.exception("order not recovered", extra={"order": seen.id})
