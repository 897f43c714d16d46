"""Every database searches, filters and sorts alike, and pages stay consistent while products change."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

import grpc
import pytest
from google.type import money_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.catalog.domain import fold
from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from tests.support.errors import refused
from tests.support.shop import new_id
from tests.support.starters import Shared

Stub = catalog_pb2_grpc.CatalogServiceStub
AsyncStub: TypeAlias = "catalog_pb2_grpc.CatalogServiceAsyncStub"
ORDERS = ("", "name", "name desc", "display_name", "display_name desc", "price", "price desc")
# If a database compared these names by its own rules, it would sort or find them differently.
NAMES = [
    "Äpfel",
    "apfel",
    "Zimt",
    "zimt",
    "Straße",
    "STRASSE",
    "e\u0301clair",
    "Éclair",
    "100 %",
    "a_b",
    "a-b",
    "ab",
    "茶",
]
SEARCHES = {
    "": set(NAMES),
    "strasse": {"Straße", "STRASSE"},
    "STRAß": {"Straße", "STRASSE"},
    "äpfel": {"Äpfel"},
    "ÉCLAIR": {"e\u0301clair", "Éclair"},
    "茶": {"茶"},
    "%": {"100 %"},
    "_": {"a_b"},
    "  mt ZI ": {"Zimt", "zimt"},
    "zimt ab": set(),
    "whistles": set(NAMES),
    "whistles ab": {"ab"},
    "'; --": set(),
    "\\": set(),
}


@pytest.fixture
async def catalog(shared: Shared) -> AsyncIterator[AsyncStub]:
    async with shared("catalog").channel() as channel:
        yield Stub(channel)


def money(cents: int, currency: str = "EUR") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=cents // 100, nanos=cents % 100 * 10_000_000)


async def create(catalog: AsyncStub, category: str, name: str, price: money_pb2.Money) -> pb.Product:
    product = pb.Product(display_name=name, description="It WHISTLES.", category=category, price=price)
    request = pb.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=product)
    return (await catalog.CreateProduct(request)).product


async def update(catalog: AsyncStub, product: pb.Product, **fields: object) -> pb.Product:
    """Set fields of a product to new values."""
    for field in fields:
        product.ClearField(field)  # type: ignore[arg-type]
    product.MergeFrom(pb.Product(**fields))  # type: ignore[arg-type]
    return (await catalog.UpdateProduct(pb.UpdateProductRequest(request_id=new_id(), product=product))).product


async def list_all(catalog: AsyncStub, size: int = 100, **query: object) -> list[pb.Product]:
    """Return the products of all pages."""
    products: list[pb.Product] = []
    token = ""
    while True:
        request = pb.ListProductsRequest(page_size=size, page_token=token, **query)  # type: ignore[arg-type]
        reply = await catalog.ListProducts(request)
        products += reply.products
        token = reply.next_page_token
        if not token:
            return products


def names(products: Sequence[pb.Product]) -> list[str]:
    return [product.display_name for product in products]


def cents(product: pb.Product) -> int:
    return product.price.units * 100 + product.price.nanos // 10_000_000


async def test_words_are_found_in_any_script_and_case(catalog: AsyncStub) -> None:
    for name in NAMES:
        await create(catalog, "words", name, money(1))
    results = {search: set(names(await list_all(catalog, search=search, category="words"))) for search in SEARCHES}
    assert results == SEARCHES


async def test_display_names_are_sorted_the_same_on_every_database(catalog: AsyncStub) -> None:
    for name in NAMES:
        await create(catalog, "names", name, money(1))
    listed = names(await list_all(catalog, 3, category="names", order_by="display_name"))
    # Names that differ only in case are sorted by id, and the ids are random.
    assert [fold(name) for name in listed] == sorted(map(fold, NAMES))


async def test_prices_are_sorted_by_currency_and_amount_and_filtered_within_one_currency(catalog: AsyncStub) -> None:
    for price in (money(300), money(100), money(200), money(150, "USD"), money(999, "EUR"), money(1, "GBP")):
        await create(catalog, "prices", "Kettle", price)
    listed = await list_all(catalog, 2, category="prices", order_by="price desc")
    assert [(p.price.currency_code, cents(p)) for p in listed] == [
        ("USD", 150),
        ("GBP", 1),
        ("EUR", 999),
        ("EUR", 300),
        ("EUR", 200),
        ("EUR", 100),
    ]
    for bounds, expected in (
        ({"min_price": money(200)}, [200, 300, 999]),
        ({"max_price": money(200)}, [100, 200]),
        ({"min_price": money(101), "max_price": money(299)}, [200]),
        ({"min_price": money(2), "max_price": money(1)}, []),
        ({"max_price": money(1000, "USD")}, [150]),
    ):
        listed = await list_all(catalog, 2, category="prices", order_by="price", **bounds)
        assert [cents(product) for product in listed] == expected


async def test_discontinued_products_are_listed_only_on_request(catalog: AsyncStub) -> None:
    discontinued = await update(catalog, await create(catalog, "gone", "Kettle", money(1)), discontinued=True)
    assert await list_all(catalog, category="gone") == []
    assert await list_all(catalog, category="gone", show_discontinued=True) == [discontinued]


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"category": "tea"},
        {"category": "coffee-beans", "search": "blend"},
        {"category": "coffee-beans", "order_by": "price"},
        {"category": "coffee-beans", "show_discontinued": True},
        {"category": "coffee-beans", "min_price": money(1)},
    ],
    ids=",".join,
)
async def test_a_page_token_is_valid_only_for_its_list(catalog: AsyncStub, other: dict[str, object]) -> None:
    request = pb.ListProductsRequest(page_size=1, category="coffee-beans")
    token = (await catalog.ListProducts(request)).next_page_token
    error = await refused(catalog.ListProducts(pb.ListProductsRequest(page_token=token, **other)))  # type: ignore[arg-type]
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"search": "x" * 101}, ["search"]),
        ({"search": "\0"}, ["search"]),
        ({"order_by": "colour"}, ["order_by"]),
        ({"order_by": "price  desc"}, ["order_by"]),
        ({"order_by": " desc"}, ["order_by"]),
        ({"min_price": money(0)}, ["min_price.units"]),
        ({"max_price": money(1, "JPY")}, ["max_price.currency_code"]),
        ({"min_price": money(1), "max_price": money(2, "USD")}, ["max_price"]),
    ],
    ids=",".join,
)
async def test_every_invalid_field_of_a_query_is_named(
    catalog: AsyncStub, query: dict[str, object], fields: list[str]
) -> None:
    error = await refused(catalog.ListProducts(pb.ListProductsRequest(**query)))  # type: ignore[arg-type]
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


# Changes between two pages: (number of the product, type of the change).
CHANGES = st.tuples(st.integers(0, 30), st.sampled_from(["create", "price", "rename", "describe", "discontinue"]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.sampled_from(ORDERS),
    size=st.integers(1, 5),
    prices=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    changes=st.lists(st.lists(CHANGES, max_size=4), max_size=8),
)
async def test_products_that_do_not_move_appear_exactly_once(
    catalog: AsyncStub, order: str, size: int, prices: list[int], changes: list[list[tuple[int, str]]]
) -> None:
    category = new_id()[:8]
    products = [await create(catalog, category, f"Kettle {price}", money(price)) for price in prices]
    before = [product.name for product in await list_all(catalog, category=category, order_by=order)]
    moved, seen, token = set[str](), list[str](), ""
    while True:
        request = pb.ListProductsRequest(category=category, order_by=order, page_size=size, page_token=token)
        reply = await catalog.ListProducts(request)
        seen += [product.name for product in reply.products]
        token = reply.next_page_token
        if not token:
            break
        for number, change in changes.pop() if changes else []:
            moved.add(await apply(catalog, products, number % len(products), change))
    assert [name for name in seen if name in before and name not in moved] == [n for n in before if n not in moved]
    assert max(Counter(name for name in seen if name not in moved).values(), default=1) == 1


async def apply(catalog: AsyncStub, products: list[pb.Product], number: int, change: str) -> str:
    """Change a product or create one. Return the product's name if it may have moved, else ""."""
    product = products[number]
    match change:
        case "create":
            products.append(await create(catalog, product.category, product.display_name, product.price))
            return ""
        case "price":
            products[number] = await update(catalog, product, price=money(9 - cents(product)))
        case "rename":
            products[number] = await update(catalog, product, display_name=product.display_name[::-1])
        case "discontinue":
            products[number] = await update(catalog, product, discontinued=True)
        case "describe":
            products[number] = await update(catalog, product, description="It sings.")
            return ""
    return product.name
