"""Between the contract's messages and the products: requests are checked and read, replies are written."""

import re

from services.catalog.store import Product
from services.runtime import Check
from services.runtime.money import from_cents
from services.runtime.paging import Page, read_page
from shop.catalog.v1 import catalog_pb2 as pb

MOST_NAMES = 100
CATEGORY = re.compile(r"[a-z0-9-]{1,32}")


def read_name(request: pb.GetProductRequest) -> str:
    """Answer the product that is asked for. Raises InvalidFieldsError."""
    with Check() as check:
        return check.resource("name", request.name, "products")


def read_names(request: pb.BatchGetProductsRequest) -> list[str]:
    """Answer the products that are asked for. Raises InvalidFieldsError."""
    with Check() as check:
        check.that("names", f"must have 1 to {MOST_NAMES} names", holds=1 <= len(request.names) <= MOST_NAMES)
        products: dict[str, None] = {}
        for position, name in enumerate(request.names):
            field = f"names[{position}]"
            product = check.resource(field, name, "products")
            check.that(field, "must stand there once", holds=not product or product not in products)
            products[product] = None
    return list(products)


def read_list(request: pb.ListProductsRequest) -> tuple[str, Page]:
    """Answer the category, empty for all, and the page that is asked for. Raises InvalidFieldsError."""
    category = request.category
    with Check() as check:
        fits = not category or bool(CATEGORY.fullmatch(category))
        check.that("category", "must be 1 to 32 lower-case letters, digits and hyphens, or empty", holds=fits)
        page = read_page(check, request.page_size, request.page_token, f"products?category={category}")
    return category, page


def write_product(product: Product) -> pb.Product:
    """Make the message of a product."""
    return pb.Product(
        name=f"products/{product.id}",
        display_name=product.display_name,
        description=product.description,
        category=product.category,
        price=from_cents(product.price_cents, product.currency),
    )
