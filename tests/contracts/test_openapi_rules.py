"""What the schemas in openapi.json accept, the validator of the services accepts, and the other way round.

Both sides get the example request of each public method, with one value changed: to the limits of every length and
number, and to what patterns, lists and choices refuse.
"""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message_factory import GetMessageClass
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from protovalidate import Validator

from tests.support.checkout import ROOT
from tests.support.contracts import is_public, methods
from tools.protoc_gen_istio.bindings import Binding, bindings

Json = dict[str, Any]
DOCUMENT: Json = json.loads((ROOT / "mesh/istio/contracts/openapi.json").read_text(encoding="utf-8"))
EXAMPLES: dict[str, Json] = yaml.safe_load((ROOT / "proto/examples.yaml").read_text(encoding="utf-8"))
PUBLIC = {path.removeprefix("/"): method for path, method in methods().items() if is_public(method)}
VALIDATOR = Validator()
ONLY_IN_WORDS = {
    "repeated.distinct_products": "JSON Schema compares whole entries",
    "this.currency_code": "a rule about google.type.Money, whose schema all its fields share",
    "this.nanos": "the same",
    "this.units": "the same",
    "this.max_price": "it compares two fields",
    "this.update_mask": "it depends on other fields",
    "update_mask": "a rule in CEL",
    "this.display_name": "it is required in one request and may be empty in another; the schema says `required`",
    "this.category": "the same",
    "this.email": "the same",
    "this.etag": "the same",
    "this.name": "the same",
}
"""Rules that the schemas state in the description, and why. Only these may refuse what the schema accepts."""
LENGTHS = (0, 1, 2, 3, 7, 8, 16, 17, 32, 33, 64, 65, 100, 101, 128, 129, 245, 246, 254, 255, 1000, 1001)
TEXTS = [
    "DE",
    "de",
    "EUR",
    "price desc",
    "customers/-",
    "customers/me",
    "ada@shop.example",
    "a\n",
    "\n",
    "a\0b",
    "Ä",
    "😀",
]
PREFIXES = ("products", "stocks", "orders", "users", "customers")


