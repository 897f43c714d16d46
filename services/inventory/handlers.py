"""The use cases of inventory. Each runs within the caller's transaction."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from services.inventory import domain
from services.inventory.domain import Reservation, ReservationLine, State, Stock
from services.inventory.store import Store

# How a stock changes when a reservation reaches a state.
STOCK_CHANGES = {State.COMMITTED: Stock.commit, State.RELEASED: Stock.release, State.RETURNED: Stock.return_sold}


async def receive_stock(store: Store, product: str, pieces: int) -> Stock:
    """Add new pieces. The transaction must be exclusive: the stock may be new. Raises StockTooLargeError."""
    before = (await store.stocks([product])).get(product)
    after = (before or Stock(product)).receive(pieces)
    await (store.update_stocks if before else store.add_stocks)([after])
    return after


async def reserve_stock(store: Store, lines: Sequence[ReservationLine], reference: str) -> Reservation:
    """Reserve the pieces of all lines, or of none. Raises InsufficientStockError."""
    stocks = await store.stocks((line.product for line in lines), lock=True)
    await store.update_stocks(domain.reserve(stocks, lines))
    now = datetime.now(UTC)
    reservation = Reservation(str(uuid.uuid4()), State.HELD, tuple(lines), reference, now, now)
    await store.add_reservation(reservation)
    return reservation


async def commit_reservation(store: Store, reservation_id: str) -> Reservation:
    """Sell the reserved pieces. Raises ReservationNotFoundError, ReservationStateError."""
    return await _move(store, reservation_id, State.COMMITTED)


async def release_reservation(store: Store, reservation_id: str) -> Reservation:
    """Release the reserved pieces. Raises ReservationNotFoundError, ReservationStateError."""
    return await _move(store, reservation_id, State.RELEASED)


async def return_reservation(store: Store, reservation_id: str) -> Reservation:
    """Return the sold pieces to stock. Raises ReservationNotFoundError, ReservationStateError."""
    return await _move(store, reservation_id, State.RETURNED)


async def _move(store: Store, reservation_id: str, state: State) -> Reservation:
    before = await store.reservation(reservation_id, lock=True)
    after = before.move_to(state, datetime.now(UTC))
    if after is not before:
        stocks = await store.stocks((line.product for line in after.lines), lock=True)
        await store.update_stocks([STOCK_CHANGES[state](stocks[line.product], line.quantity) for line in after.lines])
        await store.update_state(after)
    return after


async def add_opening_stock(store: Store, opening: Mapping[str, int]) -> None:
    """Add the first pieces of each product, unless the database has stocks already."""
    if await store.is_empty():
        await store.add_stocks(Stock(product).receive(pieces) for product, pieces in opening.items())
