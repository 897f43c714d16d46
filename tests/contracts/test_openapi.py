"""openapi.json contains every HTTP path of a public method, and no other path."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor

from mesh.options.v1 import options_pb2
from tests.contracts.conftest import Checkout
from tests.contracts.policies import run_plugin
from tests.support.checkout import ROOT
from tests.support.contracts import methods

VERBS = ("get", "put", "post", "delete", "patch")
Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    openapi: Document = json.loads((ROOT / "mesh/istio/contracts/openapi.json").read_text(encoding="utf-8"))
    return openapi


def operations(document: Document) -> dict[tuple[str, str], Document]:
    """Return every operation by verb and path."""
    return {(verb, path): operation for path, verbs in document["paths"].items() for verb, operation in verbs.items()}


def objects(value: object) -> Iterator[Document]:
    """Yield every JSON object in a value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def http_paths(method: MethodDescriptor) -> Iterator[tuple[str, str]]:
    """Yield a method's verbs and paths, with a star for each variable."""
    extension: Any = annotations_pb2.http
    rule = method.GetOptions().Extensions[extension]
    for each in (rule, *rule.additional_bindings):
        if verb := each.WhichOneof("pattern"):
            yield verb, re.sub(r"\{[\w.]+=([^}]+)\}", r"\1", getattr(each, verb))


def test_every_public_path_is_listed_and_no_other(document: Document) -> None:
    audience = options_pb2.method
    public = {path: method for path, method in methods().items() if method.GetOptions().Extensions[audience].audience}
    expected = {(verb, path, name) for name, method in public.items() for verb, path in http_paths(method)}
    listed = {
        (verb, re.sub(r"\{\w+\}", "*", path), f"/{'/'.join(operation['operationId'].rsplit('.', 1))}")
        for (verb, path), operation in operations(document).items()
    }
    assert listed == expected
    assert {path.split("/")[1] for _, path, _ in expected} == {"v1", "v2", ".well-known"}


def test_operations_state_the_required_login(document: Document) -> None:
    audience = options_pb2.method
    for operation in operations(document).values():
        policy = methods()[f"/{'/'.join(operation['operationId'].rsplit('.', 1))}"].GetOptions().Extensions[audience]
        needs_login = policy.audience == options_pb2.AUDIENCE_SIGNED_IN
        expected = [{"token": [role]} for role in policy.roles] or [{"token": []}] if needs_login else []
        assert operation["security"] == expected
        assert ("403" in operation["responses"]) == needs_login
    assert document["security"] == [{"token": []}], "the default is the safe one"
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_the_document_is_valid_openapi(document: Document) -> None:
    assert document["openapi"] == "3.1.1"
    assert all(document["info"][name] for name in ("title", "version"))
    by_path = operations(document)
    names = [operation["operationId"] for operation in by_path.values()]
    assert len(names) == len(set(names))
    for (verb, path), operation in by_path.items():
        assert verb in VERBS
        parameters = [(each["in"], each["name"]) for each in operation.get("parameters", [])]
        assert len(parameters) == len(set(parameters))
        assert {name for location, name in parameters if location == "path"} == set(re.findall(r"\{(\w+)\}", path))
        assert all(each["schema"] for each in operation.get("parameters", []))
        assert ("requestBody" in operation) == (verb in {"post", "patch", "put"})
        assert set(operation["responses"]) - {"403"} == {"200", "400", "401", "429", "default"}
        assert operation["summary"]
        assert operation["description"]
    paths = [re.sub(r"\{\w+\}", "*", path) for path in document["paths"]]
    assert len(paths) == len(set(paths))
    assert all(re.fullmatch(r"[\w.-]+", name) for name in document["components"]["schemas"])


def test_the_components_are_exactly_those_that_are_referenced(document: Document) -> None:
    references = {str(found["$ref"]) for found in objects(document) if "$ref" in found}
    sections = ("schemas", "responses")
    assert references == {
        f"#/components/{section}/{name}" for section in sections for name in document["components"][section]
    }


def test_fields_have_their_json_types(document: Document) -> None:
    schemas = document["components"]["schemas"]
    money, order = (schemas[name]["properties"] for name in ("google.type.Money", "shop.orders.v1.Order"))
    assert (money["units"]["type"], money["units"]["format"]) == ("string", "int64")
    assert (money["nanos"]["type"], money["nanos"]["format"]) == ("integer", "int32")
    assert (order["createTime"]["type"], order["createTime"]["format"]) == ("string", "date-time")
    assert order["state"]["$ref"] == "#/components/schemas/shop.orders.v1.Order.State"
    assert order["items"]["items"]["$ref"] == "#/components/schemas/shop.orders.v1.OrderItem"
    state = schemas["shop.orders.v1.Order.State"]
    assert (state["type"], state["enum"][:2]) == ("string", ["STATE_UNSPECIFIED", "STATE_PENDING"])
    product = schemas["shop.catalog.v1.Product"]["properties"]
    assert product["displayName"]["description"] == "The human-readable name, 1 to 100 characters."
    assert schemas["shop.identity.v1.User"]["properties"]["createTime"]["readOnly"]
    place = schemas["shop.orders.v2.PlaceOrderRequest"]
    assert place["required"] == ["requestId", "customer", "items", "paymentToken"]
    assert "Only one of these may be set: shippingAddress, pickup." in place["properties"]["pickup"]["description"]


def test_a_request_is_split_into_path_query_and_body(document: Document) -> None:
    by_path = operations(document)
    update = by_path["patch", "/v1/products/{product}"]
    assert [(each["in"], each["name"]) for each in update["parameters"]] == [
        ("path", "product"),
        ("query", "requestId"),
        ("query", "updateMask"),
    ]
    body = update["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"] == "#/components/schemas/shop.catalog.v1.Product"
    cancel = by_path["post", "/v1/orders/{order}:cancel"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(cancel["properties"]) == {"requestId"}, "the name is in the path"
    query = {each["name"] for each in by_path["get", "/v1/products"]["parameters"] if each["in"] == "query"}
    assert {"pageSize", "minPrice.currencyCode", "minPrice.units"} <= query
    watch = by_path["get", "/v1/orders/{order}:watch"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert watch["type"] == "array"


def test_a_method_without_an_http_path_is_not_listed(checkout: Checkout, tmp_path: Path) -> None:
    contract = "proto/shop/inventory/v1/inventory.proto"
    checkout.edit(contract, '    option (google.api.http) = {get: "/v1/{name=stocks/*}"};\n', "")
    output = run_plugin(checkout.root, tmp_path / "out", "proto", services="services", namespace="shop")
    assert output.error == ""
    assert "/v1/stocks/{product}" not in output.files["openapi.json"]
    assert "shop.inventory.v1.GetStockResponse" not in output.files["openapi.json"]
    assert "/v1/products" in output.files["openapi.json"]


def test_istiod_holds_the_document_without_a_warning() -> None:
    assert (ROOT / "mesh/istio/contracts/openapi.json").stat().st_size < 98 * 1024, "it warns about 100 KiB"


@pytest.mark.parametrize("content", [None, "a: [", "- a", "shop.catalog.v1.CatalogService/GetProduct: 1"])
def test_a_wrong_file_of_examples_is_an_error_in_one_line(
    project: Checkout, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "examples.yaml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    output = run_plugin(project.root, tmp_path / "out", "proto", services="services", examples=str(file))
    assert f"examples={file}: expected " in output.error
    assert "Traceback" not in output.error
    assert len(output.error.strip().splitlines()) == 1
