"""Rules for the validation rules of contracts. Each one returns the violations in a built set of contracts."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

from buf.validate import validate_pb2
from services.runtime.rpc.validation import MESSAGE_RULE_PREFIX
from tests.contracts.contents import messages, methods


def field_rules(contracts: FileDescriptorSet) -> list[str]:
    """Return the fields of requests without a rule; a field with a message needs rules in the message.

    Boolean fields need no rule, and services do not read OUTPUT_ONLY fields.
    """
    by_name = messages(contracts)
    violations: dict[str, None] = {}
    pending = [method.input_type for method in methods(contracts).values()]
    seen = set(pending)
    while pending:
        name = pending.pop()
        for field in by_name[name].field:
            inner = by_name.get(field.type_name)
            if not _has_rule(field) and (inner is None or field.label == field.LABEL_REPEATED):
                violations[f"{name[1:]}.{field.name} has no rule"] = None
            if inner is not None and field.type_name not in seen:
                seen.add(field.type_name)
                pending.append(field.type_name)
    return list(violations)


def streams(contracts: FileDescriptorSet) -> list[str]:
    """Return the methods with a stream of requests, which cannot be validated before the servicer is called."""
    return [
        f"{name} takes a stream of requests" for name, method in methods(contracts).items() if method.client_streaming
    ]


def rule_texts(contracts: FileDescriptorSet) -> list[str]:
    """Return the message rules whose id does not name a field, and the rules without a text."""
    return [violation for name, message in messages(contracts).items() for violation in _rule_texts(name[1:], message)]


def _rule_texts(name: str, message: DescriptorProto) -> Iterator[str]:
    fields = {f"{MESSAGE_RULE_PREFIX}{field.name}" for field in message.field}
    message_rules = message.options.Extensions[validate_pb2.message].cel
    for rule in message_rules:
        if rule.id not in fields:
            yield f"{name}: the id {rule.id!r} does not name a field: use {MESSAGE_RULE_PREFIX}<field>"
    for rule in (*message_rules, *(rule for field in message.field for rule in _cel(field))):
        if not rule.message and "'must " not in rule.expression:
            yield f"{name}: the rule {rule.id!r} has no text"


def _has_rule(field: FieldDescriptorProto) -> bool:
    behaviors: Any = field_behavior_pb2.field_behavior  # google's type stubs do not say which message it extends
    is_output = field_behavior_pb2.OUTPUT_ONLY in field.options.Extensions[behaviors]
    return is_output or field.type == field.TYPE_BOOL or field.options.HasExtension(validate_pb2.field)


def _cel(field: FieldDescriptorProto) -> Iterable[validate_pb2.Rule]:
    return field.options.Extensions[validate_pb2.field].cel
