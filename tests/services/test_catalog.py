"""catalog through its generated client: products are read one by one, in batches and in pages."""

import csv
import re
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import grpc
import pytest

from services.catalog.__main__ import HERE
from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from tests.support.errors import refused
from tests.support.processes import Process
from tests.support.starters import Start

Stub = catalog_pb2_grpc.CatalogServiceStub
AsyncStub: TypeAlias = "catalog_pb2_grpc.CatalogServiceAsyncStub"


@pytest.fixture
async def catalog(shared: Callable[[str], Process]) -> AsyncIterator[AsyncStub]:
    async with shared("catalog").channel() as channel:
        yield Stub(channel)


async def all_pages(catalog: AsyncStub, size: int, category: str = "") -> list[list[pb.Product]]:
    """Return every page of a list, in order."""
    pages: list[list[pb.Product]] = []
    token = ""
    while True:
        request = pb.ListProductsRequest(page_size=size, page_token=token, category=category)
        reply = await catalog.ListProducts(request)
        pages.append(list(reply.products))
        token = reply.next_page_token
        if not token:
            return pages


def names(*ids: str) -> list[str]:
    return [f"products/{product}" for product in ids]


async def test_a_product_is_returned_with_its_price(catalog: AsyncStub) -> None:
    product = (await catalog.GetProduct(pb.GetProductRequest(name="products/p-0001"))).product
    with (HERE / "products.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert (product.name, product.display_name) == ("products/p-0001", row["display_name"])
    assert (product.description, product.category) == (row["description"], row["category"])
    assert product.price.units * 100 + product.price.nanos // 10_000_000 == int(row["price_cents"])
    assert product.price.currency_code == "EUR"


async def test_the_200_initial_products_conform_to_the_contract(start: Start) -> None:
    async with start("catalog").channel() as channel:
        products = [product for page in await all_pages(Stub(channel), 100) for product in page]
    assert [product.name for product in products] == names(*(f"p-{number:04}" for number in range(1, 201)))
    assert len({product.display_name for product in products}) == 200
    for product in products:
        assert 1 <= len(product.display_name) <= 100
        assert 1 <= len(product.description) <= 1000
        assert re.fullmatch("[a-z0-9-]{1,32}", product.category)
        assert product.price.units * 100 + product.price.nanos // 10_000_000 > 0
        assert product.price.nanos % 10_000_000 == 0


async def test_a_batch_is_returned_in_the_order_of_the_request(catalog: AsyncStub) -> None:
    batch = names("p-0200", "p-0001", "p-0100")
    reply = await catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=batch))
    assert [product.name for product in reply.products] == batch


async def test_a_batch_may_have_a_hundred_products(catalog: AsyncStub) -> None:
    batch = names(*(f"p-{number:04}" for number in range(1, 101)))
    assert len((await catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=batch))).products) == 100


async def test_a_batch_with_missing_products_fails_and_the_error_names_them(catalog: AsyncStub) -> None:
    batch = names("p-0001", "p-9999", "p-0002", "tea")
    error = await refused(catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=batch)))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    assert error.domain == "catalog.shop.example"
    assert error.metadata == {"products": "products/p-9999,products/tea"}


async def test_an_error_names_as_many_missing_products_as_fit(catalog: AsyncStub) -> None:
    missing = names(*(f"{number:064}" for number in range(100)))
    error = await refused(catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=missing)))
    assert error.reason == "PRODUCT_NOT_FOUND"
    named = error.metadata["products"].split(",")
    assert named == missing[: len(named)]


async def test_a_product_that_does_not_exist_is_not_found(catalog: AsyncStub) -> None:
    error = await refused(catalog.GetProduct(pb.GetProductRequest(name="products/p-9999")))
    assert (error.code, error.metadata) == (grpc.StatusCode.NOT_FOUND, {"products": "products/p-9999"})


