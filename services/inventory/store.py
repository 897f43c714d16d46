"""Stocks, reservations and demands in the service's database."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    case,
    exists,
    insert,
    select,
    update,
)

from services.inventory.domain import (
    Demand,
    Reservation,
    ReservationLine,
    ReservationNotFoundError,
    State,
    Stock,
    StockNotFoundError,
)
from services.runtime.storage import Connection, NewestFirst, Row, UtcDateTime

metadata = MetaData()

stocks = Table(
    "stocks",
    metadata,
    Column("product_id", String(64), primary_key=True),
    # The constraints are a second defence: a fault in the code cannot sell a piece twice.
    Column("available", Integer, CheckConstraint("available >= 0"), nullable=False),
    Column("reserved", Integer, CheckConstraint("reserved >= 0"), nullable=False),
    Column("sold", Integer, CheckConstraint("sold >= 0"), nullable=False),
    Column("received", Integer, nullable=False, server_default="0"),
)
reservations = Table(
    "reservations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reference", String(128), nullable=False, server_default=""),
    Column("create_time", UtcDateTime, nullable=False),
    Column("update_time", UtcDateTime, nullable=False),
    Index("reservations_by_create_time", "create_time", "id"),
)
reservation_lines = Table(
    "reservation_lines",
    metadata,
    Column("reservation_id", String(64), ForeignKey("reservations.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("product_id", String(64), ForeignKey("stocks.product_id"), nullable=False),
    Column("quantity", Integer, nullable=False),
)
# Without a foreign key: a product may be ordered that has no stock.
demands = Table(
    "demands",
    metadata,
    Column("product_id", String(64), primary_key=True),
    Column("asked", BigInteger, nullable=False),
    Column("sold", BigInteger, nullable=False),
    Column("missed", BigInteger, nullable=False),
    Column("event_time", UtcDateTime, nullable=False),
)

LIMIT = bindparam("limit", type_=Integer)
# All transactions lock rows in the same order, so there are no deadlocks.
STOCKS_BY_IDS = (
    select(stocks).where(stocks.c.product_id.in_(bindparam("ids", expanding=True))).order_by(stocks.c.product_id)
)
STOCKS_BY_IDS_LOCKED = STOCKS_BY_IDS.with_for_update()
STOCK_BY_ID = select(stocks).where(stocks.c.product_id == bindparam("id"))
STOCKS_AFTER = select(stocks).where(stocks.c.product_id > bindparam("after")).order_by(stocks.c.product_id).limit(LIMIT)
ANY_STOCK = select(exists(select(stocks)))
INSERT_STOCK = insert(stocks)
UPDATE_STOCK = update(stocks).where(stocks.c.product_id == bindparam("key"))

RESERVATION_BY_ID = select(reservations).where(reservations.c.id == bindparam("id"))
RESERVATION_BY_ID_LOCKED = RESERVATION_BY_ID.with_for_update()
NEWEST_RESERVATIONS_FIRST = NewestFirst(reservations, reservations.c.create_time)
INSERT_RESERVATION = insert(reservations)
UPDATE_RESERVATION = update(reservations).where(reservations.c.id == bindparam("key"))
LINES_OF_RESERVATIONS = (
    select(reservation_lines)
    .where(reservation_lines.c.reservation_id.in_(bindparam("ids", expanding=True)))
    .order_by(reservation_lines.c.position)
)
INSERT_LINE = insert(reservation_lines)

DEMANDS_AFTER = (
    select(demands).where(demands.c.product_id > bindparam("after")).order_by(demands.c.product_id).limit(LIMIT)
)
INSERT_DEMAND = insert(demands)
NEW_EVENT_TIME = bindparam("new_event_time", type_=UtcDateTime)
ADD_TO_DEMAND = (
    update(demands)
    .where(demands.c.product_id == bindparam("key"))
    .values(
        asked=demands.c.asked + bindparam("more_asked"),
        sold=demands.c.sold + bindparam("more_sold"),
        missed=demands.c.missed + bindparam("more_missed"),
        event_time=case((demands.c.event_time < NEW_EVENT_TIME, NEW_EVENT_TIME), else_=demands.c.event_time),
    )
)


class Store:
    """Reads and writes within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def stock(self, product: str) -> Stock:
        """Return the stock of a product. Raises StockNotFoundError."""
        row = (await self._connection.execute(STOCK_BY_ID, {"id": product})).one_or_none()
        if row is None:
            raise StockNotFoundError(product)
        return _stock(row)

    async def stocks(self, products: Iterable[str], *, lock: bool = False) -> dict[str, Stock]:
        """Return the stocks of these products, by product; `lock` their rows if they will be changed.

        Products without a stock are missing in the result.
        """
        statement = STOCKS_BY_IDS_LOCKED if lock else STOCKS_BY_IDS
        rows = await self._connection.execute(statement, {"ids": list(products)})
        return {row.product_id: _stock(row) for row in rows}

    async def stocks_after(self, after: str, limit: int) -> Sequence[Stock]:
        """Return up to `limit` stocks, ordered by product id, starting after the product `after`."""
        rows = await self._connection.execute(STOCKS_AFTER, {"after": after, "limit": limit})
        return [_stock(row) for row in rows]

    async def is_empty(self) -> bool:
        """Return whether the database has no stocks."""
        return not await self._connection.scalar(ANY_STOCK)

    async def add_stocks(self, new: Iterable[Stock]) -> None:
        """Insert stocks."""
        await self._connection.defer(INSERT_STOCK, [{"product_id": stock.product, **_pieces(stock)} for stock in new])

    async def update_stocks(self, changed: Sequence[Stock]) -> None:
        """Update the numbers of stocks whose rows are locked."""
        await self._connection.defer(UPDATE_STOCK, [{"key": stock.product, **_pieces(stock)} for stock in changed])

    async def reservation(self, reservation_id: str, *, lock: bool = False) -> Reservation:
        """Return a reservation; `lock` its row if it will be changed. Raises ReservationNotFoundError."""
        statement = RESERVATION_BY_ID_LOCKED if lock else RESERVATION_BY_ID
        row = (await self._connection.execute(statement, {"id": reservation_id})).one_or_none()
        if row is None:
            raise ReservationNotFoundError(reservation_id)
        return (await self._reservations([row]))[0]

    async def reservations_after(self, after: str, limit: int) -> Sequence[Reservation]:
        """Return up to `limit` reservations, newest first, starting after the id `after` (empty: at the newest)."""
        return await self._reservations([*await NEWEST_RESERVATIONS_FIRST.read(self._connection, after, limit)])

    async def add_reservation(self, reservation: Reservation) -> None:
        """Insert a reservation with its lines."""
        await self._connection.defer(
            INSERT_RESERVATION,
            {
                "id": reservation.id,
                "state": reservation.state.value,
                "reference": reservation.reference,
                "create_time": reservation.create_time,
                "update_time": reservation.update_time,
            },
        )
        await self._connection.defer(
            INSERT_LINE,
            [
                {
                    "reservation_id": reservation.id,
                    "position": position,
                    "product_id": line.product,
                    "quantity": line.quantity,
                }
                for position, line in enumerate(reservation.lines)
            ],
        )

    async def update_state(self, reservation: Reservation) -> None:
        """Update the state and the update time of a reservation."""
        changed = {"state": reservation.state.value, "update_time": reservation.update_time}
        await self._connection.defer(UPDATE_RESERVATION, {"key": reservation.id, **changed})

    async def demands_after(self, after: str, limit: int) -> Sequence[Demand]:
        """Return up to `limit` demands, ordered by product id, starting after the product `after`."""
        rows = await self._connection.execute(DEMANDS_AFTER, {"after": after, "limit": limit})
        return [Demand(row.product_id, row.asked, row.sold, row.missed, row.event_time) for row in rows]

    async def lock_demands(self) -> None:
        """Wait until no other transaction has locked the demands, and lock them until this one ends."""
        await self._connection.lock_name("demands")

    async def add_demand(self, demand: Demand) -> None:
        """Add to the demand for a product. The demands must be locked."""
        addition = {
            "key": demand.product,
            "more_asked": demand.asked,
            "more_sold": demand.sold,
            "more_missed": demand.missed,
            "new_event_time": demand.event_time,
        }
        if (await self._connection.execute(ADD_TO_DEMAND, addition)).rowcount:
            return
        await self._connection.defer(
            INSERT_DEMAND,
            {
                "product_id": demand.product,
                "asked": demand.asked,
                "sold": demand.sold,
                "missed": demand.missed,
                "event_time": demand.event_time,
            },
        )

    async def _reservations(self, rows: Sequence[Row]) -> list[Reservation]:
        lines: defaultdict[str, list[ReservationLine]] = defaultdict(list)
        for line in await self._connection.execute(LINES_OF_RESERVATIONS, {"ids": [row.id for row in rows]}):
            lines[line.reservation_id].append(ReservationLine(line.product_id, line.quantity))
        return [
            Reservation(
                id=row.id,
                state=State(row.state),
                lines=tuple(lines[row.id]),
                reference=row.reference,
                create_time=row.create_time,
                update_time=row.update_time,
            )
            for row in rows
        ]


async def find_stock(connection: Connection, product: str) -> Stock:
    """Return the stock of a product. Raises StockNotFoundError."""
    return await Store(connection).stock(product)


async def find_reservation(connection: Connection, reservation_id: str) -> Reservation:
    """Return one reservation. Raises ReservationNotFoundError."""
    return await Store(connection).reservation(reservation_id)


def _stock(row: Row) -> Stock:
    return Stock(row.product_id, row.available, row.reserved, row.sold, row.received)


def _pieces(stock: Stock) -> dict[str, int]:
    return {
        "available": stock.available,
        "reserved": stock.reserved,
        "sold": stock.sold,
        "received": stock.received,
    }
