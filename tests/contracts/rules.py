"""The rules that buf does not know: each answers its offences against a built set of contracts, in sentences."""

from itertools import chain
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet, MethodOptions

from tests.contracts import validation
from tests.contracts.contents import messages, methods, own

MONEY = ".google.type.Money"
MONEY_NAMES = ("amount", "cost", "fee", "price", "total")
NOT_KEPT = ("shop.identity.v1.IdentityService/IssueToken",)
"""Writes without a request_id: the reply is a secret, which is made anew rather than kept."""
FLOATS = (FieldDescriptorProto.TYPE_FLOAT, FieldDescriptorProto.TYPE_DOUBLE)


def idempotency(contracts: FileDescriptorSet) -> list[str]:
    """Every method states its idempotency_level, be it IDEMPOTENCY_UNKNOWN: retries follow from it."""
    return [
        f"{name} does not state its idempotency_level"
        for name, method in methods(contracts).items()
        if not method.options.HasField("idempotency_level")
    ]


def request_ids(contracts: FileDescriptorSet) -> list[str]:
    """Every write carries a request_id, so that it can be sent again, but for those of NOT_KEPT; no read does."""
    offences = []
    for name, method in methods(contracts).items():
        read = method.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        fields = messages(contracts)[method.input_type].field
        carried = any(field.name == "request_id" and field.type == field.TYPE_STRING for field in fields)
        if carried == (read or name in NOT_KEPT):
            offences.append(f"{name} is a {'read with' if read else 'write without'} a request_id")
    return offences


def money(contracts: FileDescriptorSet) -> list[str]:
    """See that money is google.type.Money, wherever a name tells it, and nothing a floating-point number."""
    offences = []
    for message, descriptor in messages(contracts).items():
        for field in descriptor.field:
            if field.name.rpartition("_")[2] in MONEY_NAMES and field.type_name != MONEY:
                offences.append(f"{message[1:]}.{field.name} is not google.type.Money")
            if field.type in FLOATS:
                offences.append(f"{message[1:]}.{field.name} is a floating-point number")
    return offences


def pages(contracts: FileDescriptorSet) -> list[str]:
    """Every List method takes page_size and page_token and answers next_page_token."""
    offences = []
    for name, method in methods(contracts).items():
        asked = {field.name for field in messages(contracts)[method.input_type].field}
        answered = {field.name for field in messages(contracts)[method.output_type].field}
        missing = ({"page_size", "page_token"} - asked) | ({"next_page_token"} - answered)
        if method.name.startswith("List") and missing:
            offences.append(f"{name} has no {', '.join(sorted(missing))}")
    return offences


def sentences(contracts: FileDescriptorSet) -> list[str]:
    """Every comment ends as a sentence does, and every method's tells its errors."""
    offences = []
    for file in own(contracts):
        for location in file.source_code_info.location:
            comment = location.leading_comments.strip()
            if comment and not comment.endswith((".", ":")):
                offences.append(f"{file.name}:{location.span[0] + 1} the comment is no sentence: {comment!r}")
            # A path of service, its index, method, its index (descriptor.proto tells the numbers).
            if [*location.path[::2]] == [6, 2] and len(location.path) == 4 and "\n Errors: " not in comment:
                offences.append(f"{file.name}:{location.span[0] + 1} the method's comment does not tell its errors")
    return offences


def public(contracts: FileDescriptorSet) -> set[str]:
    """Answer the methods that have an HTTP path: those that the gateway lets in."""
    http: Any = annotations_pb2.http  # google's own types do not say whose extension it is
    return {name for name, method in methods(contracts).items() if method.options.HasExtension(http)}


def offences(contracts: FileDescriptorSet) -> list[str]:
    """Answer what offends any rule."""
    rules = (idempotency, request_ids, money, pages, sentences, validation.judged, validation.whole, validation.named)
    return list(chain.from_iterable(rule(contracts) for rule in rules))
