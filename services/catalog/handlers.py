"""What the service does for each call that has a rule: read, let the domain decide, write. All in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.catalog.domain import Product, ProductExistsError, ProductsDiscontinuedError, ProductsNotFoundError
from services.catalog.store import Store


async def products_for_sale(store: Store, ids: Sequence[str]) -> list[Product]:
    """Answer products, in this order. Raises ProductsNotFoundError, ProductsDiscontinuedError."""
    products = await store.products(ids)
    if gone := [product.id for product in products if product.discontinued]:
        raise ProductsDiscontinuedError(gone)
    return products


async def create_product(store: Store, product: Product) -> Product:
    """Put a new product in. Raises ProductExistsError."""
    try:
        await store.product(product.id)
    except ProductsNotFoundError:
        await store.add_products([product])
        return product
    raise ProductExistsError(product.id)


async def update_product(store: Store, product_id: str, etag: str, changes: Mapping[str, Any]) -> Product:
    """Edit the version `etag` of a product. Raises ProductsNotFoundError, EtagMismatchError."""
    before = await store.product(product_id)
    after = before.edited(etag, changes)
    if after is not before:
        await store.put_product(after)
    return after
