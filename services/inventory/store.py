"""Stock and reservations in the service's database. A Store lives as long as one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    bindparam,
    case,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.domain import (
    Demand,
    Line,
    Reservation,
    ReservationNotFoundError,
    State,
    Stock,
    StockNotFoundError,
)
from services.runtime.storage import UtcDateTime, newest_first

metadata = MetaData()

stocks = Table(
    "stocks",
    metadata,
    Column("product_id", String(64), primary_key=True),
    # The last line of defence: whatever goes wrong above, nothing is sold twice.
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
# Of whatever products were ordered, stocked or not.
demands = Table(
    "demands",
    metadata,
    Column("product_id", String(64), primary_key=True),
    Column("asked", BigInteger, nullable=False),
    Column("sold", BigInteger, nullable=False),
    Column("missed", BigInteger, nullable=False),
    Column("event_time", UtcDateTime, nullable=False),
)


class Store:
    """Reads and writes within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def stock(self, product: str) -> Stock:
        """Answer the stock of one product. Raises StockNotFoundError."""
        found = await self.stocks([product])
        if product not in found:
            raise StockNotFoundError(product)
        return found[product]

    async def stocks(self, products: Iterable[str], *, lock: bool = False) -> dict[str, Stock]:
        """Answer the stocks of those products that have one, by product; `lock` them for a change."""
        # Everybody locks in the order of the products: nobody waits for one who waits for them.
        found = select(stocks).where(stocks.c.product_id.in_(list(products))).order_by(stocks.c.product_id)
        rows = await self._connection.execute(found.with_for_update() if lock else found)
        return {row.product_id: _stock(row) for row in rows}

    async def stocks_after(self, after: str, limit: int) -> Sequence[Stock]:
        """Answer up to `limit` stocks, in the order of their products, from the one that follows `after` on."""
        following = select(stocks).where(stocks.c.product_id > after).order_by(stocks.c.product_id).limit(limit)
        return [_stock(row) for row in await self._connection.execute(following)]

    async def is_empty(self) -> bool:
        """Answer whether no product was ever stocked."""
        return not await self._connection.scalar(select(exists(select(stocks))))

    async def add_stocks(self, added: Iterable[Stock]) -> None:
        """Put new products in."""
        await self._connection.execute(insert(stocks), [_stock_row(stock) for stock in added])

    async def put_stocks(self, changed: Sequence[Stock]) -> None:
        """Write the new counts of products whose stock was locked."""
        await self._connection.execute(
            update(stocks).where(stocks.c.product_id == bindparam("product")),
            [{"product": row.pop("product_id"), **row} for row in map(_stock_row, changed)],
        )

    async def reservation(self, reservation_id: str, *, lock: bool = False) -> Reservation:
        """Answer one reservation; `lock` it for a change. Raises ReservationNotFoundError."""
        it = select(reservations).where(reservations.c.id == reservation_id)
        row = (await self._connection.execute(it.with_for_update() if lock else it)).one_or_none()
        if row is None:
            raise ReservationNotFoundError(reservation_id)
        return (await self._reservations([row]))[0]

    async def reservations_after(self, after: str, limit: int) -> Sequence[Reservation]:
        """Answer up to `limit` reservations, the newest first, from the one that follows the id `after` on."""
        newest = newest_first(reservations, reservations.c.create_time, after, limit)
        return await self._reservations(list(await self._connection.execute(newest)))

    async def add_reservation(self, reservation: Reservation) -> None:
        """Write a new reservation with its lines."""
        await self._connection.execute(
            insert(reservations).values(
                id=reservation.id,
                state=reservation.state.value,
                reference=reservation.reference,
                create_time=reservation.create_time,
                update_time=reservation.update_time,
            )
        )
        await self._connection.execute(
            insert(reservation_lines),
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

    async def put_state(self, reservation: Reservation) -> None:
        """Write what has become of a reservation."""
        await self._connection.execute(
            update(reservations)
            .where(reservations.c.id == reservation.id)
            .values(state=reservation.state.value, update_time=reservation.update_time)
        )

    async def demands_after(self, after: str, limit: int) -> Sequence[Demand]:
        """Answer up to `limit` demands, in the order of their products, from the one that follows `after` on."""
        following = select(demands).where(demands.c.product_id > after).order_by(demands.c.product_id).limit(limit)
        rows = await self._connection.execute(following)
        return [Demand(row.product_id, row.asked, row.sold, row.missed, row.event_time) for row in rows]

    async def add_demand(self, added: Demand) -> None:
        """Add to the demand for a product; nobody else may be at the demands meanwhile."""
        its = demands.c.product_id == added.product
        sums = {name: demands.c[name] + getattr(added, name) for name in ("asked", "sold", "missed")}
        newest = case((demands.c.event_time < added.event_time, added.event_time), else_=demands.c.event_time)
        known = await self._connection.execute(update(demands).where(its).values(**sums, event_time=newest))
        if not known.rowcount:
            await self._connection.execute(
                insert(demands).values(
                    product_id=added.product,
                    asked=added.asked,
                    sold=added.sold,
                    missed=added.missed,
                    event_time=added.event_time,
                )
            )

    async def _reservations(self, rows: Sequence[Row[Any]]) -> list[Reservation]:
        of_them = select(reservation_lines).where(reservation_lines.c.reservation_id.in_([row.id for row in rows]))
        by_reservation: defaultdict[str, list[Line]] = defaultdict(list)
        for line in await self._connection.execute(of_them.order_by(reservation_lines.c.position)):
            by_reservation[line.reservation_id].append(Line(line.product_id, line.quantity))
        return [
            Reservation(
                id=row.id,
                state=State(row.state),
                lines=tuple(by_reservation[row.id]),
                reference=row.reference,
                create_time=row.create_time,
                update_time=row.update_time,
            )
            for row in rows
        ]


def _stock(row: Row[Any]) -> Stock:
    return Stock(row.product_id, row.available, row.reserved, row.sold, row.received)


def _stock_row(stock: Stock) -> dict[str, str | int]:
    return {
        "product_id": stock.product,
        "available": stock.available,
        "reserved": stock.reserved,
        "sold": stock.sold,
        "received": stock.received,
    }
