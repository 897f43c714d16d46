"""What is counted, in the service's database. A Store lives as long as one transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    MetaData,
    Row,
    ScalarSelect,
    String,
    Table,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics.domain import MOST_PRODUCTS, Line, Period, Sale, State, Summary
from services.runtime.storage import UtcDateTime, newest_first

metadata = MetaData()

sales = Table(
    "sales",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("place_time", UtcDateTime, nullable=False),
    Column("event_time", UtcDateTime, nullable=False),
    Index("sales_by_place_time", "place_time"),
    Index("sales_by_event_time", "event_time"),
)
lines = Table(
    "sale_lines",
    metadata,
    Column("sale_id", String(64), ForeignKey("sales.id"), primary_key=True),
    Column("product_id", String(64), primary_key=True),
    Column("display_name", String(100), nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Index("sale_lines_by_product", "product_id"),
)


class Store:
    """Reads and writes within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def state(self, sale_id: str) -> State | None:
        """Answer what is known to have become of an order; None if it is not known."""
        found = (await self._connection.execute(select(sales.c.state).where(sales.c.id == sale_id))).scalar()
        return None if found is None else State(found)

    async def add(self, sale: Sale) -> None:
        """Write an order that was not known."""
        await self._connection.execute(
            insert(sales).values(
                id=sale.id,
                state=sale.state.value,
                currency=sale.currency,
                total_cents=sale.total_cents,
                place_time=sale.place_time,
                event_time=sale.event_time,
            )
        )
        for line in sale.lines:
            await self._connection.execute(
                insert(lines).values(
                    sale_id=sale.id,
                    product_id=line.product,
                    display_name=line.display_name,
                    quantity=line.quantity,
                )
            )

    async def put_state(self, sale: Sale) -> None:
        """Write what has become of an order, and when."""
        change = update(sales).where(sales.c.id == sale.id)
        await self._connection.execute(change.values(state=sale.state.value, event_time=sale.event_time))

    async def sales_after(self, after: str, limit: int) -> Sequence[Sale]:
        """Answer up to `limit` orders, the last placed first, from the one that follows the id `after` on."""
        found = list(await self._connection.execute(newest_first(sales, sales.c.place_time, after, limit)))
        of_them = select(lines).where(lines.c.sale_id.in_([row.id for row in found])).order_by(lines.c.product_id)
        by_sale: defaultdict[str, list[Line]] = defaultdict(list)
        for row in await self._connection.execute(of_them):
            by_sale[row.sale_id].append(Line(row.product_id, row.display_name, row.quantity))
        return [_sale(row, by_sale[row.id]) for row in found]

    async def summary(self, period: Period) -> Summary:
        """Answer the figures of a period."""
        placed = _within(period)
        confirmed = [*placed, sales.c.state == State.CONFIRMED.value]
        counts = select(sales.c.state, func.count()).where(*placed).group_by(sales.c.state)
        revenue = (
            select(sales.c.currency, func.sum(sales.c.total_cents))
            .where(*confirmed)
            .group_by(sales.c.currency)
            .order_by(sales.c.currency)
        )
        states: Mapping[str, int] = dict((await self._connection.execute(counts)).tuples().all())
        return Summary(
            counts={state: states.get(state.value, 0) for state in State},
            revenue={currency: int(cents) for currency, cents in await self._connection.execute(revenue)},
            top=await self._top(confirmed),
            latest_event_time=(await self._connection.execute(select(func.max(sales.c.event_time)))).scalar(),
        )

    async def _top(self, which: Sequence[ColumnElement[bool]]) -> list[Line]:
        pieces = func.sum(lines.c.quantity)
        query = (
            select(lines.c.product_id, _newest_name(lines.c.product_id), pieces)
            .join(sales, sales.c.id == lines.c.sale_id)
            .where(*which)
            .group_by(lines.c.product_id)
            .order_by(pieces.desc(), lines.c.product_id)
            .limit(MOST_PRODUCTS)
        )
        return [Line(product, name, int(quantity)) for product, name, quantity in await self._connection.execute(query)]


def _sale(row: Row[Any], its_lines: Sequence[Line]) -> Sale:
    return Sale(
        id=row.id,
        state=State(row.state),
        currency=row.currency,
        total_cents=row.total_cents,
        lines=tuple(its_lines),
        place_time=row.place_time,
        event_time=row.event_time,
    )


def _newest_name(product: ColumnElement[str]) -> ScalarSelect[str]:
    """What the newest order of a product calls it."""
    line, sale = lines.alias(), sales.alias()
    names = select(line.c.display_name).join(sale, sale.c.id == line.c.sale_id).where(line.c.product_id == product)
    return names.order_by(sale.c.place_time.desc(), sale.c.id.desc()).limit(1).scalar_subquery()


def _within(period: Period) -> list[ColumnElement[bool]]:
    found = []
    if period.start is not None:
        found.append(sales.c.place_time >= period.start)
    if period.end is not None:
        found.append(sales.c.place_time < period.end)
    return found
