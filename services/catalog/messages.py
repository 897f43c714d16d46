"""Between the contract's messages and the domain: requests are read, replies are written."""

import re
from typing import Any

from services.catalog.domain import Product, Sort, Wanted, folded
from services.runtime.rpc import InvalidFieldsError, Page, Violation, from_cents, read_page, resource_id, to_cents
from shop.catalog.v1 import catalog_pb2 as pb

CENTS = re.compile(r"[0-9]{1,15}")
SORTS = {"name": Sort.NAME, "display_name": Sort.DISPLAY_NAME, "price": Sort.PRICE}
DESCENDING = " desc"
EDITABLE = ("display_name", "description", "category", "price", "discontinued")
ALL = "*"


def read_list(request: pb.ListProductsRequest) -> tuple[Wanted, Page, tuple[str | int, ...]]:
    """Answer what is asked for, the page, and the key that it begins behind, or (). Raises InvalidFieldsError."""
    sort = SORTS[request.order_by.removesuffix(DESCENDING) or "name"]
    page = read_page(request, _query(request))
    bounds = request.max_price if request.HasField("max_price") else request.min_price
    wanted = Wanted(
        sort=sort,
        descending=request.order_by.endswith(DESCENDING),
        category=request.category,
        words=tuple(folded(request.search).split()),
        currency=bounds.currency_code,
        least_cents=to_cents(request.min_price),
        most_cents=to_cents(request.max_price) if request.HasField("max_price") else None,
        discontinued=request.show_discontinued,
    )
    return wanted, page, _read_key(page, sort)


def write_key(sort: Sort, product: Product) -> str:
    """Write where a product stands in an order, for a page token. What may have spaces stands first."""
    return " ".join(map(str, sort.key(product)))


def read_new(request: pb.CreateProductRequest) -> Product:
    """Answer the product that is to be made."""
    return Product(id=request.product_id, **_attributes(request.product, EDITABLE))


def read_edit(request: pb.UpdateProductRequest) -> tuple[str, str, dict[str, Any]]:
    """Answer the product, the etag, and the attributes that are to be changed."""
    paths = tuple(request.update_mask.paths)
    if ALL in paths:
        paths = EDITABLE
    elif not paths:
        paths = tuple(field.name for field, _ in request.product.ListFields() if field.name in EDITABLE)
    return resource_id(request.product.name), request.product.etag, _attributes(request.product, paths)


def write_product(product: Product) -> pb.Product:
    """Make the message of a product."""
    return pb.Product(
        name=f"products/{product.id}",
        display_name=product.display_name,
        description=product.description,
        category=product.category,
        price=from_cents(product.price_cents, product.currency),
        discontinued=product.discontinued,
        etag=product.etag,
    )


def _query(request: pb.ListProductsRequest) -> str:
    """Answer what tells this list from others: the request without the page."""
    query = pb.ListProductsRequest()
    query.CopyFrom(request)
    query.ClearField("page_size")
    query.ClearField("page_token")
    return f"products?{query.SerializeToString(deterministic=True).hex()}"


def _read_key(page: Page, sort: Sort) -> tuple[str | int, ...]:
    if not page.after:
        return ()
    key = page.after.rsplit(" ", len(sort.value) - 1)
    if len(key) != len(sort.value) or (sort is Sort.PRICE and not CENTS.fullmatch(key[1])):
        raise InvalidFieldsError([Violation("page_token", "must be the next_page_token of another page")])
    return (key[0], int(key[1]), key[2]) if sort is Sort.PRICE else tuple(key)


def _attributes(product: pb.Product, fields: tuple[str, ...]) -> dict[str, Any]:
    """Answer the attributes that stand in some fields of a product."""
    found = {field: getattr(product, field) for field in fields}
    if found.pop("price", None) is not None:
        found |= {"price_cents": to_cents(product.price), "currency": product.price.currency_code}
    return found
