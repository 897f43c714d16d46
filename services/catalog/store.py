"""Products, and where they are kept. A Store lives as long as one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, MetaData, String, Table, exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

# What ErrorInfo can name at most, in characters: a status travels in HTTP/2 headers, which peers bound at 8 KiB.
MOST_NAMED = 4000

metadata = MetaData()

products = Table(
    "products",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("display_name", String(100), nullable=False),
    Column("description", String(1000), nullable=False),
    Column("category", String(32), nullable=False),
    Column("price_cents", BigInteger, CheckConstraint("price_cents > 0"), nullable=False),
    Column("currency", String(3), nullable=False),
    Index("products_by_category", "category", "id"),
)


class ProductsNotFoundError(Exception):
    """There are no such products; the metadata names them, as far as a status can."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"{len(missing)} of the products do not exist" if len(missing) > 1 else "no such product")
        names = ",".join(f"products/{product}" for product in missing)
        self.metadata = {"products": names if len(names) <= MOST_NAMED else names[:MOST_NAMED].rpartition(",")[0]}


@dataclass(frozen=True, slots=True)
class Product:
    """Something that the shop sells. The price of one piece is in cents of `currency`."""

    id: str
    display_name: str
    description: str
    category: str
    price_cents: int
    currency: str


class Store:
    """Reads and writes within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def products(self, ids: Sequence[str]) -> list[Product]:
        """Answer the products with these ids, in their order. Raises ProductsNotFoundError if any is missing."""
        rows = await self._connection.execute(select(products).where(products.c.id.in_(ids)))
        found = {row.id: Product(**row._asdict()) for row in rows}
        missing = [product for product in ids if product not in found]
        if missing:
            raise ProductsNotFoundError(missing)
        return [found[product] for product in ids]

    async def products_after(self, after: str, category: str, limit: int) -> list[Product]:
        """Answer up to `limit` products whose ids follow `after`, by id; those of every category if it is empty."""
        query = select(products).where(products.c.id > after).order_by(products.c.id).limit(limit)
        if category:
            query = query.where(products.c.category == category)
        return [Product(**row._asdict()) for row in await self._connection.execute(query)]

    async def is_empty(self) -> bool:
        """Answer whether there are no products at all."""
        return not await self._connection.scalar(select(exists(select(products))))

    async def add_products(self, added: Iterable[Product]) -> None:
        """Put new products in."""
        await self._connection.execute(insert(products), [asdict(product) for product in added])
