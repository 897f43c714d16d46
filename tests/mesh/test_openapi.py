"""The gateway publishes an OpenAPI document of the public API, and the API behaves like the document."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.mesh.harness import Mesh
from tests.mesh.raw_http import RawResponse, http_request
from tests.support.checkout import ROOT

COMMITTED = ROOT / "mesh/istio/contracts/openapi.json"


async def fetch_document(mesh: Mesh) -> dict[str, Any]:
    """Fetch the OpenAPI document from the gateway."""
    response = await http_request(mesh.gateway, "/openapi.json")
    assert response.status == 200, response.body
    document: dict[str, Any] = json.loads(response.body)
    return document


async def call(mesh: Mesh, document: dict[str, Any], name: str, **values: str | list[str]) -> RawResponse:
    """Call an operation, using only the document to build the request."""
    [(path, verb, operation)] = [
        (path, verb, operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if operation["operationId"].endswith(f".{name}")
    ]
    locations = {each["name"]: each["in"] for each in operation["parameters"]}
    for value in (value for value in values if locations[value] == "path"):
        path = path.replace(f"{{{value}}}", quote(str(values[value])))
    query = urlencode({value: values[value] for value in values if locations[value] == "query"}, doseq=True)
    return await http_request(mesh.gateway, f"{path}?{query}" if query else path, method=verb.upper())


def matches(document: dict[str, Any], schema: dict[str, Any], value: object) -> bool:
    """Return whether a value matches the schema and has no unknown fields."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    match value:
        case dict():
            properties = schema["properties"]
            return all(key in properties and matches(document, properties[key], inner) for key, inner in value.items())
        case list():
            return all(matches(document, schema["items"], inner) for inner in value)
        case bool():
            return bool(schema["type"] == "boolean")
        case int():
            return bool(schema["type"] == "integer")
        case str():
            return schema["type"] == "string" and value in schema.get("enum", [value])
    return False


async def test_the_gateway_serves_the_generated_document(mesh: Mesh) -> None:
    response = await http_request(mesh.gateway, "/openapi.json")
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.body == COMMITTED.read_bytes()
    assert not response.from_service


@pytest.mark.parametrize(("method", "path"), [("POST", "/openapi.json"), ("GET", "/openapi.json/")])
async def test_other_methods_and_paths_are_denied(mesh: Mesh, method: str, path: str) -> None:
    assert (await http_request(mesh.gateway, path, method=method)).status in (403, 404)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("GetProduct", {"product": "p-0001"}),
        ("GetStock", {"product": "p-0001"}),
        ("QuoteShipping", {"regionCode": "DE", "pieces": "2", "currencyCode": "EUR"}),
        ("BatchGetProducts", {"names": ["products/p-0001", "products/p-0002"]}),
        ("ListProducts", {"pageSize": "2", "minPrice.currencyCode": "EUR", "minPrice.units": "5"}),
    ],
)
async def test_a_call_as_documented_gets_a_response_as_documented(
    mesh: Mesh, name: str, values: dict[str, str | list[str]]
) -> None:
    document = await fetch_document(mesh)
    response = await call(mesh, document, name, **values)
    assert response.status == 200, response.body
    [schema] = [
        operation["responses"]["200"]["content"]["application/json"]["schema"]
        for verbs in document["paths"].values()
        for operation in verbs.values()
        if operation["operationId"].endswith(f".{name}")
    ]
    assert matches(document, schema, json.loads(response.body)), response.body


async def test_an_error_has_the_documented_form(mesh: Mesh) -> None:
    document = await fetch_document(mesh)
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
    forbidden = document["components"]["responses"]["Forbidden"]["content"]
    assert refused.body.decode() == forbidden[refused.headers["content-type"]]["example"]
    invalid = await call(mesh, document, "ListProducts", pageSize="-1")
    assert (invalid.status, invalid.headers["content-type"]) == (400, "application/json")
    example = document["components"]["responses"]["Invalid"]["content"]["application/json"]["example"]
    assert json.loads(invalid.body)["message"] == example["message"]
    assert [set(each) for each in json.loads(invalid.body)["details"]] == [set(each) for each in example["details"]]
    bad_token = await http_request(mesh.gateway, "/v1/products", headers={"authorization": "Bearer nonsense"})
    assert (bad_token.status, bad_token.headers["content-type"]) == (401, "text/plain")
