"""Updates of orders, for calls and streams that wait for them.

Updates that this process writes arrive at once. For those of other processes, one poll of the database serves all
subscriptions: it reads the revisions of their orders, and then the orders that have changed.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from services.orders.domain import Order
from services.orders.store import Store
from services.runtime.storage import Database

# The most orders that one query of a poll asks for.
MAX_ORDERS_PER_QUERY = 500


class Subscription:
    """Receives the updates of one order. It returns only the latest of those that arrived since the last `next`."""

    def __init__(self) -> None:
        self.latest: Order | None = None
        self._changed = asyncio.Event()

    def publish(self, order: Order) -> None:
        """Set the order as the latest update, unless it is no newer revision."""
        if self.latest is None or order.progress.revision > self.latest.progress.revision:
            self.latest = order
            self._changed.set()

    async def next(self) -> Order:
        """Wait for a revision that was not returned yet, and return the latest one."""
        await self._changed.wait()
        self._changed.clear()
        assert self.latest is not None  # noqa: S101  # for mypy: it is set before the event
        return self.latest


class OrderUpdates:
    """The subscriptions of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscriptions: dict[str, set[Subscription]] = {}

    @contextmanager
    def subscribe(self, order_id: str) -> Iterator[Subscription]:
        """Yield a subscription to an order, and remove it at the end of the block."""
        subscription = Subscription()
        self._subscriptions.setdefault(order_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[order_id].discard(subscription)
            if not self._subscriptions[order_id]:
                del self._subscriptions[order_id]

    def publish(self, order: Order) -> None:
        """Publish an order to its subscriptions in this process."""
        for subscription in self._subscriptions.get(order.id, ()):
            subscription.publish(order)

    async def poll(self) -> None:
        """Read from the database what other processes have changed, and publish it."""
        oldest_revisions = {
            order_id: min(each.latest.progress.revision for each in subscriptions if each.latest is not None)
            for order_id, subscriptions in self._subscriptions.items()
            if any(each.latest is not None for each in subscriptions)
        }
        ids = sorted(oldest_revisions)
        for start in range(0, len(ids), MAX_ORDERS_PER_QUERY):
            revisions = {order_id: oldest_revisions[order_id] for order_id in ids[start:][:MAX_ORDERS_PER_QUERY]}
            async with self._database.read() as connection:
                changed = await Store(connection).list_changed(revisions)
            for order in changed:
                self.publish(order)
