"""Contradictions in contracts and declarations are errors with file, line and method, and no file is written."""

import re
from pathlib import Path

import pytest

from tests.contracts.conftest import Checkout
from tests.contracts.policies import Output, run_plugin

CATALOG, ORDERS, IDENTITY = (f"proto/shop/{name}/v1/{name}.proto" for name in ("catalog", "orders", "identity"))
ORDERS_CALLS, CATALOG_CALLS = "services/orders/service.yaml", "services/catalog/service.yaml"
WATCHED = '\n    option (google.api.http) = {get: "/v1/{name=orders/*}:watch"}'


def generate(checkout: Checkout, tmp_path: Path, **options: str) -> Output:
    return run_plugin(
        checkout.root, tmp_path / "out", "proto", **{"services": "services", "namespace": "shop", **options}
    )


def line_of(checkout: Checkout, file: str, text: str) -> int:
    return (checkout.root / file).read_text(encoding="utf-8").split(text)[0].count("\n") + 1


@pytest.mark.parametrize(
    ("edit", "word", "message"),
    [
        pytest.param(
            (
                ORDERS,
                'audience: AUDIENCE_SIGNED_IN};\n    option (google.api.http) = {get: "/v1/orders"}',
                '};\n    option (google.api.http) = {get: "/v1/orders"}',
            ),
            "rpc ListOrders",
            "ListOrders has an HTTP path but no audience",
            id="HTTP path without an audience",
        ),
        pytest.param(
            (
                ORDERS,
                'audience: AUDIENCE_SIGNED_IN};\n    option (google.api.http) = {get: "/v1/orders"}',
                'audience: AUDIENCE_ANYONE, roles: "clerk"};\n    option (google.api.http) = {get: "/v1/orders"}',
            ),
            'audience: AUDIENCE_ANYONE, roles: "clerk"',
            "ListOrders requires roles, but not a login",
            id="roles without a login",
        ),
        pytest.param(
            (
                IDENTITY,
                "(RotateKeysResponse) {\n",
                "(RotateKeysResponse) {\n    option (mesh.options.v1.method) = {calls_per_minute: 10};\n",
            ),
            "{calls_per_minute: 10};",
            "RotateKeys limits calls from outside, but has no audience",
            id="limit without an audience",
        ),
        pytest.param(
            (
                ORDERS,
                f"audience: AUDIENCE_SIGNED_IN}};{WATCHED}",
                f"audience: AUDIENCE_SIGNED_IN, timeout: {{seconds: 9}}}};{WATCHED}",
            ),
            "timeout: {seconds: 9}",
            "WatchOrder is a stream, which lasts until its caller ends it: remove its timeout",
            id="stream with a timeout",
        ),
        pytest.param(
            (ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 3}"),
            "rpc PlaceOrder",
            "PlaceOrder has a timeout of 3 s, but waits for calls that may take 4 s in total (BatchGetProducts 2 s, ",
            id="timeout shorter than the calls",
        ),
        pytest.param(
            (ORDERS_CALLS, "methods: [BatchGetProducts]", "methods: [BatchGetPrices]"),
            "- to: shop.catalog.v1.CatalogService",
            "calls shop.catalog.v1.CatalogService/BatchGetPrices, which no contract declares",
            id="call to an unknown method",
        ),
        pytest.param(
            (ORDERS_CALLS, "during: [PlaceOrder]\n  - to: shop.shipping", "during: [TakeOrder]\n  - to: shop.shipping"),
            "- to: shop.catalog.v1.CatalogService",
            "during TakeOrder, which is not a method that it serves",
            id="call during an unknown method",
        ),
        pytest.param(
            (CATALOG_CALLS, "owns:", "calls:\n  - to: shop.orders.v1.OrdersService\n    methods: [GetOrder]\nowns:"),
            "",
            "catalog → orders → catalog: services call each other in a cycle",
            id="cycle",
        ),
        pytest.param(
            (
                "services/payments/service.yaml",
                "owns:",
                "calls:\n  - to: shop.identity.v1.IdentityService\n    methods: [GetUser]\nowns:",
            ),
            "",
            "operator → orders → payments → identity: 4 services wait for each other, at most 3 may",
            id="chain that is too long",
        ),
        pytest.param(
            (CATALOG_CALLS, "serves: [shop.catalog.v1.CatalogService]", "serves: []"),
            "",
            "no service serves shop.catalog.v1.CatalogService",
            id="contract without a service",
        ),
        pytest.param(
            (
                CATALOG_CALLS,
                "serves: [shop.catalog.v1.CatalogService]",
                "serves: [shop.catalog.v1.CatalogService, shop.catalog.v1.Shelves]",
            ),
            "",
            "serves shop.catalog.v1.Shelves, which no contract declares",
            id="service without a contract",
        ),
        pytest.param(
            ("services/analytics/service.yaml", "shop.orders.v1.OrderPlaced", "shop.orders.v1.OrderLost"),
            "",
            "consumes shop.orders.v1.OrderLost, but no contract declares the message: correct the name",
            id="unknown event",
        ),
        pytest.param(
            (ORDERS_CALLS, "  - shop.orders.v1.OrderCancelled\n", ""),
            "",
            "consumes shop.orders.v1.OrderCancelled, which no service emits",
            id="event that no service emits",
        ),
        pytest.param(
            (CATALOG_CALLS, "service: catalog", "service: gateway"),
            "service: gateway",
            "service gateway has the name of the generated gateway.yaml: choose another name",
            id="name of a generated file",
        ),
        pytest.param(
            ("services/analytics/service.yaml", "service: analytics", "service: orders-public"),
            "service: orders-public",
            "service orders-public has the name of a route of orders: choose another name",
            id="name of a generated route",
        ),
        pytest.param((CATALOG_CALLS, "owns:", "own:"), "own:", "unknown key 'own': use one of", id="unknown key"),
        pytest.param((CATALOG_CALLS, "owns: [", "owns: [["), "", "not YAML", id="not YAML"),
        pytest.param((CATALOG_CALLS, "service: catalog\n", ""), "", "has no `service`", id="file without a service"),
    ],
)
def test_a_contradiction_is_an_error_with_its_location(
    checkout: Checkout, tmp_path: Path, edit: tuple[str, str, str], word: str, message: str
) -> None:
    file, old, new = edit
    checkout.edit(file, old, new)
    output = generate(checkout, tmp_path)
    assert message in output.error, output.error
    assert "Traceback" not in output.error
    assert re.search(rf"^\S+:\d+: .*{re.escape(message)}", output.error, re.MULTILINE), "no file and line"
    assert output.files == {}
    if word:
        name = file.removeprefix("proto/")
        assert f"{name}:{line_of(checkout, file, word)}: " in output.error


def test_all_faults_are_reported_at_once(checkout: Checkout, tmp_path: Path) -> None:
    checkout.edit(ORDERS, "timeout: {seconds: 14}", "timeout: {seconds: 3}")
    checkout.edit(ORDERS_CALLS, "methods: [BatchGetProducts]", "methods: [BatchGetPrices]")
    checkout.edit(CATALOG_CALLS, "serves: [shop.catalog.v1.CatalogService]", "serves: [shop.catalog.v1.Shelves]")
    error = generate(checkout, tmp_path).error
    assert "BatchGetPrices" in error
    assert "Shelves, which no contract declares" in error
    assert "no service serves shop.catalog.v1.CatalogService" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"namespce": "shop"}, "unknown parameter 'namespce'; known are services, namespace"),
        ({"max_depth": "deep"}, "max_depth=deep: expected a number above 0"),
        ({"gateway": "public"}, "gateway=public: expected <namespace>/<name>"),
        ({"gateway_label": "gateway"}, "gateway_label=gateway: expected <name>=<value>"),
    ],
)
def test_an_invalid_parameter_is_named(
    checkout: Checkout, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    assert message in generate(checkout, tmp_path, **options).error
