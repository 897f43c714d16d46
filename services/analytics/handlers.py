"""The use cases of analytics."""

from collections.abc import Sequence

from services.analytics.domain import Period, Sale, Summary
from services.analytics.store import Store
from services.runtime.storage import Database


class Analytics:
    """The use cases of analytics. Each method owns its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def summary(self, period: Period) -> Summary:
        """Return the figures of a period."""
        async with self._database.read() as connection:
            return await Store(connection).summary(period)

    async def list(self, after: str, limit: int) -> Sequence[Sale]:
        """Return up to `limit` sales, last placed first, that follow the sale with the id `after`."""
        async with self._database.read() as connection:
            return await Store(connection).sales_after(after, limit)


async def count_sale(store: Store, sale: Sale) -> None:
    """Add a sale, or update its state unless the event is older than the stored state.

    It runs in the transaction of the event. Each event contains the whole order, so any of them can be the first.
    """
    # During a rebalance, two consumers can handle events of one order. The second one waits for the first one's commit.
    await store.lock_sale(sale.id)
    stored_state = await store.state(sale.id)
    if stored_state is None:
        await store.add(sale)
    elif sale.state.may_follow(stored_state):
        await store.update_state(sale)
