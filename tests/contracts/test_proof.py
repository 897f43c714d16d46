"""The verdicts on edits are true: clients and servers of both states call each other through the gateway's Envoy.

A wire break fails or is misread over gRPC, a JSON break only as JSON over HTTP. A compatible edit, or one that breaks
only code, fails in neither.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.conftest import Checkout
from tests.contracts.gateway import Json, Server, call_grpc, call_http, gateway
from tests.support.checkout import ROOT
from tests.support.edits import EDITS
from tools.breaking.sources import State, build

STOCK, PRODUCTS, PRODUCT, ORDERS, QUOTE, JWKS = (
    "shop.inventory.v1.InventoryService/GetStock",
    "shop.catalog.v1.CatalogService/ListProducts",
    "shop.catalog.v1.CatalogService/GetProduct",
    "shop.orders.v1.OrdersService/ListOrders",
    "shop.shipping.v1.ShippingService/QuoteShipping",
    "shop.identity.v1.IdentityService/GetJwks",
)
SHIPMENT, RESERVATION, PAYMENT, VOID, PLACE, DEMANDS = (
    "shop.shipping.v1.ShippingService/GetShipment",
    "shop.inventory.v1.InventoryService/GetReservation",
    "shop.payments.v1.PaymentsService/GetPayment",
    "shop.payments.v1.PaymentsService/VoidPayment",
    "shop.orders.v1.OrdersService/PlaceOrder",
    "shop.inventory.v1.InventoryService/ListDemands",
)
HTTP: Mapping[str, tuple[str, str]] = {
    STOCK: ("GET", "/v1/stocks/p-1"),
    PRODUCTS: ("GET", "/v1/products"),
    PRODUCT: ("GET", "/v1/products/p-1"),
    ORDERS: ("GET", "/v1/orders"),
    QUOTE: ("GET", "/v1/shipping:quote?regionCode=DE&pieces=2&currencyCode=EUR"),
    JWKS: ("GET", "/.well-known/jwks.json"),
    PLACE: ("POST", "/v1/orders"),
}
"""How a client sends each public method as JSON. The others are called over gRPC only."""
ORDER_BODY = {
    "requestId": "r-1",
    "customer": "customers/ada",
    "paymentToken": "tok",
    "items": [{"product": "products/p-1", "quantity": 2}],
}


@dataclass(frozen=True)
class Side:
    """What programs of one state say: one meaning, in the words of their contract."""

    request: Json
    response: Json
    http: tuple[str, str] | None
    """The verb and the path with the query; None if the method is not public."""
    body: Json | None = None


@dataclass(frozen=True)
class Claim:
    """An edit, and a call before and after it."""

    edit: str
    method: str
    before: Side
    after: Side
    only: tuple[str, ...] = field(default=())
    """Transports to try; empty for all."""


def same(edit: str, method: str, request: Json, response: Json, after: Json | None = None, **more: Any) -> Claim:  # noqa: ANN401  # parts of a Side
    """Create a claim about a call whose words change in the response (`after`), or not at all."""
    http = HTTP.get(method)
    query = more.get("query", "")
    side = (http[0], http[1] + query) if http else None
    new_query = more.get("new_query", query)
    new_side = more.get("new_http") or ((http[0], http[1] + new_query) if http else None)
    old = Side(request, response, side, more.get("body"))
    new = Side(
        more.get("new_request", request),
        response if after is None else after,
        new_side,
        more.get("new_body", more.get("body")),
    )
    return Claim(edit, method, old, new)


NAME: Json = {"name": "stocks/p-1"}


def stock(**fields: object) -> Json:
    """Return a response with a stock."""
    return {"stock": {"name": "stocks/p-1", "product": "products/p-1", **fields}}


def shipment(**fields: object) -> Json:
    """Return a response with a shipment."""
    return {"shipment": {"name": "shipments/s-1", **fields}}


S: Json = {"name": "shipments/s-1"}
QUOTE_REQUEST: Json = {"regionCode": "DE", "pieces": 2, "currencyCode": "EUR"}
PRICE: Json = {"currencyCode": "EUR", "units": "5"}
PRODUCT_NAME: Json = {"name": "products/p-1"}
ITEM: Json = {"order": {"name": "orders/o-1", "items": [{"product": "products/p-1", "quantity": 2}]}}

CLAIMS = [
    # Wire.
    same(
        "structure: type of a field changed",
        QUOTE,
        QUOTE_REQUEST,
        {"quote": {"deliveryDays": 3}},
        {"quote": {"deliveryDays": "3"}},
    ),
    same("fields: two fields with swapped numbers", STOCK, NAME, stock(available="7", reserved="3")),
    same("fields: int64 to int32", STOCK, NAME, stock(available="5000000000"), stock(available=705032704)),
    same("fields: int32 to uint32", SHIPMENT, S, shipment(pieces=-1), shipment(pieces=1)),
    same("fields: int32 to sint32", SHIPMENT, S, shipment(pieces=5)),
    same("fields: int32 to double", SHIPMENT, S, shipment(pieces=5), shipment(pieces=5.0)),
    same("fields: message to string", SHIPMENT, S, shipment(createTime="2024-01-01T00:00:00Z")),
    same(
        "fields: two fields moved into a new oneof",
        QUOTE,
        QUOTE_REQUEST,
        {"quote": {"price": PRICE, "deliveryDays": 3}},
        {"quote": {"price": PRICE}},
    ),
    same("types: enum value renumbered", SHIPMENT, S, shipment(state="STATE_CANCELLED")),
    same("structure: method removed", STOCK, NAME, stock(available="7"), new_http=("GET", "/v1/stocks/p-1")),
    same("fields: field of a message in events renumbered", PLACE, ORDER_BODY, ITEM, body=ORDER_BODY),
    # JSON.
    same("fields: JSON name changed", STOCK, NAME, stock(available="7"), stock(onHand="7")),
    same(
        "structure: enum value renamed",
        PAYMENT,
        {"name": "payments/p"},
        {"payment": {"state": "STATE_VOIDED"}},
        {"payment": {"state": "STATE_LET_GO"}},
    ),
    same(
        "fields: query parameter removed with reservation",
        PRODUCTS,
        {"showDiscontinued": True},
        {},
        new_request={},
        query="?show_discontinued=true",
        new_query="",
    ),
    same(
        "fields: filter in the query of a list removed",
        ORDERS,
        {"customer": "customers/ada", "parkedOnly": True},
        {},
        new_request={"customer": "customers/ada"},
        query="?customer=customers/ada&parkedOnly=true",
        new_query="?customer=customers/ada",
    ),
    same(
        "structure: field of a request renamed",
        ORDERS,
        {"customer": "customers/ada", "parkedOnly": True},
        {},
        new_request={"customer": "customers/ada", "parked": True},
        query="?customer=customers/ada&parkedOnly=true",
        new_query="?customer=customers/ada&parked=true",
    ),
    same(
        "fields: bool to int32",
        PRODUCT,
        PRODUCT_NAME,
        {"product": {"discontinued": True}},
        {"product": {"discontinued": 1}},
    ),
    same("http: verb changed", STOCK, NAME, stock(available="7"), new_http=("POST", "/v1/stocks/p-1")),
    same("http: version of a path changed", STOCK, NAME, stock(available="7"), new_http=("GET", "/v2/stocks/p-1")),
    same("http: well-known path changed", JWKS, {}, {"keys": [{"kid": "k"}]}, new_http=("GET", "/v1/keys")),
    # Code only.
    same(
        "fields: field of a JSON body removed with reservation",
        PLACE,
        {**ORDER_BODY, "shippingAddress": {"recipient": "Ada"}},
        ITEM,
        new_request=ORDER_BODY,
        body={**ORDER_BODY, "shippingAddress": {"recipient": "Ada"}},
        new_body=ORDER_BODY,
    ),
    same("types: message of a response renamed", QUOTE, QUOTE_REQUEST, {"quote": {"deliveryDays": 3, "price": PRICE}}),
    same(
        "fields: message to a message with the same fields",
        QUOTE,
        QUOTE_REQUEST,
        {"quote": {"deliveryDays": 3, "price": PRICE}},
    ),
    same(
        "types: request with the same fields",
        "shop.payments.v1.PaymentsService/CapturePayment",
        {"requestId": "r", "name": "payments/p"},
        {"payment": {"name": "payments/p"}},
    ),
    same(
        "types: response with more fields",
        VOID,
        {"requestId": "r", "name": "payments/p"},
        {"payment": {"name": "payments/p"}},
    ),
    same(
        "fields: single field moved into a new oneof",
        QUOTE,
        QUOTE_REQUEST,
        {"quote": {"deliveryDays": 3, "price": PRICE}},
    ),
    same("fields: presence added", QUOTE, QUOTE_REQUEST, {"quote": {"deliveryDays": 3}}),
    # Compatible.
    same(
        "structure: field",
        PRODUCT,
        PRODUCT_NAME,
        {"product": {"displayName": "Cup"}},
        {"product": {"displayName": "Cup", "weightGrams": 9}},
    ),
    same("http: pattern that accepts more", STOCK, NAME, stock(available="7")),
    same(
        "http: old path only as an additional one",
        STOCK,
        NAME,
        stock(available="7"),
        new_http=("GET", "/v1/stocks/p-1"),
    ),
    same("fields: JSON name that equals the default", QUOTE, QUOTE_REQUEST, {"quote": {"deliveryDays": 3}}),
    same(
        "types: edition 2023 with the same features",
        QUOTE,
        QUOTE_REQUEST,
        {"quote": {"deliveryDays": 3, "price": PRICE}},
    ),
    same("types: alias of an enum value behind it", SHIPMENT, S, shipment(state="STATE_CANCELLED")),
    same(
        "fields: field moved within its message", QUOTE, QUOTE_REQUEST, {"quote": {"deliveryDays": 3, "price": PRICE}}
    ),
    same("types: go_package added", SHIPMENT, S, shipment(pieces=5)),
    same("http: new method with a custom verb", PLACE, ORDER_BODY, ITEM, body=ORDER_BODY),
]
QUICK = {
    "fields: JSON name changed",
    "fields: two fields with swapped numbers",
    "structure: field",
    "types: alias of an enum value behind it",
}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> State:
    """Return the current contracts, built once."""
    return build(ROOT, tmp_path_factory.mktemp("older") / "older.binpb")


@pytest.mark.parametrize(
    "claim",
    [pytest.param(each, id=each.edit, marks=() if each.edit in QUICK else pytest.mark.prove) for each in CLAIMS],
)
def test_the_level_of_an_edit_is_what_programs_of_both_states_observe(
    contracts: Checkout, older: State, claim: Claim, tmp_path: Path
) -> None:
    edit = EDITS[claim.edit]
    for replacement in edit.replacements:
        replacement.apply(contracts.root)
    newer = build(contracts.root, tmp_path / "newer.binpb")
    sides = (older, claim.before), (newer, claim.after)
    failed: dict[str, list[str]] = {"gRPC": [], "JSON": []}
    for number, (client, server) in enumerate((sides, sides[::-1])):
        for transport, fault in _faults(claim, client, server, tmp_path / str(number)):
            failed[transport].append(f"{'old' if number == 0 else 'new'} client: {fault}")
    levels = {level for _, level in edit.findings}
    is_public = claim.before.http is not None
    assert bool(failed["gRPC"]) == ("wire" in levels) or ("JSON" in levels and not is_public), failed
    # A gateway of the newer state hides some wire breaks from callers with JSON, because it sends names.
    if is_public and "wire" not in levels:
        assert bool(failed["JSON"]) == ("JSON" in levels), failed


def _faults(
    claim: Claim, client: tuple[State, Side], server: tuple[State, Side], folder: Path
) -> Iterator[tuple[str, str]]:
    """Yield each transport that fails or is misread."""
    folder.mkdir()
    (state, words), (other, answers) = client, server
    if claim.method not in state.image.elements:
        return
    program = Server(other, {claim.method: answers.response})
    with ExitStack() as stack:
        port = stack.enter_context(program.running())
        address = stack.enter_context(gateway(other, port, folder))
        response = call_grpc(state, address, claim.method, words.request)
        yield from (("gRPC", each) for each in _differences(response, words, answers, program, "gRPC"))
        if words.http:
            program.received.clear()
            response = call_http(address, *words.http, words.body)
            yield from (("JSON", each) for each in _differences(response, words, answers, program, "JSON"))


def _differences(response: Json | str, words: Side, answers: Side, program: Server, transport: str) -> Iterator[str]:
    if isinstance(response, str):
        yield response
        return
    if not _contains(response, words.response, answers.response):
        yield f"reads {response} for {words.response}"
    if not program.received or not _contains(program.received[-1], answers.request, words.request):
        yield f"{transport}: the server reads {program.received} for {answers.request}"


def _contains(found: object, expected: object, sent: object) -> bool:
    """Return whether a reader found each value that it wants, apart from those that the writer does not know."""
    if isinstance(expected, dict) and isinstance(found, dict) and isinstance(sent, dict):
        renamed = len(expected.keys() - sent.keys()) == len(sent.keys() - expected.keys())
        keys = expected.keys() if renamed else expected.keys() & sent.keys()
        return all(key in found and _contains(found[key], expected[key], sent.get(key, expected[key])) for key in keys)
    if isinstance(expected, list) and isinstance(found, list) and isinstance(sent, list):
        return len(expected) == len(found) and all(map(_contains, found, expected, sent))
    return found == expected and isinstance(found, bool) == isinstance(expected, bool)
