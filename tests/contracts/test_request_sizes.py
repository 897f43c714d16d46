"""The gateway holds a request completely before it forwards it. No valid request is larger than it holds."""

import re
from typing import Any

import pytest
import yaml
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from buf.validate import validate_pb2
from tests.support.checkout import ROOT
from tests.support.contracts import is_public, methods

MAX_HELD_BYTES = 128 * 1024
MAX_UTF8_BYTES = 4
"""The longest character."""
KEY_BYTES, NUMBER_BYTES = 6, 10
"""The most that a field's number and length, and a number, take."""
MESSAGES = {"google.protobuf.FieldMask": 1000, "google.protobuf.Timestamp": 24, "google.type.Money": 40}
FRAME_BYTES = 5


@pytest.mark.parametrize("path", [path for path, method in methods().items() if is_public(method)])
def test_the_gateway_holds_any_valid_request(path: str) -> None:
    method: MethodDescriptor = methods()[path]
    assert FRAME_BYTES + max_bytes(method.input_type) <= MAX_HELD_BYTES, (
        f"{path} needs more than the gateway holds by default: add its route to mesh/istio/base/edge.yaml, "
        "with a BufferPerRoute"
    )


def test_a_larger_request_would_be_found() -> None:
    """Test the calculation: five times a large request, and a field without a rule."""
    largest = max((max_bytes(method.input_type), path) for path, method in methods().items() if is_public(method))
    assert largest[1].endswith("/BatchGetProducts"), largest
    assert 100 * 64 < largest[0] < MAX_HELD_BYTES / 5
    with pytest.raises(ValueError, match="has no largest size"):
        max_bytes(FieldDescriptorProto.DESCRIPTOR)


def test_the_gateway_holds_no_more_than_that() -> None:
    manifests = yaml.safe_load_all((ROOT / "mesh/istio/base/edge.yaml").read_text(encoding="utf-8"))
    assert sorted(held for each in manifests for held in found(each, "max_request_bytes")) == [MAX_HELD_BYTES]


def max_bytes(message: Descriptor) -> int:
    """Return the most bytes that a valid message takes, by its rules. Services do not read OUTPUT_ONLY fields."""
    behaviors: Any = field_behavior_pb2.field_behavior  # google's type stubs do not say which message it extends
    read = (f for f in message.fields if field_behavior_pb2.OUTPUT_ONLY not in f.GetOptions().Extensions[behaviors])
    return sum(_field(field) for field in read)


def _field(field: FieldDescriptor) -> int:
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
    if not field.is_repeated:
        return KEY_BYTES + _value(field, rules)
    if not rules.repeated.max_items:
        raise ValueError(f"{field.full_name} has no largest size: give it a rule")
    return rules.repeated.max_items * (KEY_BYTES + _value(field, rules.repeated.items))


def _value(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> int:
    if field.message_type:
        return MESSAGES.get(field.message_type.full_name) or max_bytes(field.message_type)
    return _text(field, rules) if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else NUMBER_BYTES


def _text(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> int:
    text = rules.string
    if text.max_len:
        return text.max_len * MAX_UTF8_BYTES
    if values := getattr(text, "in"):
        return max(map(len, values))
    if repeated := re.findall(r",(\d+)\}", text.pattern):
        return len(text.pattern) + sum(map(int, repeated))
    if repeated := re.findall(r"\{(\d+)\}", text.pattern):
        return sum(map(int, repeated))
    raise ValueError(f"{field.full_name} has no largest size: give it a rule")


def found(value: Any, key: str) -> list[Any]:  # noqa: ANN401  # YAML
    """Return the values of a key at any depth."""
    if isinstance(value, list):
        return [each for item in value for each in found(item, key)]
    if isinstance(value, dict):
        return [item for name, item in value.items() if name == key] + [
            each for item in value.values() for each in found(item, key)
        ]
    return []
