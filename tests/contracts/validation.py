"""The rules of rules: each answers its offences against a built set of contracts, in sentences."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

from buf.validate import validate_pb2
from services.runtime.rpc.validation import MESSAGE_RULE_PREFIX
from tests.contracts.contents import messages, methods


def judged(contracts: FileDescriptorSet) -> list[str]:
    """Every field of a request has a rule, or is a message whose fields have.

    A yes or no can break none, and what a service alone sets in a resource (OUTPUT_ONLY) it does not read.
    """
    known = messages(contracts)
    offences: dict[str, None] = {}
    left = [method.input_type for method in methods(contracts).values()]
    seen = set(left)
    while left:
        name = left.pop()
        for field in known[name].field:
            inner = known.get(field.type_name)
            if not _has_rule(field) and (inner is None or field.label == field.LABEL_REPEATED):
                offences[f"{name[1:]}.{field.name} has no rule"] = None
            if inner is not None and field.type_name not in seen:
                seen.add(field.type_name)
                left.append(field.type_name)
    return list(offences)


def whole(contracts: FileDescriptorSet) -> list[str]:
    """No method takes a stream of requests: only a whole message is judged before its servicer sees it."""
    return [
        f"{name} takes a stream of requests" for name, method in methods(contracts).items() if method.client_streaming
    ]


def named(contracts: FileDescriptorSet) -> list[str]:
    """See that a rule over a whole message tells by its id which of its fields offends, and every rule has a text."""
    return [offence for name, message in messages(contracts).items() for offence in _named(name[1:], message)]


def _named(name: str, message: DescriptorProto) -> Iterator[str]:
    fields = {f"{MESSAGE_RULE_PREFIX}{field.name}" for field in message.field}
    over_all = message.options.Extensions[validate_pb2.message].cel
    for rule in over_all:
        if rule.id not in fields:
            yield f"{name}: the id {rule.id!r} names no field of it, as {MESSAGE_RULE_PREFIX}<field> does"
    for rule in (*over_all, *(rule for field in message.field for rule in _cel(field))):
        if not rule.message and "'must " not in rule.expression:
            yield f"{name}: the rule {rule.id!r} does not say what must be"


def _has_rule(field: FieldDescriptorProto) -> bool:
    behaviors: Any = field_behavior_pb2.field_behavior  # google's own types do not say whose extension it is
    unread = field_behavior_pb2.OUTPUT_ONLY in field.options.Extensions[behaviors]
    return unread or field.type == field.TYPE_BOOL or field.options.HasExtension(validate_pb2.field)


def _cel(field: FieldDescriptorProto) -> Iterable[validate_pb2.Rule]:
    return field.options.Extensions[validate_pb2.field].cel
