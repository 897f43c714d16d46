"""Products in the service's database. A Store lives as long as one transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    exists,
    false,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain import Product, ProductsNotFoundError, Wanted

metadata = MetaData()

# Sorted by code points everywhere, which SQLite does by itself: a language's order differs between servers.
Id = String(64).with_variant(String(64, collation="C"), "postgresql")
Sorted = Text().with_variant(Text(collation="C"), "postgresql")

products = Table(
    "products",
    metadata,
    Column("id", Id, primary_key=True),
    Column("display_name", String(100), nullable=False),
    Column("description", String(1000), nullable=False),
    Column("category", String(32), nullable=False),
    Column("price_cents", BigInteger, CheckConstraint("price_cents > 0"), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("discontinued", Boolean, nullable=False, server_default=false()),
    Column("revision", Integer, nullable=False, server_default="1"),
    # These two follow from the names and descriptions; the databases' own ways to fold case differ.
    Column("sort_name", Sorted, nullable=False, server_default=""),
    Column("search_text", Text, nullable=False, server_default=""),
    Index("products_by_category", "category", "id"),
    Index("products_by_sort_name", "sort_name", "id"),
    Index("products_by_price", "currency", "price_cents", "id"),
)
DERIVED = ("sort_name", "search_text")


class Store:
    """Reads and writes within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def product(self, product_id: str) -> Product:
        """Answer one product. Raises ProductsNotFoundError."""
        [product] = await self.products([product_id])
        return product

    async def products(self, ids: Sequence[str]) -> list[Product]:
        """Answer the products with these ids, in their order. Raises ProductsNotFoundError if any is missing."""
        rows = await self._connection.execute(select(products).where(products.c.id.in_(ids)))
        found = {row.id: _product(row) for row in rows}
        missing = [product for product in ids if product not in found]
        if missing:
            raise ProductsNotFoundError(missing)
        return [found[product] for product in ids]

    async def products_after(self, after: tuple[str | int, ...], wanted: Wanted, limit: int) -> list[Product]:
        """Answer up to `limit` of the wanted products that follow the key `after`; the first ones, if it is empty."""
        query = _matching(wanted)
        columns = [products.c[attribute] for attribute in wanted.sort.value]
        if after:
            # The key itself stands in the token: a product that was there may have moved or gone.
            here, there = tuple_(*columns), tuple_(*after)
            query = query.where(here < there if wanted.descending else here > there)
        query = query.order_by(*(column.desc() if wanted.descending else column for column in columns))
        return [_product(row) for row in await self._connection.execute(query.limit(limit))]

    async def is_empty(self) -> bool:
        """Answer whether there are no products at all."""
        return not await self._connection.scalar(select(exists(select(products))))

    async def add_products(self, added: Iterable[Product]) -> None:
        """Put new products in."""
        await self._connection.execute(insert(products), [_row(product) for product in added])

    async def put_product(self, product: Product) -> None:
        """Write what has become of a product."""
        await self._connection.execute(update(products).where(products.c.id == product.id).values(_row(product)))


def _matching(wanted: Wanted) -> Select[Any]:
    query = select(products)
    if not wanted.discontinued:
        query = query.where(~products.c.discontinued)
    if wanted.category:
        query = query.where(products.c.category == wanted.category)
    if wanted.currency:
        query = query.where(products.c.currency == wanted.currency, products.c.price_cents >= wanted.least_cents)
    if wanted.most_cents is not None:
        query = query.where(products.c.price_cents <= wanted.most_cents)
    for word in wanted.words:
        query = query.where(products.c.search_text.contains(word, autoescape=True))
    return query


def _product(row: Row[Any]) -> Product:
    return Product(**{name: value for name, value in row._asdict().items() if name not in DERIVED})


def _row(product: Product) -> dict[str, Any]:
    return {column.name: getattr(product, column.name) for column in products.columns}
