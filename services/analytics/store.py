"""Sales in the service's database."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    MetaData,
    ScalarSelect,
    Select,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)

from services.analytics.domain import MAX_TOP_PRODUCTS, Period, ProductSales, Sale, State, Summary
from services.runtime.storage import Connection, NewestFirst, Row, UtcDateTime

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
STATE = select(sales.c.state).where(sales.c.id == bindparam("id"))
NEWEST_FIRST = NewestFirst(sales, sales.c.place_time)
LINES_OF_SALES = select(lines).where(lines.c.sale_id.in_(bindparam("ids", expanding=True))).order_by(lines.c.product_id)
LATEST_EVENT_TIME = select(func.max(sales.c.event_time))
INSERT = insert(sales)
INSERT_LINE = insert(lines)
UPDATE = update(sales).where(sales.c.id == bindparam("key"))


class Store:
    """Reads and writes sales within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock_sale(self, sale_id: str) -> None:
        """Wait until no other transaction has locked the sale, stored or not, and lock it until this one ends."""
        await self._connection.lock_name(f"sales/{sale_id}")

    async def state(self, sale_id: str) -> State | None:
        """Return the stored state of a sale; None if it is not stored."""
        state = await self._connection.scalar(STATE, {"id": sale_id})
        return None if state is None else State(state)

    async def add(self, sale: Sale) -> None:
        """Insert a sale with its products."""
        await self._connection.defer(
            INSERT,
            {
                "id": sale.id,
                "state": sale.state.value,
                "currency": sale.currency,
                "total_cents": sale.total_cents,
                "place_time": sale.place_time,
                "event_time": sale.event_time,
            },
        )
        for product in sale.products:
            await self._connection.defer(
                INSERT_LINE,
                {
                    "sale_id": sale.id,
                    "product_id": product.product,
                    "display_name": product.display_name,
                    "quantity": product.quantity,
                },
            )

    async def update_state(self, sale: Sale) -> None:
        """Update the state and the event time of a sale."""
        changed = {"state": sale.state.value, "event_time": sale.event_time}
        await self._connection.defer(UPDATE, {"key": sale.id, **changed})

    async def sales_after(self, after: str, limit: int) -> Sequence[Sale]:
        """Return up to `limit` sales, last placed first, starting after the id `after` (empty: at the newest)."""
        rows = [*await NEWEST_FIRST.read(self._connection, after, limit)]
        products: defaultdict[str, list[ProductSales]] = defaultdict(list)
        for line in await self._connection.execute(LINES_OF_SALES, {"ids": [row.id for row in rows]}):
            products[line.sale_id].append(ProductSales(line.product_id, line.display_name, line.quantity))
        return [_sale(row, products[row.id]) for row in rows]

    async def summary(self, period: Period) -> Summary:
        """Return the figures of a period."""
        queries = _summary_queries(has_start=period.start is not None, has_end=period.end is not None)
        parameters = {"start": period.start, "end": period.end}
        counts: Mapping[str, int] = dict(await self._connection.execute(queries.counts, parameters))
        revenue = await self._connection.execute(queries.revenue, parameters)
        top = await self._connection.execute(queries.top_products, parameters)
        return Summary(
            counts={state: counts.get(state.value, 0) for state in State},
            revenue={currency: int(cents) for currency, cents in revenue},
            top_products=[ProductSales(product, name, int(quantity)) for product, name, quantity in top],
            latest_event_time=await self._connection.scalar(LATEST_EVENT_TIME),
        )


@dataclass(frozen=True, slots=True)
class _SummaryQueries:
    """The queries for the figures of a period."""

    counts: Select[tuple[str, int]]
    revenue: Select[tuple[str, int]]
    top_products: Select[tuple[str, str, int]]


@cache
def _summary_queries(*, has_start: bool, has_end: bool) -> _SummaryQueries:
    placed = [sales.c.place_time >= bindparam("start")] if has_start else []
    placed += [sales.c.place_time < bindparam("end")] if has_end else []
    confirmed = [*placed, sales.c.state == State.CONFIRMED.value]
    pieces = func.sum(lines.c.quantity)
    return _SummaryQueries(
        counts=select(sales.c.state, func.count()).where(*placed).group_by(sales.c.state),
        revenue=(
            select(sales.c.currency, func.sum(sales.c.total_cents))
            .where(*confirmed)
            .group_by(sales.c.currency)
            .order_by(sales.c.currency)
        ),
        top_products=(
            select(lines.c.product_id, _newest_name(lines.c.product_id), pieces)
            .join(sales, sales.c.id == lines.c.sale_id)
            .where(*confirmed)
            .group_by(lines.c.product_id)
            .order_by(pieces.desc(), lines.c.product_id)
            .limit(MAX_TOP_PRODUCTS)
        ),
    )


def _sale(row: Row, products: Sequence[ProductSales]) -> Sale:
    return Sale(
        id=row.id,
        state=State(row.state),
        currency=row.currency,
        total_cents=row.total_cents,
        products=tuple(products),
        place_time=row.place_time,
        event_time=row.event_time,
    )


def _newest_name(product: ColumnElement[str]) -> ScalarSelect[str]:
    """Return a subquery for the display name of a product in its newest order."""
    line, sale = lines.alias(), sales.alias()
    names = select(line.c.display_name).join(sale, sale.c.id == line.c.sale_id).where(line.c.product_id == product)
    return names.order_by(sale.c.place_time.desc(), sale.c.id.desc()).limit(1).scalar_subquery()
