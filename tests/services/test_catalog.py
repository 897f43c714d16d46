"""catalog through its generated client: what is sold, in pages that fit together, and what bad input is told."""

import csv
import re
from collections.abc import AsyncIterator, Callable

import grpc
import pytest

from services.catalog import __main__ as composition
from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from tests.services.conftest import Start
from tests.services.harness import Process
from tests.services.refusals import refused

Stub = catalog_pb2_grpc.CatalogServiceStub


@pytest.fixture
async def catalog(shared: Callable[[str], Process]) -> AsyncIterator[Stub]:
    async with shared("catalog").channel() as channel:
        yield Stub(channel)


async def all_pages(catalog: Stub, size: int, category: str = "") -> list[list[pb.Product]]:
    """Answer every page of a list, in order."""
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


async def test_a_product_is_answered_with_its_price(catalog: Stub) -> None:
    product = (await catalog.GetProduct(pb.GetProductRequest(name="products/p-0001"))).product
    with (composition.HERE / "products.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert (product.name, product.display_name) == ("products/p-0001", row["display_name"])
    assert (product.description, product.category) == (row["description"], row["category"])
    assert product.price.units * 100 + product.price.nanos // 10_000_000 == int(row["price_cents"])
    assert product.price.currency_code == "EUR"


async def test_there_are_200_products_that_keep_the_contract(start: Start) -> None:
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


async def test_many_products_are_answered_in_the_order_of_the_request(catalog: Stub) -> None:
    wanted = names("p-0200", "p-0001", "p-0100")
    reply = await catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=wanted))
    assert [product.name for product in reply.products] == wanted


async def test_a_hundred_products_are_answered_at_once(catalog: Stub) -> None:
    wanted = names(*(f"p-{number:04}" for number in range(1, 101)))
    assert len((await catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=wanted))).products) == 100


async def test_products_are_answered_all_or_none_and_the_missing_are_named(catalog: Stub) -> None:
    wanted = names("p-0001", "p-9999", "p-0002", "tea")
    error = await refused(catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=wanted)))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    assert error.domain == "catalog.shop.example"
    assert error.metadata == {"products": "products/p-9999,products/tea"}


async def test_the_longest_list_of_missing_products_still_fits_into_an_error(catalog: Stub) -> None:
    wanted = names(*(f"{number:064}" for number in range(100)))
    error = await refused(catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=wanted)))
    assert error.reason == "PRODUCT_NOT_FOUND"
    told = error.metadata["products"].split(",")
    assert told == wanted[: len(told)]


async def test_a_product_that_does_not_exist_is_not_found(catalog: Stub) -> None:
    error = await refused(catalog.GetProduct(pb.GetProductRequest(name="products/p-9999")))
    assert (error.code, error.metadata) == (grpc.StatusCode.NOT_FOUND, {"products": "products/p-9999"})


@pytest.mark.parametrize(
    "name", ["", "p-0001", "products/", "products/P-1", "stocks/p-0001", "products/a/b", "products/" + "a" * 65]
)
async def test_a_products_name_is_checked(catalog: Stub, name: str) -> None:
    error = await refused(catalog.GetProduct(pb.GetProductRequest(name=name)))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.fields == ["name"]


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ([], ["names"]),
        (names(*(f"p-{number}" for number in range(101))), ["names"]),
        (names("p-0001", "p-0002", "p-0001"), ["names"]),
        (["p-0001", *names("p-0002"), ""], ["names[0]", "names[2]"]),
    ],
    ids=["none", "101", "twice", "malformed"],
)
async def test_every_offending_name_is_told(catalog: Stub, wanted: list[str], fields: list[str]) -> None:
    error = await refused(catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=wanted)))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (100, 100), (101, 100), (2**31 - 1, 100)])
async def test_a_page_has_a_default_size_and_a_largest(catalog: Stub, asked: int, given: int) -> None:
    assert len((await catalog.ListProducts(pb.ListProductsRequest(page_size=asked))).products) == given


async def test_the_pages_of_a_category_hold_its_products_and_no_others(catalog: Stub) -> None:
    pages = await all_pages(catalog, 5, "tea")
    assert {len(page) for page in pages[:-1]} == {5}
    listed = [product for page in pages for product in page]
    assert {product.category for product in listed} == {"tea"}
    everything = [product for page in await all_pages(catalog, 100) for product in page]
    assert listed == [product for product in everything if product.category == "tea"]


async def test_an_unknown_category_has_no_products(catalog: Stub) -> None:
    assert await all_pages(catalog, 10, "submarines") == [[]]


async def test_a_page_token_leads_to_the_same_page_each_time(catalog: Stub) -> None:
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
async def test_every_offending_field_of_a_list_is_told(
    catalog: Stub, bad: dict[str, object], fields: list[str]
) -> None:
    error = await refused(catalog.ListProducts(pb.ListProductsRequest(**bad)))  # type: ignore[arg-type]
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_a_page_token_is_for_its_own_category(catalog: Stub) -> None:
    token = (await catalog.ListProducts(pb.ListProductsRequest(page_size=1, category="tea"))).next_page_token
    for category in ("", "tools"):
        request = pb.ListProductsRequest(page_token=token, category=category)
        assert (await refused(catalog.ListProducts(request))).fields == ["page_token"]


async def test_a_second_start_leaves_the_products_as_they_are(start: Start) -> None:
    starting = [start("catalog", at=f"catalog-{number}", data="products", wait=False) for number in range(2)]
    for process in starting:
        process.wait_ready()
        assert process.stop() == 0
    async with start("catalog", at="catalog-2", data="products").channel() as channel:
        assert [len(page) for page in await all_pages(Stub(channel), 100)] == [100, 100]
