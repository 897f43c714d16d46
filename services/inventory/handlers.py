"""What the service does for each call: read, let the domain decide, write. All within the caller's transaction."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from services.inventory import domain
from services.inventory.domain import Line, Reservation, State, Stock
from services.inventory.store import Store

# How the pieces of a reservation move when it becomes so.
MOVES = {State.COMMITTED: Stock.sell, State.RELEASED: Stock.give_back, State.RETURNED: Stock.take_back}


async def receive_stock(store: Store, product: str, pieces: int) -> Stock:
    """Put new pieces in, in a transaction that is alone: they may be the product's first. Raises StockTooLargeError."""
    before = (await store.stocks([product])).get(product)
    after = (before or Stock(product)).receive(pieces)
    await (store.put_stocks if before else store.add_stocks)([after])
    return after


async def reserve_stock(store: Store, lines: Sequence[Line], reference: str) -> Reservation:
    """Hold the pieces of every line. Raises InsufficientStockError."""
    stocks = await store.stocks((line.product for line in lines), lock=True)
    await store.put_stocks(domain.hold(stocks, lines))
    now = datetime.now(UTC)
    reservation = Reservation(str(uuid.uuid4()), State.HELD, tuple(lines), reference, now, now)
    await store.add_reservation(reservation)
    return reservation


async def commit_reservation(store: Store, reservation_id: str) -> Reservation:
    """Sell the held pieces. Raises ReservationNotFoundError, ReservationStateError."""
    return await _settle(store, reservation_id, State.COMMITTED)


async def release_reservation(store: Store, reservation_id: str) -> Reservation:
    """Give the held pieces back. Raises ReservationNotFoundError, ReservationStateError."""
    return await _settle(store, reservation_id, State.RELEASED)


async def return_reservation(store: Store, reservation_id: str) -> Reservation:
    """Take the sold pieces back. Raises ReservationNotFoundError, ReservationStateError."""
    return await _settle(store, reservation_id, State.RETURNED)


async def _settle(store: Store, reservation_id: str, state: State) -> Reservation:
    before = await store.reservation(reservation_id, lock=True)
    after = before.settle(state, datetime.now(UTC))
    if after is not before:
        stocks = await store.stocks((line.product for line in after.lines), lock=True)
        await store.put_stocks([MOVES[state](stocks[line.product], line.quantity) for line in after.lines])
        await store.put_state(after)
    return after


async def open_stock(store: Store, opening: Mapping[str, int]) -> None:
    """Put the first pieces of each product in, unless there are some already."""
    if await store.is_empty():
        await store.add_stocks(Stock(product).receive(pieces) for product, pieces in opening.items())
