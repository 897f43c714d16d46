"""Converts requests to domain values, and domain values to messages."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from services.catalog.domain import Edit, Product, ProductFilter, ProductQuery, Sort, SortKey, fold
from services.runtime.rpc import InvalidFieldsError, Page, Violation, read_page, resource_id, set_cents, to_cents
from shop.catalog.v1 import catalog_pb2 as pb

CENTS = re.compile(r"[0-9]{1,15}")
SORTS = {"name": Sort.NAME, "display_name": Sort.DISPLAY_NAME, "price": Sort.PRICE}
DESCENDING = " desc"
EDITABLE = ("display_name", "description", "category", "price", "discontinued")
ALL = "*"


def read_list(request: pb.ListProductsRequest) -> tuple[ProductQuery, Page]:
    """Return the query and the page of the request. Raises InvalidFieldsError."""
    sort = SORTS[request.order_by.removesuffix(DESCENDING) or "name"]
    page = read_page(request, _list_id(request))
    bounds = request.max_price if request.HasField("max_price") else request.min_price
    product_filter = ProductFilter(
        category=request.category,
        words=tuple(fold(request.search).split()),
        currency=bounds.currency_code,
        min_cents=to_cents(request.min_price),
        max_cents=to_cents(request.max_price) if request.HasField("max_price") else None,
        show_discontinued=request.show_discontinued,
    )
    return ProductQuery(product_filter, sort, request.order_by.endswith(DESCENDING), _read_key(page, sort)), page


def read_new_product(request: pb.CreateProductRequest) -> Product:
    """Return the product to create."""
    return Product(id=request.product_id, **_attributes(request.product, EDITABLE))


def read_edit(request: pb.UpdateProductRequest) -> Edit:
    """Return the edit: of the fields in the mask, or without a mask of the fields that are set."""
    paths = tuple(request.update_mask.paths)
    if ALL in paths:
        paths = EDITABLE
    elif not paths:
        paths = tuple(field.name for field, _ in request.product.ListFields() if field.name in EDITABLE)
    return Edit(resource_id(request.product.name), request.product.etag, _attributes(request.product, paths))


def write_product(product: Product) -> pb.Product:
    """Build the message of a product."""
    message = pb.Product()
    _fill(message, product)
    return message


def write_batch(products: Iterable[Product]) -> pb.BatchGetProductsResponse:
    """Build the response with these products."""
    response = pb.BatchGetProductsResponse()
    for product in products:
        _fill(response.products.add(), product)
    return response


def write_list(products: Sequence[Product], query: ProductQuery, page: Page) -> pb.ListProductsResponse:
    """Build the response of a list, with the token of the next page."""
    # The texts with spaces come first in a sort key: _read_key splits from the right.
    messages, token = page.cut(
        products, key=lambda product: " ".join(map(str, query.sort.key(product))), write=write_product
    )
    return pb.ListProductsResponse(products=messages, next_page_token=token)


def _fill(message: pb.Product, product: Product) -> None:
    # In place: a message that is passed to the constructor of another one is serialized and parsed again.
    message.name = f"products/{product.id}"
    message.display_name = product.display_name
    message.description = product.description
    message.category = product.category
    set_cents(message.price, product.price_cents, product.currency)
    message.discontinued = product.discontinued
    message.etag = product.etag


def _list_id(request: pb.ListProductsRequest) -> str:
    """Return what identifies this list among others: the request without the page."""
    query = pb.ListProductsRequest()
    query.CopyFrom(request)
    query.ClearField("page_size")
    query.ClearField("page_token")
    return f"products?{query.SerializeToString(deterministic=True).hex()}"


def _read_key(page: Page, sort: Sort) -> SortKey:
    if not page.after:
        return ()
    key = page.after.rsplit(" ", len(sort.value) - 1)
    if len(key) != len(sort.value) or (sort is Sort.PRICE and not CENTS.fullmatch(key[1])):
        raise InvalidFieldsError([Violation("page_token", "must be the next_page_token of another page")])
    return (key[0], int(key[1]), key[2]) if sort is Sort.PRICE else tuple(key)


def _attributes(product: pb.Product, fields: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of some fields of a product, by the names of the domain's attributes."""
    attributes = {field: getattr(product, field) for field in fields}
    if attributes.pop("price", None) is not None:
        attributes |= {"price_cents": to_cents(product.price), "currency": product.price.currency_code}
    return attributes
