"""Requests are held against the rules of their contract (buf.validate) before a servicer sees them."""

from collections.abc import Iterable

from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate import FieldPathPb, Validator, ViolationPb

from services.runtime.validation import InvalidFieldsError, Violation

# A rule over a whole message tells by its id which of the message's fields offends: "this.end_time".
THIS = "this."

# In a request of more bytes than this the first offence is told alone: a full message can break a million rules. The
# largest request that keeps the rules of its contract has fewer.
MOST_TOLD_BYTES = 8 * 1024

# It keeps what it has compiled.
_validator = Validator()


def compile_rules(services: Iterable[str]) -> None:
    """Compile the rules of these services' requests, so that no call waits for it; CompilationError if one is wrong."""
    pool = descriptor_pool.Default()
    for name in services:
        for method in pool.FindServiceByName(name).methods:
            _validator.collect_violations(GetMessageClass(method.input_type)())


def validate(request: Message) -> None:
    """Raise InvalidFieldsError if the request breaks a rule of its contract: one violation for each such field."""
    violations: dict[str, Violation] = {}
    for found in _validator.collect_violations(request, fail_fast=request.ByteSize() > MOST_TOLD_BYTES):
        field = _field(found.proto)
        violations.setdefault(field, Violation(field, found.proto.message or ""))
    if violations:
        raise InvalidFieldsError(list(violations.values()))


def _field(violation: ViolationPb) -> str:
    path = _path(violation.field) if violation.field else ""
    rule = violation.rule_id or ""
    if not rule.startswith(THIS):
        return path
    return f"{path}.{rule.removeprefix(THIS)}" if path else rule.removeprefix(THIS)


def _path(path: FieldPathPb) -> str:
    return ".".join(
        f"{element.field_name}[{element.subscript.value}]" if element.subscript else f"{element.field_name}"
        for element in path.elements
    )
