"""Recovery: unfinished orders that nobody is at any more are carried on, whatever has ended their carrying."""

import asyncio
import logging
from itertools import islice

from services.orders.domain import TakenOverError
from services.orders.saga import Saga
from services.orders.store import Store
from services.runtime import Database

# So many unfinished orders are looked up at once, and so many carried on at once.
PAGE = 500
ABREAST = 8

logger = logging.getLogger(__name__)


class Recovery:
    """Carries on unfinished orders that nobody is at any more: their process has ended, or a callee failed.

    What pending ones took is given back, those to be cancelled are cancelled. Parked ones are left alone.

    An order that has not moved from one pass to the next counts as such. Should its process be at it after all, just
    slowly, then its next entry in the log is refused (TakenOverError), and it leaves the order alone.
    """

    def __init__(self, database: Database, saga: Saga) -> None:
        self._database = database
        self._saga = saga
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        """Make one pass over the unfinished orders."""
        before, self._seen = self._seen, {}
        after = ""
        while True:
            async with self._database.read() as connection:
                unfinished = await Store(connection).unfinished(after, PAGE)
            self._seen |= unfinished
            unmoved = iter(unfinished.items() & before.items())
            while some := list(islice(unmoved, ABREAST)):
                await asyncio.gather(*(self._carry_on(order_id, revision) for order_id, revision in some))
            if len(unfinished) < PAGE:
                return
            after = max(unfinished)

    async def _carry_on(self, order_id: str, revision: int) -> None:
        try:
            async with self._database.read() as connection:
                order = await Store(connection).order(order_id)
            if order.revision == revision:
                # Should it fail again, then the next pass tries again.
                self._seen[order_id] = (await self._saga.carry_on(order)).revision
        except TakenOverError:
            pass
        except Exception:
            # One order's fault must not keep the others from their end.
            logger.exception("order not recovered", extra={"order": order_id})
