"""The gateway tells what may be called over HTTP, in OpenAPI; what it tells is so."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.mesh.harness import ROOT, Mesh
from tests.mesh.raw_http import RawResponse, http_request

COMMITTED = ROOT / "mesh/istio/contracts/openapi.json"


async def told(mesh: Mesh) -> dict[str, Any]:
    """Ask the gateway for the document."""
    answer = await http_request(mesh.gateway, "/openapi.json")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def call(mesh: Mesh, document: dict[str, Any], name: str, **values: str | list[str]) -> RawResponse:
    """Call an operation with nothing but what the document tells of it."""
    [(path, verb, operation)] = [
        (path, verb, operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if operation["operationId"].endswith(f".{name}")
    ]
    places = {each["name"]: each["in"] for each in operation["parameters"]}
    for value in (value for value in values if places[value] == "path"):
        path = path.replace(f"{{{value}}}", quote(str(values[value])))
    query = urlencode({value: values[value] for value in values if places[value] == "query"}, doseq=True)
    return await http_request(mesh.gateway, f"{path}?{query}" if query else path, method=verb.upper())


def fits(document: dict[str, Any], schema: dict[str, Any], value: object) -> bool:
    """Tell whether a value has the schema's form, and no field that the schema does not know."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    match value:
        case dict():
            known = schema["properties"]
            return all(key in known and fits(document, known[key], inner) for key, inner in value.items())
        case list():
            return all(fits(document, schema["items"], inner) for inner in value)
        case bool():
            return bool(schema["type"] == "boolean")
        case int():
            return bool(schema["type"] == "integer")
        case str():
            return schema["type"] == "string" and value in schema.get("enum", [value])
    return False


async def test_what_the_gateway_tells_is_what_is_generated(mesh: Mesh) -> None:
    answer = await http_request(mesh.gateway, "/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.body == COMMITTED.read_bytes()
    assert not answer.from_service


@pytest.mark.parametrize(("method", "path"), [("POST", "/openapi.json"), ("GET", "/openapi.json/")])
async def test_what_is_beside_it_is_denied(mesh: Mesh, method: str, path: str) -> None:
    assert (await http_request(mesh.gateway, path, method=method)).status in (403, 404)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("GetProduct", {"product": "p-0001"}),
        ("GetStock", {"product": "p-0001"}),
        ("BatchGetProducts", {"names": ["products/p-0001", "products/p-0002"]}),
        ("ListProducts", {"pageSize": "2", "minPrice.currencyCode": "EUR", "minPrice.units": "5"}),
    ],
)
async def test_a_call_as_the_document_tells_it_is_answered_as_the_document_tells_it(
    mesh: Mesh, name: str, values: dict[str, str | list[str]]
) -> None:
    document = await told(mesh)
    answer = await call(mesh, document, name, **values)
    assert answer.status == 200, answer.body
    [schema] = [
        operation["responses"]["200"]["content"]["application/json"]["schema"]
        for verbs in document["paths"].values()
        for operation in verbs.values()
        if operation["operationId"].endswith(f".{name}")
    ]
    assert fits(document, schema, json.loads(answer.body)), answer.body


async def test_an_error_has_the_form_that_the_document_tells(mesh: Mesh) -> None:
    document = await told(mesh)
    error = document["components"]["responses"]["Error"]["content"]
    missing = await call(mesh, document, "GetProduct", product="p-9999")
    status = json.loads(missing.body)
    assert (missing.status, missing.headers["content-type"], status["code"]) == (404, "application/json", 5)
    assert error["application/json"]["schema"]["$ref"].endswith("/google.rpc.Status")
    assert set(status) == set(document["components"]["schemas"]["google.rpc.Status"]["properties"])
    assert all("@type" in detail for detail in status["details"])
    refused = await call(mesh, document, "v1.OrdersService.ListOrders", customer="customers/me")
    assert refused.status == 403
    assert refused.headers["content-type"] in error
