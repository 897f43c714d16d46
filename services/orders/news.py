"""What becomes of orders, for those who wait for it.

They are told of this process's writes at once. For what other processes write, one look at the database serves all who
wait: it asks for the revisions of their orders, and reads the orders that have moved.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from services.orders.domain import Order
from services.orders.store import Store
from services.runtime.storage import Database

# So many orders one query asks for.
PAGE = 500


class Follower:
    """Waits for an order to move on."""

    def __init__(self) -> None:
        self.newest: Order | None = None
        self._moved = asyncio.Event()

    def tell(self, order: Order) -> None:
        """Tell of the order, unless a newer revision was told already."""
        if self.newest is None or order.revision > self.newest.revision:
            self.newest = order
            self._moved.set()

    async def moved(self) -> Order:
        """Answer the order's newest revision as soon as there is one that was not answered yet."""
        await self._moved.wait()
        self._moved.clear()
        assert self.newest is not None  # noqa: S101  # for mypy: it is set before the event
        return self.newest


class News:
    """Who follows which order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: dict[str, set[Follower]] = {}

    @contextmanager
    def follow(self, order_id: str) -> Iterator[Follower]:
        """Have the follower that this gives told of the order, for the length of the block."""
        follower = Follower()
        self._followers.setdefault(order_id, set()).add(follower)
        try:
            yield follower
        finally:
            self._followers[order_id].discard(follower)
            if not self._followers[order_id]:
                del self._followers[order_id]

    def tell(self, order: Order) -> None:
        """Tell those who follow the order of what this process has written."""
        for follower in self._followers.get(order.id, ()):
            follower.tell(order)

    async def look(self) -> None:
        """Look once for what other processes have written."""
        known = {
            order_id: min(follower.newest.revision for follower in followers if follower.newest is not None)
            for order_id, followers in self._followers.items()
            if any(follower.newest is not None for follower in followers)
        }
        ids = sorted(known)
        for start in range(0, len(ids), PAGE):
            async with self._database.read() as connection:
                moved = await Store(connection).moved({order_id: known[order_id] for order_id in ids[start:][:PAGE]})
            for order in moved:
                self.tell(order)