@pytest.mark.parametrize(
    "name", ["", "p-0001", "products/", "products/P-1", "stocks/p-0001", "products/a/b", "products/" + "a" * 65]
)
async def test_a_malformed_name_is_rejected(catalog: AsyncStub, name: str) -> None:
    error = await refused(catalog.GetProduct(pb.GetProductRequest(name=name)))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.fields == ["name"]


@pytest.mark.parametrize(
    ("batch", "fields"),
    [
        ([], ["names"]),
        (names(*(f"p-{number}" for number in range(101))), ["names"]),
        (names("p-0001", "p-0002", "p-0001"), ["names"]),
        (["p-0001", *names("p-0002"), ""], ["names[0]", "names[2]"]),
    ],
    ids=["none", "101", "twice", "malformed"],
)
async def test_every_invalid_name_of_a_batch_is_named(catalog: AsyncStub, batch: list[str], fields: list[str]) -> None:
    error = await refused(catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=batch)))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


@pytest.mark.parametrize(("requested", "returned"), [(0, 50), (1, 1), (100, 100), (101, 100), (2**31 - 1, 100)])
async def test_a_page_has_a_default_and_a_maximum_size(catalog: AsyncStub, requested: int, returned: int) -> None:
    assert len((await catalog.ListProducts(pb.ListProductsRequest(page_size=requested))).products) == returned


async def test_the_pages_of_a_category_contain_exactly_its_products(catalog: AsyncStub) -> None:
    pages = await all_pages(catalog, 5, "tea")
    assert {len(page) for page in pages[:-1]} == {5}
    listed = [product for page in pages for product in page]
    assert {product.category for product in listed} == {"tea"}
    everything = [product for page in await all_pages(catalog, 100) for product in page]
    assert listed == [product for product in everything if product.category == "tea"]


async def test_an_unknown_category_has_no_products(catalog: AsyncStub) -> None:
    assert await all_pages(catalog, 10, "submarines") == [[]]


async def test_a_page_token_can_be_used_again(catalog: AsyncStub) -> None:
    first = await catalog.ListProducts(pb.ListProductsRequest(page_size=3))
    request = pb.ListProductsRequest(page_size=7, page_token=first.next_page_token)
    assert await catalog.ListProducts(request) == await catalog.ListProducts(request)


@pytest.mark.parametrize(
    ("bad", "fields"),
    [
        ({"page_size": -1}, ["page_size"]),
        ({"category": "No Capitals"}, ["category"]),
        ({"category": "x" * 33}, ["category"]),
        ({"page_token": "made up"}, ["page_token"]),
        ({"page_token": "cC0wMDAx"}, ["page_token"]),
        ({"page_size": -(2**31), "category": "!", "page_token": "!"}, ["page_size", "page_token", "category"]),
    ],
    ids=",".join,
)
async def test_every_invalid_field_of_a_list_request_is_named(
    catalog: AsyncStub, bad: dict[str, object], fields: list[str]
) -> None:
    error = await refused(catalog.ListProducts(pb.ListProductsRequest(**bad)))  # type: ignore[arg-type]
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_a_page_token_is_valid_only_for_its_category(catalog: AsyncStub) -> None:
    token = (await catalog.ListProducts(pb.ListProductsRequest(page_size=1, category="tea"))).next_page_token
    for category in ("", "tools"):
        request = pb.ListProductsRequest(page_token=token, category=category)
        assert (await refused(catalog.ListProducts(request))).fields == ["page_token"]


async def test_a_second_start_does_not_change_the_products(start: Start) -> None:
    starting = [start("catalog", folder=f"catalog-{number}", data_folder="products", wait=False) for number in range(2)]
    for process in starting:
        process.wait_ready()
        assert process.stop() == 0
    async with start("catalog", folder="catalog-2", data_folder="products").channel() as channel:
        assert [len(page) for page in await all_pages(Stub(channel), 100)] == [100, 100]
