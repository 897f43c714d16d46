"""Between the contract's messages and the products: requests are read, replies are written."""

from services.catalog.store import Product
from services.runtime.money import from_cents
from services.runtime.paging import Page, read_page
from shop.catalog.v1 import catalog_pb2 as pb


def read_list(request: pb.ListProductsRequest) -> tuple[str, Page]:
    """Answer the category, empty for all, and the page that is asked for. Raises InvalidFieldsError."""
    category = request.category
    return category, read_page(request, f"products?category={category}")


def write_product(product: Product) -> pb.Product:
    """Make the message of a product."""
    return pb.Product(
        name=f"products/{product.id}",
        display_name=product.display_name,
        description=product.description,
        category=product.category,
        price=from_cents(product.price_cents, product.currency),
    )