def values(field: FieldDescriptor) -> Iterator[Any]:
    """Yield values for a field of a request."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        yield from TEXTS
        yield from ("x" * length for length in LENGTHS)
        yield from ("😀" * length for length in (100, 101, 128, 129))
        yield from (f"{'x' * length}@b.c" for length in (1, 249, 250, 251))
        yield from (f"{prefix}/{name}" for prefix in PREFIXES for name in ("p-1", "P", "", "a/b", "a" * 64, "a" * 65))
    elif field.cpp_type == FieldDescriptor.CPPTYPE_INT32:
        yield from (-(2**31), -1, 0, 1, 999, 1000, 1001, 2**31 - 1)


def changes(descriptor: Descriptor, request: Json) -> Iterator[Json]:
    """Yield the request with one value changed, added or removed."""
    for field in descriptor.fields:
        name, inner = field.json_name, request.get(field.json_name)
        if field.message_type and not field.message_type.full_name.startswith("shop."):
            continue
        if name in request:
            yield {key: value for key, value in request.items() if key != name}
        if field.is_repeated and inner:
            yield from ({**request, name: [*inner] * count} for count in (0, 2))
            distinct = [each if isinstance(each, str) else {**each, "product": "products/x"} for each in inner[:1]]
            for count in (3, 4, 50, 51, 100, 101):
                yield {**request, name: [numbered(each, number) for number in range(count) for each in distinct]}
            if field.message_type:
                yield from ({**request, name: [one, *inner[1:]]} for one in changes(field.message_type, inner[0]))
            else:
                yield from ({**request, name: [one, *inner[1:]]} for one in values(field))
        elif field.message_type:
            yield {**request, name: {}}
            yield from ({**request, name: one} for one in changes(field.message_type, inner or {}))
        elif not field.is_repeated:
            yield from ({**request, name: one} for one in values(field))


def numbered(entry: Any, number: int) -> Any:  # noqa: ANN401  # JSON
    return (
        {**entry, "product": f"products/p{number}"} if isinstance(entry, dict) else re.sub(r"\d+$", f"{number}", entry)
    )


def refusals(method: MethodDescriptor, request: Json) -> set[str]:
    """Return the ids of the rules by which the validator refuses a request; {"JSON"} if it cannot be read."""
    try:
        message = ParseDict(request, GetMessageClass(method.input_type)())
    except ParseError:
        return {"JSON"}
    return {violation.proto.rule_id for violation in VALIDATOR.collect_violations(message)}


def _pattern(_validator: object, pattern: str, value: object, _schema: object) -> Iterator[Any]:
    # In Python, `$` also matches before a newline at the end.
    if isinstance(value, str) and not re.search(re.sub(r"\$(?=\||\)|$)", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


EcmaValidator = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # it is untyped


class Operation:
    """An operation of the document: which requests its schemas accept."""

    def __init__(self, name: str, document: Json) -> None:
        self._components = document["components"]
        [(verb, path, self._operation)] = [
            (verb, path, operation)
            for path, verbs in document["paths"].items()
            for verb, operation in verbs.items()
            if operation["operationId"] == name.replace("/", ".")
        ]
        patterns = {
            re.sub(r"\{\w+\}", "*", each): each for each in ("products/{product}", "stocks/{product}", "orders/{order}")
        }
        self._binding: Binding = next(iter(bindings(PUBLIC[name].GetOptions(), patterns)))
        assert (self._binding.verb, self._binding.path) == (verb, path)

    def accepts(self, request: Json) -> bool:
        """Return whether the path, the query and the body of a request match their schemas."""
        request = copy.deepcopy(request)
        for variable in self._binding.variables:
            value = str(take(request, variable.field) or "")
            pattern = re.fullmatch(r"(.*)\{\w+\}", variable.pattern)
            assert pattern
            if not value.startswith(pattern[1]) or not self._fits(
                "path", variable.name, value.removeprefix(pattern[1])
            ):
                return False
        if body := self._operation.get("requestBody"):
            content = request if self._binding.body == "*" else take(request, self._binding.body)
            schema = body["content"]["application/json"]["schema"]
            if not self._valid(schema, content if content is not None else {}):
                return False
            request = {} if self._binding.body == "*" else request
        return all(
            self._fits("query", each["name"], take(request, each["name"]))
            for each in self._operation.get("parameters", [])
            if each["in"] == "query"
        )

    def _fits(self, location: str, name: str, value: object) -> bool:
        [parameter] = [each for each in self._operation["parameters"] if (each["in"], each["name"]) == (location, name)]
        return not parameter["required"] if value is None else self._valid(parameter["schema"], value)

    def _valid(self, schema: Json, value: object) -> bool:
        return bool(EcmaValidator({**schema, "components": self._components}).is_valid(value))


def take(request: Json, path: str) -> Any:  # noqa: ANN401  # JSON
    """Remove the value at a path and return it; None if there is none."""
    first, _, rest = re.sub(r"_(\w)", lambda each: each[1].upper(), path).partition(".")
    if not rest:
        return request.pop(first, None)
    inner = request.get(first)
    return take(inner, rest) if isinstance(inner, dict) else None


def test_every_public_method_has_an_example_in_the_document() -> None:
    assert set(EXAMPLES) == set(PUBLIC)
    operations = {each["operationId"]: each for verbs in DOCUMENT["paths"].values() for each in verbs.values()}
    for name, example in EXAMPLES.items():
        operation = operations[name.replace("/", ".")]
        shown = [each for each in operation.get("parameters", []) if "example" in each]
        shown += (
            [operation["requestBody"]["content"]["application/json"]["example"]] if "requestBody" in operation else []
        )
        assert bool(shown) == bool(example), name


@pytest.mark.parametrize("name", PUBLIC)
def test_the_schema_and_the_validator_agree(name: str) -> None:
    assert Operation(name, DOCUMENT).accepts(EXAMPLES[name])
    assert refusals(PUBLIC[name], EXAMPLES[name]) == set()
    assert list(differences(name, DOCUMENT)) == []


@pytest.mark.parametrize(
    ("schema", "field", "change", "difference"),
    [
        ("shop.orders.v2.PlaceOrderItem", "quantity", {"maximum": 1001}, "only the validator refuses"),
        ("shop.orders.v2.PlaceOrderItem", "quantity", {"maximum": 999}, "only the schema refuses"),
        ("shop.orders.v2.ShippingAddress", "recipient", {"maxLength": 101}, "only the validator refuses"),
        ("shop.orders.v2.ShippingAddress", "postalCode", {"pattern": "^[0-9]*$"}, "only the schema refuses"),
        ("shop.orders.v2.PlaceOrderRequest", "items", {"maxItems": 49}, "only the schema refuses"),
        ("shop.orders.v2.PlaceOrderRequest", "customer", {"not": {}}, "only the schema refuses"),
    ],
)
def test_a_difference_is_found(schema: str, field: str, change: Json, difference: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    document["components"]["schemas"][schema]["properties"][field] |= change
    found = list(differences("shop.orders.v2.OrdersService/PlaceOrder", document))
    assert found
    assert all(each.startswith(difference) for each in found)


def differences(name: str, document: Json) -> Iterator[str]:
    """Yield each request that only one of the two sides accepts."""
    operation = Operation(name, document)
    for request in changes(PUBLIC[name].input_type, EXAMPLES[name]):
        rules, is_accepted = refusals(PUBLIC[name], request), operation.accepts(request)
        if is_accepted and rules - ONLY_IN_WORDS.keys():
            yield f"only the validator refuses {request}: {rules}"
        elif not is_accepted and not rules:
            yield f"only the schema refuses {request}"
