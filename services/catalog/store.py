"""Products in the service's database."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    bindparam,
    exists,
    false,
    insert,
    select,
    tuple_,
    update,
)

from services.catalog.domain import Product, ProductQuery, ProductsNotFoundError, Sort
from services.runtime.storage import Connection

metadata = MetaData()

# Sorted by code points on every server. SQLite does so by default; PostgreSQL would sort by its server's language.
Id = String(64).with_variant(String(64, collation="C"), "postgresql")
SortedText = Text().with_variant(Text(collation="C"), "postgresql")

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
    # Computed from the name and the description by the service, because databases fold case differently.
    Column("sort_name", SortedText, nullable=False, server_default=""),
    Column("search_text", Text, nullable=False, server_default=""),
    Index("products_by_category", "category", "id"),
    Index("products_by_sort_name", "sort_name", "id"),
    Index("products_by_price", "currency", "price_cents", "id"),
)
# The columns of a Product, in the order of its attributes; the others are computed from them.
ALL = select(
    products.c.id,
    products.c.display_name,
    products.c.description,
    products.c.category,
    products.c.price_cents,
    products.c.currency,
    products.c.discontinued,
    products.c.revision,
)
BY_ID = ALL.where(products.c.id == bindparam("id"))
BY_IDS = ALL.where(products.c.id.in_(bindparam("ids", expanding=True)))
ESCAPE = "/"
ANY = select(exists(ALL))
INSERT = insert(products)
UPDATE = update(products).where(products.c.id == bindparam("key"))


class Store:
    """Reads and writes products within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def product(self, product_id: str) -> Product:
        """Return one product. Raises ProductsNotFoundError."""
        row = (await self._connection.execute(BY_ID, {"id": product_id})).one_or_none()
        if row is None:
            raise ProductsNotFoundError([product_id])
        return Product(*row)

    async def products(self, ids: Sequence[str]) -> list[Product]:
        """Return the products with these ids, in this order. Raises ProductsNotFoundError if any is missing."""
        rows = await self._connection.execute(BY_IDS, {"ids": ids})
        by_id = {row.id: Product(*row) for row in rows}
        missing = [product_id for product_id in ids if product_id not in by_id]
        if missing:
            raise ProductsNotFoundError(missing)
        return [by_id[product_id] for product_id in ids]

    async def list_products(self, query: ProductQuery, limit: int) -> list[Product]:
        """Return up to `limit` products of a list, from its position `after` on."""
        conditions = query.filter
        statement = _listing(
            query.sort,
            descending=query.descending,
            follows=bool(query.after),
            show_discontinued=conditions.show_discontinued,
            by_category=bool(conditions.category),
            by_currency=bool(conditions.currency),
            has_maximum=conditions.max_cents is not None,
            words=len(conditions.words),
        )
        parameters = {
            "category": conditions.category,
            "currency": conditions.currency,
            "min_cents": conditions.min_cents,
            "max_cents": conditions.max_cents,
            "limit": limit,
            **{f"word_{number}": _escape(word) for number, word in enumerate(conditions.words)},
            **{f"after_{number}": value for number, value in enumerate(query.after)},
        }
        return [Product(*row) for row in await self._connection.execute(statement, parameters)]

    async def is_empty(self) -> bool:
        """Return whether there are no products."""
        return not await self._connection.scalar(ANY)

    async def add_products(self, new: Iterable[Product]) -> None:
        """Add new products."""
        await self._connection.defer(INSERT, [{"id": product.id, **_row(product)} for product in new])

    async def update_product(self, product: Product) -> None:
        """Update the row of a product."""
        await self._connection.defer(UPDATE, {"key": product.id, **_row(product)})


async def find_product(connection: Connection, product_id: str) -> Product:
    """Return one product. Raises ProductsNotFoundError."""
    return await Store(connection).product(product_id)


@lru_cache(maxsize=256)
def _listing(  # noqa: PLR0913  # what the SQL depends on
    sort: Sort,
    *,
    descending: bool,
    follows: bool,
    show_discontinued: bool,
    by_category: bool,
    by_currency: bool,
    has_maximum: bool,
    words: int,
) -> Select[Any]:
    query = ALL
    if not show_discontinued:
        query = query.where(~products.c.discontinued)
    if by_category:
        query = query.where(products.c.category == bindparam("category"))
    if by_currency:
        query = query.where(
            products.c.currency == bindparam("currency"), products.c.price_cents >= bindparam("min_cents")
        )
    if has_maximum:
        query = query.where(products.c.price_cents <= bindparam("max_cents"))
    for number in range(words):
        query = query.where(products.c.search_text.contains(bindparam(f"word_{number}"), escape=ESCAPE))
    columns = [products.c[attribute] for attribute in sort.value]
    if follows:
        # Compared with the key itself, not with the product that had it: that one may have changed since.
        key = tuple_(*columns)
        after = tuple_(*(bindparam(f"after_{number}", type_=column.type) for number, column in enumerate(columns)))
        query = query.where(key < after if descending else key > after)
    return query.order_by(*(column.desc() if descending else column for column in columns)).limit(
        bindparam("limit", type_=Integer)
    )


def _escape(word: str) -> str:
    """Escape what has a meaning in LIKE."""
    return re.sub(f"[{ESCAPE}%_]", rf"{ESCAPE}\g<0>", word)


def _row(product: Product) -> dict[str, Any]:
    return {column.name: getattr(product, column.name) for column in products.columns if not column.primary_key}
