"""Products are searched, filtered and sorted alike on every database, and pages fit together while products change."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import grpc
import pytest
from google.type import money_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.catalog.domain import folded
from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from tests.services.conftest import Shared
from tests.services.refusals import refused
from tests.services.shop import new_id

Stub = catalog_pb2_grpc.CatalogServiceStub
ORDERS = ("", "name", "name desc", "display_name", "display_name desc", "price", "price desc")
# Each would come elsewhere, or be found by something else, if a database compared it in its own way.
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
async def catalog(shared: Shared) -> AsyncIterator[Stub]:
    async with shared("catalog").channel() as channel:
        yield Stub(channel)


def money(cents: int, currency: str = "EUR") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=cents // 100, nanos=cents % 100 * 10_000_000)


async def create(catalog: Stub, category: str, name: str, price: money_pb2.Money) -> pb.Product:
    product = pb.Product(display_name=name, description="It WHISTLES.", category=category, price=price)
    request = pb.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=product)
    return (await catalog.CreateProduct(request)).product


async def update(catalog: Stub, product: pb.Product, **fields: object) -> pb.Product:
    """Give fields of a product other values."""
    for field in fields:
        product.ClearField(field)  # type: ignore[arg-type]
    product.MergeFrom(pb.Product(**fields))  # type: ignore[arg-type]
    return (await catalog.UpdateProduct(pb.UpdateProductRequest(request_id=new_id(), product=product))).product


async def everything(catalog: Stub, size: int = 100, **query: object) -> list[pb.Product]:
    """Answer the products of all pages."""
    found: list[pb.Product] = []
    token = ""
    while True:
        request = pb.ListProductsRequest(page_size=size, page_token=token, **query)  # type: ignore[arg-type]
        reply = await catalog.ListProducts(request)
        found += reply.products
        token = reply.next_page_token
        if not token:
            return found


def names(products: Sequence[pb.Product]) -> list[str]:
    return [product.display_name for product in products]


def cents(product: pb.Product) -> int:
    return product.price.units * 100 + product.price.nanos // 10_000_000


async def test_words_are_found_in_every_script_and_case(catalog: Stub) -> None:
    for name in NAMES:
        await create(catalog, "words", name, money(1))
    found = {search: set(names(await everything(catalog, search=search, category="words"))) for search in SEARCHES}
    assert found == SEARCHES


async def test_display_names_are_sorted_alike_everywhere(catalog: Stub) -> None:
    for name in NAMES:
        await create(catalog, "names", name, money(1))
    found = names(await everything(catalog, 3, category="names", order_by="display_name"))
    # Those that are the same but for case come in the order of their ids, which are anything.
    assert [folded(name) for name in found] == sorted(map(folded, NAMES))


async def test_prices_are_sorted_by_currency_and_amount_and_bounded_in_one_currency(catalog: Stub) -> None:
    for price in (money(300), money(100), money(200), money(150, "USD"), money(999, "EUR"), money(1, "GBP")):
        await create(catalog, "prices", "Kettle", price)
    found = await everything(catalog, 2, category="prices", order_by="price desc")
    assert [(p.price.currency_code, cents(p)) for p in found] == [
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
        found = await everything(catalog, 2, category="prices", order_by="price", **bounds)
        assert [cents(product) for product in found] == expected


async def test_what_is_discontinued_is_listed_for_who_asks_for_it(catalog: Stub) -> None:
    gone = await update(catalog, await create(catalog, "gone", "Kettle", money(1)), discontinued=True)
    assert await everything(catalog, category="gone") == []
    assert await everything(catalog, category="gone", show_discontinued=True) == [gone]


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
async def test_a_page_token_is_for_its_own_list(catalog: Stub, other: dict[str, object]) -> None:
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
async def test_every_offending_field_of_a_query_is_told(
    catalog: Stub, query: dict[str, object], fields: list[str]
) -> None:
    error = await refused(catalog.ListProducts(pb.ListProductsRequest(**query)))  # type: ignore[arg-type]
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


# What happens between two pages: to which product, and what.
CHANGES = st.tuples(st.integers(0, 30), st.sampled_from(["create", "price", "rename", "describe", "discontinue"]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.sampled_from(ORDERS),
    size=st.integers(1, 5),
    prices=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    changes=st.lists(st.lists(CHANGES, max_size=4), max_size=8),
)
async def test_no_page_leaves_out_or_repeats_what_did_not_move(
    catalog: Stub, order: str, size: int, prices: list[int], changes: list[list[tuple[int, str]]]
) -> None:
    category = new_id()[:8]
    made = [await create(catalog, category, f"Kettle {price}", money(price)) for price in prices]
    before = [product.name for product in await everything(catalog, category=category, order_by=order)]
    moved, seen, token = set[str](), list[str](), ""
    while True:
        request = pb.ListProductsRequest(category=category, order_by=order, page_size=size, page_token=token)
        reply = await catalog.ListProducts(request)
        seen += [product.name for product in reply.products]
        token = reply.next_page_token
        if not token:
            break
        for number, what in changes.pop() if changes else []:
            moved.add(await happen(catalog, made, number % len(made), what))
    assert [name for name in seen if name in before and name not in moved] == [n for n in before if n not in moved]
    assert max(Counter(name for name in seen if name not in moved).values(), default=1) == 1


async def happen(catalog: Stub, made: list[pb.Product], number: int, what: str) -> str:
    """Have something happen to a product, or make one; answer its name if it may have moved, or ""."""
    product = made[number]
    match what:
        case "create":
            made.append(await create(catalog, product.category, product.display_name, product.price))
            return ""
        case "price":
            made[number] = await update(catalog, product, price=money(9 - cents(product)))
        case "rename":
            made[number] = await update(catalog, product, display_name=product.display_name[::-1])
        case "discontinue":
            made[number] = await update(catalog, product, discontinued=True)
        case "describe":
            made[number] = await update(catalog, product, description="It sings.")
            return ""
    return product.name
