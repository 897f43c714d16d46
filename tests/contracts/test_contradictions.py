"""Contracts and declarations that contradict each other are refused, with file, line and method; nothing is written."""

from pathlib import Path

import pytest

from tests.contracts.conftest import Checkout
from tests.contracts.policies import Written, write

CATALOG, ORDERS, IDENTITY = (f"proto/shop/{name}/v1/{name}.proto" for name in ("catalog", "orders", "identity"))
ORDERS_CALLS, CATALOG_CALLS = "services/orders/service.yaml", "services/catalog/service.yaml"
WATCHED = '\n    option (google.api.http) = {get: "/v1/{name=orders/*}:watch"}'


def written(checkout: Checkout, tmp_path: Path, **options: str) -> Written:
    return write(checkout.root, tmp_path / "out", "proto", **{"services": "services", "namespace": "shop", **options})


def line_of(checkout: Checkout, file: str, text: str) -> int:
    return (checkout.root / file).read_text(encoding="utf-8").split(text)[0].count("\n") + 1


@pytest.mark.parametrize(
    ("edit", "place", "said"),
    [
        pytest.param(
            (
                ORDERS,
                'audience: AUDIENCE_SIGNED_IN};\n    option (google.api.http) = {get: "/v1/orders"}',
                '};\n    option (google.api.http) = {get: "/v1/orders"}',
            ),
            "rpc ListOrders",
            "ListOrders has a path over HTTP, but no audience",
            id="public without a rule",
        ),
        pytest.param(
            (
                ORDERS,
                'audience: AUDIENCE_SIGNED_IN};\n    option (google.api.http) = {get: "/v1/orders"}',
                'audience: AUDIENCE_ANYONE, roles: "clerk"};\n    option (google.api.http) = {get: "/v1/orders"}',
            ),
            "rpc ListOrders",
            "ListOrders asks for roles of callers who need not sign in",
            id="roles for anyone",
        ),
        pytest.param(
            (
                ORDERS,
                f"audience: AUDIENCE_SIGNED_IN}};{WATCHED}",
                f"audience: AUDIENCE_SIGNED_IN, timeout: {{seconds: 9}}}};{WATCHED}",
            ),
            "rpc WatchOrder",
            "WatchOrder is a stream, which lasts as long as its caller likes: no timeout",
            id="a stream with a timeout",
        ),
        pytest.param(
            (ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 3}"),
            "rpc PlaceOrder",
            "PlaceOrder is given 3 s, but waits for calls that may take 4 s together (BatchGetProducts 2 s, Quote",
            id="a timeout shorter than what it waits for",
        ),
        pytest.param(
            (ORDERS_CALLS, "methods: [BatchGetProducts]", "methods: [BatchGetPrices]"),
            "- to: shop.catalog.v1.CatalogService",
            "calls shop.catalog.v1.CatalogService/BatchGetPrices, which is no method of any contract",
            id="a call to no method",
        ),
        pytest.param(
            (ORDERS_CALLS, "during: [PlaceOrder]\n  - to: shop.shipping", "during: [TakeOrder]\n  - to: shop.shipping"),
            "- to: shop.catalog.v1.CatalogService",
            "during TakeOrder, which is no method of its own",
            id="a wait of no method",
        ),
        pytest.param(
            (CATALOG_CALLS, "owns:", "calls:\n  - to: shop.orders.v1.OrdersService\n    methods: [GetOrder]\nowns:"),
            "",
            "catalog → orders → catalog: services call each other in a circle",
            id="a circle",
        ),
        pytest.param(
            (
                "services/payments/service.yaml",
                "owns:",
                "calls:\n  - to: shop.identity.v1.IdentityService\n    methods: [GetUser]\nowns:",
            ),
            "",
            "operator → orders → payments → identity: 4 services wait for each other, 3 may",
            id="a long chain",
        ),
        pytest.param(
            (CATALOG_CALLS, "serves: [shop.catalog.v1.CatalogService]", "serves: []"),
            "",
            "shop.catalog.v1.CatalogService is served by nobody",
            id="a contract without a service",
        ),
        pytest.param(
            (
                CATALOG_CALLS,
                "serves: [shop.catalog.v1.CatalogService]",
                "serves: [shop.catalog.v1.CatalogService, shop.catalog.v1.Shelves]",
            ),
            "",
            "serves shop.catalog.v1.Shelves, which is in no contract",
            id="a service without a contract",
        ),
        pytest.param(
            ("services/analytics/service.yaml", "shop.orders.v1.OrderPlaced", "shop.orders.v1.OrderLost"),
            "",
            "shop.orders.v1.OrderLost is no message of any contract",
            id="an event that is no message",
        ),
        pytest.param(
            (ORDERS_CALLS, "  - shop.orders.v1.OrderCancelled\n", ""),
            "",
            "consumes shop.orders.v1.OrderCancelled, which nobody emits",
            id="an event that nobody emits",
        ),
        pytest.param((CATALOG_CALLS, "owns:", "own:"), "own:", "unknown key `own`", id="an unknown key"),
        pytest.param((CATALOG_CALLS, "owns: [", "owns: [["), "", "no YAML", id="no YAML"),
        pytest.param((CATALOG_CALLS, "service: catalog\n", ""), "", "has no `service`", id="nobody's file"),
    ],
)
def test_a_contradiction_is_named_with_its_place(
    checkout: Checkout, tmp_path: Path, edit: tuple[str, str, str], place: str, said: str
) -> None:
    file, old, new = edit
    checkout.edit(file, old, new)
    found = written(checkout, tmp_path)
    assert said in found.said, found.said
    assert "Traceback" not in found.said
    assert found.files == {}
    if place:
        name = file.removeprefix("proto/")
        assert f"{name}:{line_of(checkout, file, place)}: " in found.said


def test_all_faults_are_named_at_once(checkout: Checkout, tmp_path: Path) -> None:
    checkout.edit(ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 3}")
    checkout.edit(ORDERS_CALLS, "methods: [BatchGetProducts]", "methods: [BatchGetPrices]")
    checkout.edit(CATALOG_CALLS, "serves: [shop.catalog.v1.CatalogService]", "serves: [shop.catalog.v1.Shelves]")
    said = written(checkout, tmp_path).said
    assert "BatchGetPrices" in said
    assert "Shelves, which is in no contract" in said
    assert "CatalogService is served by nobody" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"namespce": "shop"}, "unknown parameter 'namespce'; known are services, namespace"),
        ({"max_depth": "deep"}, "max_depth=deep: expected a number above 0"),
        ({"gateway": "public"}, "gateway=public: expected <namespace>/<name>"),
    ],
)
def test_a_wrong_parameter_is_named(checkout: Checkout, tmp_path: Path, options: dict[str, str], said: str) -> None:
    assert said in written(checkout, tmp_path, **options).said
