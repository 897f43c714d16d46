"""The use cases of catalog."""

from collections.abc import Sequence
from typing import Generic

from services.catalog.domain import (
    Edit,
    Product,
    ProductExistsError,
    ProductQuery,
    ProductsDiscontinuedError,
    ProductsNotFoundError,
)
from services.catalog.store import Store
from services.runtime.storage import Database, IdempotentRequests, ReplyT, RequestKey


class Catalog(Generic[ReplyT]):
    """The use cases of catalog. Each method owns its transaction."""

    def __init__(self, database: Database, requests: IdempotentRequests[Product, ReplyT]) -> None:
        self._database = database
        self._requests = requests

    async def get(self, product_id: str) -> Product:
        """Return one product, discontinued or not. Raises ProductsNotFoundError."""
        async with self._database.read(snapshot=False) as connection:
            return await Store(connection).product(product_id)

    async def get_for_sale(self, product_ids: Sequence[str]) -> Sequence[Product]:
        """Return all these products, in this order. Raises ProductsNotFoundError, ProductsDiscontinuedError."""
        async with self._database.read(snapshot=False) as connection:
            products = await Store(connection).products(product_ids)
        if discontinued := [product.id for product in products if product.discontinued]:
            raise ProductsDiscontinuedError(discontinued)
        return products

    async def list(self, query: ProductQuery, limit: int) -> Sequence[Product]:
        """Return up to `limit` products of a list."""
        async with self._database.read(snapshot=False) as connection:
            return await Store(connection).list_products(query, limit)

    async def create(self, key: RequestKey, product: Product) -> ReplyT:
        """Add a new product. Raises ProductExistsError, RequestIdReusedError."""
        return await self._requests.run(key, lambda connection: _create(Store(connection), product), shared=False)

    async def update(self, key: RequestKey, edit: Edit) -> ReplyT:
        """Edit a product. Raises ProductsNotFoundError, EtagMismatchError, RequestIdReusedError."""
        return await self._requests.run(key, lambda connection: _update(Store(connection), edit), shared=False)


# Edits are rare, so they run one at a time (`shared=False`) and lock nothing that they read.
async def _create(store: Store, product: Product) -> Product:
    try:
        await store.product(product.id)
    except ProductsNotFoundError:
        await store.add_products([product])
        return product
    raise ProductExistsError(product.id)


async def _update(store: Store, edit: Edit) -> Product:
    before = await store.product(edit.product_id)
    after = before.edit(edit.etag, edit.changes)
    if after is not before:
        await store.update_product(after)
    return after
