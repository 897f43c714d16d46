"""openapi.json has each path over HTTP that the contracts open to the public, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor

from mesh.options.v1 import options_pb2
from tests.contracts.conftest import ROOT, Checkout
from tests.contracts.policies import write
from tests.tidy.contracts import methods

VERBS = ("get", "put", "post", "delete", "patch")
Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    found: Document = json.loads((ROOT / "mesh/istio/contracts/openapi.json").read_text(encoding="utf-8"))
    return found


def operations(document: Document) -> dict[tuple[str, str], Document]:
    """Answer every operation by its verb and its path."""
    return {(verb, path): found for path, verbs in document["paths"].items() for verb, found in verbs.items()}


def within(value: object) -> Iterator[Document]:
    """Answer every object in the document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from within(inner)


def ruled(found: MethodDescriptor) -> Iterator[tuple[str, str]]:
    """Answer a method's verbs and paths, each variable of which is a star."""
    extension: Any = annotations_pb2.http
    rule = found.GetOptions().Extensions[extension]
    for each in (rule, *rule.additional_bindings):
        if verb := each.WhichOneof("pattern"):
            yield verb, re.sub(r"\{[\w.]+=([^}]+)\}", r"\1", getattr(each, verb))


def test_each_public_path_is_told_and_nothing_else(document: Document) -> None:
    audience = options_pb2.method
    public = {path: found for path, found in methods().items() if found.GetOptions().Extensions[audience].audience}
    want = {(verb, path, name) for name, found in public.items() for verb, path in ruled(found)}
    have = {
        (verb, re.sub(r"\{\w+\}", "*", path), f"/{'/'.join(found['operationId'].rsplit('.', 1))}")
        for (verb, path), found in operations(document).items()
    }
    assert have == want
    assert {path.split("/")[1] for _, path, _ in want} == {"v1", "v2", ".well-known"}


def test_who_has_to_sign_in_is_told_so(document: Document) -> None:
    audience = options_pb2.method
    for found in operations(document).values():
        policy = methods()[f"/{'/'.join(found['operationId'].rsplit('.', 1))}"].GetOptions().Extensions[audience]
        signed_in = policy.audience == options_pb2.AUDIENCE_SIGNED_IN
        want = [{"token": [role]} for role in policy.roles] or [{"token": []}] if signed_in else None
        assert found.get("security") == want
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_the_document_has_openapis_form(document: Document) -> None:
    assert document["openapi"] == "3.1.1"
    assert all(document["info"][name] for name in ("title", "version"))
    found = operations(document)
    names = [operation["operationId"] for operation in found.values()]
    assert len(names) == len(set(names))
    for (verb, path), operation in found.items():
        assert verb in VERBS
        places = [(each["in"], each["name"]) for each in operation.get("parameters", [])]
        assert len(places) == len(set(places))
        assert {name for place, name in places if place == "path"} == set(re.findall(r"\{(\w+)\}", path))
        assert all(each["schema"] for each in operation.get("parameters", []))
        assert ("requestBody" in operation) == (verb in {"post", "patch", "put"})
        assert set(operation["responses"]) == {"200", "default"}
        assert operation["description"]
    paths = [re.sub(r"\{\w+\}", "*", path) for path in document["paths"]]
    assert len(paths) == len(set(paths))
    assert all(re.fullmatch(r"[\w.-]+", name) for name in document["components"]["schemas"])


def test_what_is_referred_to_is_there_and_nothing_else(document: Document) -> None:
    named = {str(found["$ref"]) for found in within(document) if "$ref" in found}
    kinds = ("schemas", "responses")
    assert named == {f"#/components/{kind}/{name}" for kind in kinds for name in document["components"][kind]}


def test_fields_are_as_json_has_them(document: Document) -> None:
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
    assert "Only one of these may be there: shippingAddress, pickup." in place["properties"]["pickup"]["description"]


def test_a_request_is_divided_as_its_rule_says(document: Document) -> None:
    found = operations(document)
    update = found["patch", "/v1/products/{product}"]
    assert [(each["in"], each["name"]) for each in update["parameters"]] == [
        ("path", "product"),
        ("query", "requestId"),
        ("query", "updateMask"),
    ]
    body = update["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"] == "#/components/schemas/shop.catalog.v1.Product"
    cancel = found["post", "/v1/orders/{order}:cancel"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(cancel["properties"]) == {"requestId"}, "the name stands in the path"
    query = {each["name"] for each in found["get", "/v1/products"]["parameters"] if each["in"] == "query"}
    assert {"pageSize", "minPrice.currencyCode", "minPrice.units"} <= query
    watch = found["get", "/v1/orders/{order}:watch"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert watch["type"] == "array"


def test_a_method_that_loses_its_path_is_not_told(checkout: Checkout, tmp_path: Path) -> None:
    contract = "proto/shop/inventory/v1/inventory.proto"
    checkout.edit(contract, '    option (google.api.http) = {get: "/v1/{name=stocks/*}"};\n', "")
    written = write(checkout.root, tmp_path / "out", "proto", services="services", namespace="shop")
    assert written.said == ""
    assert "/v1/stocks" not in written.files["openapi.json"]
    assert "shop.inventory.v1.Stock" not in written.files["openapi.json"]
    assert "/v1/products" in written.files["openapi.json"]
