"""What a service sends fits in what every client accepts: errors in 8 KiB of headers, pages in 1 MiB."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.type import money_pb2

from services.runtime.rpc.server import MAX_MESSAGE_BYTES
from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from shop.orders.v1 import orders_pb2 as pb
from tests.support.errors import refused
from tests.support.shop import REJECTED, Shop, cart, new_id
from tests.support.starters import Shared

MAX_LINES = 50
ID_CHARACTERS = 64
NAME = "😀" * 100
ATTEMPTS = 20
# So many of the largest orders do not fit in one message.
ORDERS = 45


def product_ids(prefix: str) -> list[str]:
    """Return as many product ids as an order may have, each as long as it may be."""
    return [f"{prefix}-{number:02}-".ljust(ID_CHARACTERS, "x") for number in range(MAX_LINES)]


def order_of(ids: list[str], customer: str = "customers/ada") -> pb.PlaceOrderRequest:
    """Return a request for one piece of each product."""
    request = cart(customer=customer)
    for each in ids:
        request.items.add(product=f"products/{each}", quantity=1)
    return request


@pytest.fixture
async def unstocked(shared: Shared) -> list[str]:
    """Add products to the catalog that have no stock and the longest names, and return their ids."""
    ids = product_ids(f"unstocked-{new_id()[:8]}")
    price = money_pb2.Money(currency_code="EUR", units=1)
    product = catalog_pb2.Product(display_name=NAME, category="sizes", price=price)
    async with shared("catalog").channel() as channel:
        create = catalog_pb2_grpc.CatalogServiceStub(channel).CreateProduct
        for each in ids:
            await create(catalog_pb2.CreateProductRequest(request_id=new_id(), product_id=each, product=product))
    return ids


async def test_a_refusal_with_fifty_long_names_never_becomes_another_error(shared: Shared) -> None:
    lines = [inventory_pb2.ReservationLine(product=f"products/{each}", quantity=1) for each in product_ids("none")]
    async with shared("inventory").channel() as channel:
        reserve = inventory_pb2_grpc.InventoryServiceStub(channel).ReserveStock
        calls = [
            refused(reserve(inventory_pb2.ReserveStockRequest(request_id=new_id(), lines=lines)))
            for _ in range(ATTEMPTS)
        ]
        errors = await asyncio.gather(*calls)
    assert {(error.code, error.reason) for error in errors} == {
        (grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    }
    assert {len(error.subjects) + int(error.metadata["omitted_details"]) for error in errors} == {MAX_LINES}


async def test_large_orders_without_stock_are_rejected_at_once_and_listed_in_small_pages(
    shop: Shop, unstocked: list[str]
) -> None:
    request = order_of(unstocked, f"customers/{new_id()}")
    names = []
    for _ in range(ORDERS):
        request.request_id = new_id()
        order = await shop.place(request)
        assert (order.state, order.rejection_reason) == (REJECTED, pb.Order.REJECTION_REASON_INSUFFICIENT_STOCK)
        names.append(order.name)
    assert order.ByteSize() * ORDERS > MAX_MESSAGE_BYTES
    assert (await anext(shop.watch(order.name))).order == order
    pages = [page async for page in read_pages(shop, request.customer)]
    assert len(pages) > 1
    assert [name for page in pages for name in page] == names[::-1]


async def read_pages(shop: Shop, customer: str) -> AsyncIterator[list[str]]:
    """Yield the names on each page of a customer's orders."""
    request = pb.ListOrdersRequest(customer=customer, page_size=100)
    while True:
        page = await shop.stub.ListOrders(request)
        assert page.ByteSize() < MAX_MESSAGE_BYTES
        yield [order.name for order in page.orders]
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def test_each_of_fifty_unknown_products_of_an_order_is_named(shop: Shop) -> None:
    error = await refused(shop.place(order_of(product_ids("none"))))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.fields == [f"items[{number}].product" for number in range(MAX_LINES)]
