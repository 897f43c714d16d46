"""Each validation rule is in the schema of its field, as a keyword or in words."""

from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.contracts.conftest import Checkout
from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.rules import Rules
from tools.protoc_gen_istio.schemas import Schemas

CONTRACT = """
syntax = "proto3";
package shop.samples.v1;
import "buf/validate/validate.proto";
import "google/protobuf/field_mask.proto";
import "google/type/money.proto";
import "shop/rules/v1/rules.proto";
message Sample {{
  option (buf.validate.message).cel = {{id: "this.to_day", message: "must not be before from_day", expression: "true"}};
  enum Kind {{ KIND_UNSPECIFIED = 0; KIND_A = 1; KIND_B = 2; }}
{fields}
  oneof delivery {{ option (buf.validate.oneof).required = true; string address = 101; bool pickup = 102; }}
  oneof contact {{ string email = 103; string phone = 104; }}
}}
"""
Row = tuple[str, str, dict[str, Any]]
ROWS: list[Row] = [
    ("string", "string = {min_len: 1 max_len: 9}", {"minLength": 1, "maxLength": 9}),
    ("string", "string.len = 2", {"minLength": 2, "maxLength": 2}),
    ("string", 'string.pattern = "^[a-z]$"', {"pattern": "^[a-z]$"}),
    ("string", 'string.prefix = "a.b"', {"pattern": r"^a\.b"}),
    ("string", 'string = {prefix: "a" suffix: "z"}', {"allOf": [{"pattern": "^a"}, {"pattern": "z$"}]}),
    ("string", 'string.contains = "-"', {"pattern": "-"}),
    ("string", 'string.not_contains = "x"', {"not": {"anyOf": [{"pattern": "x"}]}}),
    ("string", 'string = {in: ["a", "b"]}', {"enum": ["a", "b"]}),
    ("string", 'string.not_in = "-"', {"not": {"enum": ["-"]}}),
    ("string", 'string.const = "a"', {"const": "a"}),
    ("string", "string.email = true", {"format": "email"}),
    ("string", "string.uri_ref = true", {"format": "uri-reference"}),
    (
        "string",
        "string.min_len = 3, (buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE",
        {"anyOf": [{"const": ""}, {"minLength": 3}]},
    ),
    ("string", "string.min_len = 3, (buf.validate.field).ignore = IGNORE_ALWAYS", {}),
    ("int32", "int32 = {gte: 1 lte: 9}", {"minimum": 1, "maximum": 9}),
    ("int32", "int32 = {gt: 1 lt: 9}", {"exclusiveMinimum": 1, "exclusiveMaximum": 9}),
    ("int32", "int32 = {in: [1, 2]}", {"enum": [1, 2]}),
    ("double", "double.gt = 0", {"exclusiveMinimum": 0}),
    ("double", "double = {gt: -inf lt: inf}", {}),
    ("double", "double = {in: [1, nan]}", {"enum": [1]}),
    ("int64", "int64 = {gte: 1 lt: 9}", {"description": "It is below 9 and at least 1."}),
    ("int64", "int64 = {in: [1, 2]}", {"enum": ["1", "2"]}),
    ("bool", "bool.const = true", {"const": True}),
    ("Kind", "enum = {in: [1, 2]}", {"enum": ["KIND_A", "KIND_B"]}),
    ("Kind", "enum = {in: [1, 7]}", {"enum": ["KIND_A"]}),
    ("Kind", "enum.const = 7", {}),
    ("Kind", "enum = {not_in: [0]}", {"not": {"enum": ["KIND_UNSPECIFIED"]}}),
    (
        "repeated string",
        "repeated = {min_items: 1 max_items: 9 unique: true}",
        {"minItems": 1, "maxItems": 9, "uniqueItems": True},
    ),
    ("repeated string", "repeated.items.string.max_len = 9", {"items": {"type": "string", "maxLength": 9}}),
    ("map<string, int32>", "map = {min_pairs: 1 max_pairs: 2}", {"minProperties": 1, "maxProperties": 2}),
    (
        "map<string, int32>",
        "map = {keys: {string: {max_len: 9}} values: {int32: {gte: 0}}}",
        {
            "propertyNames": {"maxLength": 9},
            "additionalProperties": {"type": "integer", "format": "int32", "minimum": 0},
        },
    ),
    (
        "google.protobuf.FieldMask",
        'field_mask.in = "from_day"',
        {"pattern": r"^(?:(?:fromDay)(?:\.\w+)*(?:,(?:fromDay)(?:\.\w+)*)*)?$"},
    ),
    ("string", 'cel = {id: "a", message: "must be odd", expression: "true"}', {"description": "It must be odd."}),
    (
        "google.type.Money",
        'cel = {id: "this.currency_code", message: "must be EUR", expression: "true"}',
        {"description": "Its currencyCode must be EUR."},
    ),
    (
        "google.type.Money",
        'cel = {id: "this.units", message: "must be set", expression: "has(this.units)"}',
        {"required": ["units"], "description": "Its units must be set."},
    ),
    (
        "repeated Sample",
        "repeated.(shop.rules.v1.distinct_products) = true",
        {"description": "It must name no product twice."},
    ),
]
TYPE = {"type", "format", "items", "additionalProperties", "$ref"}
"""Keywords that say what the type is."""


def test_every_rule_is_in_the_schema(checkout: Checkout) -> None:
    fields = (
        f"  {kind} field_{number} = {number} [(buf.validate.field).{rule}];"
        for number, (kind, rule, _) in enumerate(ROWS, start=1)
    )
    folder = checkout.root / "proto/shop/samples/v1"
    folder.mkdir(parents=True)
    (folder / "samples.proto").write_text(CONTRACT.format(fields="\n".join(fields)), encoding="utf-8")
    run = checkout.buf("build", "proto", "--as-file-descriptor-set", "--output", "image.binpb")
    assert run.returncode == 0, run.stdout
    files = FileDescriptorSet.FromString((checkout.root / "image.binpb").read_bytes()).file
    schema = Schemas(Elements.of(files), Rules(files)).message("shop.samples.v1.Sample")
    shown = [schema["properties"][f"field{number}"] for number in range(1, len(ROWS) + 1)]
    given = [
        {key: each[key] for key in each if key in row[2] or key not in TYPE}
        for each, row in zip(shown, ROWS, strict=True)
    ]
    assert given == [row[2] for row in ROWS]
    assert schema["description"] == "Its toDay must not be before from_day."
    address, pickup, email, phone = ({"required": [name]} for name in ("address", "pickup", "email", "phone"))
    assert schema["allOf"] == [
        {"oneOf": [address, pickup]},
        {"oneOf": [email, phone, {"not": {"anyOf": [email, phone]}}]},
    ]
