"""Validation: every request is checked against the rules of its contract (buf.validate) before a servicer sees it."""

from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate import FieldPathPb, Validator, ViolationPb
from protovalidate import Violation as ProtoViolation

# A rule over a whole message names the invalid field in its id: "this.end_time".
MESSAGE_RULE_PREFIX = "this."

# In a larger request only the first violation is reported: a full message can break a million rules. The largest valid
# request is smaller.
MAX_FULL_REPORT_BYTES = 8 * 1024

MALFORMED = object()
"""Stands for a request whose bytes are no message."""

# It caches the rules it has compiled.
_validator = Validator()


@dataclass(frozen=True, slots=True)
class Violation:
    """An invalid field: its path in the request ("lines[1].quantity") and what it must be."""

    field: str
    description: str


class InvalidFieldsError(Exception):
    """The request breaks its contract: INVALID_ARGUMENT, with one violation for each invalid field."""

    def __init__(self, violations: list[Violation]) -> None:
        first = violations[0]
        others = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"{first.field} {first.description}{others}")
        self.violations = violations


def compile_rules(services: Iterable[str]) -> None:
    """Compile the rules of all requests of `services` (full names), so that no call has to wait for it.

    Raises CompilationError if a rule is wrong.
    """
    pool = descriptor_pool.Default()
    for name in services:
        for method in pool.FindServiceByName(name).methods:
            _validator.collect_violations(GetMessageClass(method.input_type)())


def validate(request: object) -> None:
    """Raise InvalidFieldsError, with one violation for each invalid field, if the request breaks its contract."""
    # A stream of requests is an iterator. Only reflection takes one, and its contract has no rules.
    if not isinstance(request, Message):
        if request is MALFORMED:
            raise InvalidFieldsError([Violation("request", "must be a message of its type")])
        return
    # Nearly all requests are valid. Only the others need a report.
    violations = _validator.collect_violations(request, fail_fast=True)
    if violations:
        if request.ByteSize() <= MAX_FULL_REPORT_BYTES:
            violations = _validator.collect_violations(request)
        raise InvalidFieldsError(_report(violations))


def _report(violations: Iterable[ProtoViolation]) -> list[Violation]:
    """Return the first violation of each field."""
    by_field: dict[str, Violation] = {}
    for violation in violations:
        field = _field(violation.proto)
        by_field.setdefault(field, Violation(field, violation.proto.message or ""))
    return list(by_field.values())


def _field(violation: ViolationPb) -> str:
    path = _path(violation.field) if violation.field else ""
    rule = violation.rule_id or ""
    if not rule.startswith(MESSAGE_RULE_PREFIX):
        return path
    field = rule.removeprefix(MESSAGE_RULE_PREFIX)
    return f"{path}.{field}" if path else field


def _path(path: FieldPathPb) -> str:
    return ".".join(
        f"{element.field_name}[{element.subscript.value}]" if element.subscript else f"{element.field_name}"
        for element in path.elements
    )
