"""The open watches of each customer in one process.

A stream has no timeout, and the proxies count the streams of all customers together. Without a limit for each
customer, one could hold every place.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.orders.domain import Caller
from services.orders.errors import TooManyWatchesError

# Far more than a person follows at once, and far fewer than the streams that the mesh allows.
MAX_WATCHES_PER_CUSTOMER = 20


class Watches:
    """Counts the open watches of each customer. Callers inside the mesh have no limit."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def open(self, caller: Caller) -> Iterator[None]:
        """Count one more watch of the caller until the end of the block. Raises TooManyWatchesError."""
        customer = caller.customer
        if customer is None:
            yield
            return
        if self._open[customer] >= MAX_WATCHES_PER_CUSTOMER:
            raise TooManyWatchesError(MAX_WATCHES_PER_CUSTOMER)
        self._open[customer] += 1
        try:
            yield
        finally:
            self._open[customer] -= 1
            if not self._open[customer]:
                del self._open[customer]
