"""Stock and reservations in the service's database. A Store lives as long as one transaction."""

from collections.abc import Iterable, Sequence

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.domain import Line, Reservation, ReservationNotFoundError, State, Stock, StockNotFoundError
from services.runtime.instants import Instant

metadata = MetaData()

stocks = Table(
    "stocks",
    metadata,
    Column("product_id", String(64), primary_key=True),
    # The last line of defence: whatever goes wrong above, nothing is sold twice.
    Column("available", Integer, CheckConstraint("available >= 0"), nullable=False),
    Column("reserved", Integer, CheckConstraint("reserved >= 0"), nullable=False),
    Column("sold", Integer, CheckConstraint("sold >= 0"), nullable=False),
)
reservations = Table(
    "reservations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("create_time", Instant, nullable=False),
    Column("update_time", Instant, nullable=False),
)
reservation_lines = Table(
    "reservation_lines",
    metadata,
    Column("reservation_id", String(64), ForeignKey("reservations.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("product_id", String(64), ForeignKey("stocks.product_id"), nullable=False),
    Column("quantity", Integer, nullable=False),
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
        return {row.product_id: Stock(row.product_id, row.available, row.reserved, row.sold) for row in rows}

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
        of_it = select(reservation_lines).where(reservation_lines.c.reservation_id == reservation_id)
        lines = await self._connection.execute(of_it.order_by(reservation_lines.c.position))
        return Reservation(
            id=row.id,
            state=State(row.state),
            lines=tuple(Line(line.product_id, line.quantity) for line in lines),
            create_time=row.create_time,
            update_time=row.update_time,
        )

    async def add_reservation(self, reservation: Reservation) -> None:
        """Write a new reservation with its lines."""
        await self._connection.execute(
            insert(reservations).values(
                id=reservation.id,
                state=reservation.state.value,
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


def _stock_row(stock: Stock) -> dict[str, str | int]:
    return {
        "product_id": stock.product,
        "available": stock.available,
        "reserved": stock.reserved,
        "sold": stock.sold,
    }
