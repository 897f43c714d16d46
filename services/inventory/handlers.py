"""The use cases of inventory: one class for each resource, and the count of demand."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Generic

from prometheus_client import Counter

from services.inventory import domain
from services.inventory.domain import Demand, InsufficientStockError, Reservation, ReservationLine, State, Stock
from services.inventory.store import Store
from services.runtime.storage import Database, IdempotentRequests, ReplyT, RequestKey

# How a stock changes when a reservation reaches a state.
STOCK_CHANGES = {State.COMMITTED: Stock.commit, State.RELEASED: Stock.release, State.RETURNED: Stock.return_sold}

STOCK_OUTS = Counter(
    "shop_reservations_rejected", "Reservations that were rejected because too few pieces were available."
)


class Stocks(Generic[ReplyT]):
    """The use cases of stock. Each method owns its transaction."""

    def __init__(self, database: Database, requests: IdempotentRequests[Stock, ReplyT]) -> None:
        self._database = database
        self._requests = requests

    async def get(self, product: str) -> Stock:
        """Return the stock of a product. Raises StockNotFoundError."""
        async with self._database.read() as connection:
            return await Store(connection).stock(product)

    async def list(self, after: str, limit: int) -> Sequence[Stock]:
        """Return up to `limit` stocks, ordered by product id, that follow the product `after`."""
        async with self._database.read() as connection:
            return await Store(connection).stocks_after(after, limit)

    async def receive(self, key: RequestKey, product: str, pieces: int) -> ReplyT:
        """Add new pieces of a product, which may have no stock yet. Raises StockTooLargeError."""
        # Exclusive: a stock that does not exist has no row to lock.
        return await self._requests.run(
            key, lambda connection: _receive(Store(connection), product, pieces), shared=False
        )

    async def add_opening_stock(self, pieces: Mapping[str, int]) -> None:
        """Add the first pieces of each product, unless the database has stocks already."""
        async with self._database.write() as connection:
            store = Store(connection)
            if await store.is_empty():
                await store.add_stocks(Stock(product).receive(quantity) for product, quantity in pieces.items())


class Reservations(Generic[ReplyT]):
    """The use cases of reservations. Each method owns its transaction."""

    def __init__(self, database: Database, requests: IdempotentRequests[Reservation, ReplyT]) -> None:
        self._database = database
        self._requests = requests

    async def get(self, reservation_id: str) -> Reservation:
        """Return one reservation. Raises ReservationNotFoundError."""
        async with self._database.read() as connection:
            return await Store(connection).reservation(reservation_id)

    async def list(self, after: str, limit: int) -> Sequence[Reservation]:
        """Return up to `limit` reservations, newest first, that follow the reservation with the id `after`."""
        async with self._database.read() as connection:
            return await Store(connection).reservations_after(after, limit)

    async def reserve(self, key: RequestKey, lines: Sequence[ReservationLine], reference: str) -> ReplyT:
        """Reserve the pieces of all lines, or of none. Raises InsufficientStockError."""
        return await self._requests.run(key, lambda connection: _reserve(Store(connection), lines, reference))

    async def commit(self, key: RequestKey, reservation_id: str) -> ReplyT:
        """Sell the reserved pieces. Raises ReservationNotFoundError, ReservationStateError."""
        return await self._move(key, reservation_id, State.COMMITTED)

    async def release(self, key: RequestKey, reservation_id: str) -> ReplyT:
        """Release the reserved pieces. Raises ReservationNotFoundError, ReservationStateError."""
        return await self._move(key, reservation_id, State.RELEASED)

    async def return_sold(self, key: RequestKey, reservation_id: str) -> ReplyT:
        """Return the sold pieces to stock. Raises ReservationNotFoundError, ReservationStateError."""
        return await self._move(key, reservation_id, State.RETURNED)

    async def _move(self, key: RequestKey, reservation_id: str, state: State) -> ReplyT:
        return await self._requests.run(key, lambda connection: _move(Store(connection), reservation_id, state))


class Demands:
    """The use cases of demand. Each method owns its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, after: str, limit: int) -> Sequence[Demand]:
        """Return up to `limit` demands, ordered by product id, that follow the product `after`."""
        async with self._database.read() as connection:
            return await Store(connection).demands_after(after, limit)


async def count_demand(store: Store, demands: Sequence[Demand]) -> None:
    """Add to the demand for products, in the transaction of the event that caused it."""
    # Two orders can contain the same products. A second process waits here until the first one has committed.
    await store.lock_demands()
    for demand in demands:
        await store.add_demand(demand)


async def _receive(store: Store, product: str, pieces: int) -> Stock:
    before = (await store.stocks([product])).get(product)
    after = (before or Stock(product)).receive(pieces)
    await (store.update_stocks if before else store.add_stocks)([after])
    return after


async def _reserve(store: Store, lines: Sequence[ReservationLine], reference: str) -> Reservation:
    stocks = await store.stocks((line.product for line in lines), lock=True)
    try:
        reserved = domain.reserve(stocks, lines)
    except InsufficientStockError:
        STOCK_OUTS.inc()
        raise
    await store.update_stocks(reserved)
    now = datetime.now(UTC)
    reservation = Reservation(str(uuid.uuid4()), State.HELD, tuple(lines), reference, now, now)
    await store.add_reservation(reservation)
    return reservation


async def _move(store: Store, reservation_id: str, state: State) -> Reservation:
    before = await store.reservation(reservation_id, lock=True)
    after = before.move_to(state, datetime.now(UTC))
    if after is not before:
        stocks = await store.stocks((line.product for line in after.lines), lock=True)
        await store.update_stocks([STOCK_CHANGES[state](stocks[line.product], line.quantity) for line in after.lines])
        await store.update_state(after)
    return after
