"""Rules for contracts that buf does not have. Each one returns the violations in a built set of contracts."""

from itertools import chain
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet, MethodOptions

from tests.contracts import resources, validation
from tests.contracts.contents import messages, methods, own

MONEY = ".google.type.Money"
MONEY_NAMES = ("amount", "cost", "fee", "price", "total")
WITHOUT_REQUEST_ID = ("shop.identity.v1.IdentityService/IssueToken",)
"""Writes without a request_id: the reply is a secret, which is created for each call and not stored."""
FLOATS = (FieldDescriptorProto.TYPE_FLOAT, FieldDescriptorProto.TYPE_DOUBLE)


def idempotency(contracts: FileDescriptorSet) -> list[str]:
    """Return the methods without an explicit idempotency_level, which decides on retries."""
    return [
        f"{name} does not state its idempotency_level"
        for name, method in methods(contracts).items()
        if not method.options.HasField("idempotency_level")
    ]


def request_ids(contracts: FileDescriptorSet) -> list[str]:
    """Return the writes without a request_id, except WITHOUT_REQUEST_ID, and the reads with one."""
    violations = []
    for name, method in methods(contracts).items():
        is_read = method.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        fields = messages(contracts)[method.input_type].field
        has_request_id = any(field.name == "request_id" and field.type == field.TYPE_STRING for field in fields)
        if has_request_id == (is_read or name in WITHOUT_REQUEST_ID):
            violations.append(f"{name} is a {'read with' if is_read else 'write without'} a request_id")
    return violations


def money(contracts: FileDescriptorSet) -> list[str]:
    """Return the fields with an amount of money that are not google.type.Money, and the floating-point fields."""
    violations = []
    for message, descriptor in messages(contracts).items():
        for field in descriptor.field:
            if field.name.rpartition("_")[2] in MONEY_NAMES and field.type_name != MONEY:
                violations.append(f"{message[1:]}.{field.name} is not google.type.Money")
            if field.type in FLOATS:
                violations.append(f"{message[1:]}.{field.name} is a floating-point number")
    return violations


def pages(contracts: FileDescriptorSet) -> list[str]:
    """Return the List methods without page_size, page_token or next_page_token."""
    violations = []
    for name, method in methods(contracts).items():
        request = {field.name for field in messages(contracts)[method.input_type].field}
        response = {field.name for field in messages(contracts)[method.output_type].field}
        missing = ({"page_size", "page_token"} - request) | ({"next_page_token"} - response)
        if method.name.startswith("List") and missing:
            violations.append(f"{name} has no {', '.join(sorted(missing))}")
    return violations


def sentences(contracts: FileDescriptorSet) -> list[str]:
    """Return the comments that are not sentences, and the comments of methods without an "Errors:" paragraph."""
    violations = []
    for file in own(contracts):
        for location in file.source_code_info.location:
            comment = location.leading_comments.strip()
            if comment and not comment.endswith((".", ":")):
                violations.append(f"{file.name}:{location.span[0] + 1} the comment is not a sentence: {comment!r}")
            # The path of a method: service, index, method, index. descriptor.proto defines the numbers.
            if [*location.path[::2]] == [6, 2] and len(location.path) == 4 and "\n Errors: " not in comment:
                violations.append(f"{file.name}:{location.span[0] + 1} the method's comment does not list its errors")
    return violations


def public(contracts: FileDescriptorSet) -> set[str]:
    """Return the methods that have an HTTP path."""
    http: Any = annotations_pb2.http  # google's type stubs do not say which message it extends
    return {name for name, method in methods(contracts).items() if method.options.HasExtension(http)}


def violations(contracts: FileDescriptorSet) -> list[str]:
    """Return the violations of all rules."""
    rules = (
        *(idempotency, request_ids, money, pages, sentences),
        *(validation.field_rules, validation.streams, validation.rule_texts),
        *(resources.behaviors, resources.required, resources.references, resources.complete),
    )
    return list(chain.from_iterable(rule(contracts) for rule in rules))
