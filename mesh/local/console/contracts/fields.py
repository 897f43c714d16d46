"""The fields of messages with their rules in readable words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FieldOptions
from google.protobuf.message import Message

from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.rules import Rules

Field = FieldDescriptorProto
BEHAVIOR: Any = field_behavior_pb2.field_behavior  # google's type stubs do not say which message it extends
IGNORE_IF_ZERO_VALUE = 1
SCALARS = {number: name.removeprefix("TYPE_").lower() for name, number in Field.Type.items()}
WITHIN: Mapping[str, tuple[str, str, str]] = {
    "string": ("min_len", "max_len", "characters"),
    "bytes": ("min_len", "max_len", "bytes"),
    "repeated": ("min_items", "max_items", "entries"),
    "map": ("min_pairs", "max_pairs", "entries"),
}
"""Kind → its rules for the minimum and the maximum size, and what is counted."""
WORDS = {
    "const": "exactly {}",
    "lt": "below {}",
    "lte": "at most {}",
    "gt": "above {}",
    "gte": "at least {}",
    "in": "one of {}",
    "not_in": "not {}",
    "pattern": "matches {}",
    "prefix": "starts with {}",
    "suffix": "ends with {}",
    "contains": "contains {}",
    "not_contains": "does not contain {}",
    "len": "exactly {} characters",
    "min_bytes": "at least {} bytes",
    "max_bytes": "at most {} bytes",
    "within": "within {} of now",
}
"""Rule → what it says, with its value."""
FLAGS = {"unique": "no entry twice", "defined_only": "a known value", "lt_now": "in the past", "gt_now": "in future"}
"""Rule without a value → what it says. All others are the names of formats."""
WITHOUT_NUL = r"^[^\x00]*$"
"""The pattern of a text that PostgreSQL can store."""
MAX_DEPTH = 4


@dataclass(frozen=True)
class FieldRow:
    """A field of a message, or of a message inside of it."""

    path: str
    """Its name in JSON: "items[].product"."""
    type: str
    comment: str
    required: bool
    output_only: bool
    deprecated: bool
    rules: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reader:
    """Reads the fields of messages."""

    elements: Elements
    rules: Rules

    def rows(self, message: str, prefix: str = "", within: Sequence[str] = ()) -> Iterator[FieldRow]:
        """Yield the fields of a message, each followed by those inside of it."""
        for each in self.elements.messages[message].field:
            path = f"{prefix}{each.json_name}"
            inner = each.type_name.removeprefix(".")
            entry = self.elements.messages.get(inner)
            is_map = entry is not None and entry.options.map_entry
            yield self._row(message, each, path, is_map=is_map)
            is_own = entry is not None and not is_map and not inner.startswith("google.protobuf.")
            if is_own and inner not in within and len(within) < MAX_DEPTH:
                suffix = "[]." if each.label == Field.LABEL_REPEATED else "."
                yield from self.rows(inner, f"{path}{suffix}", (*within, message))

    def _row(self, message: str, each: Field, path: str, *, is_map: bool) -> FieldRow:
        behavior = FieldOptions.FromString(each.options.SerializeToString()).Extensions[BEHAVIOR]
        rules = self.rules.field(each.options)
        sentences = (f"its {name} {text}" if name else text for name, text in self.rules.field_sentences(each.options))
        enum = self.elements.enums.get(each.type_name.removeprefix("."))
        values = [f"one of {_joined(value.name for value in enum.value if value.number)}"] if enum else []
        return FieldRow(
            path=path,
            type=_type(each, is_map=is_map),
            comment=self.elements.comments.get(f"{message}.{each.name}", ""),
            required=field_behavior_pb2.REQUIRED in behavior or (rules is not None and bool(rules.required)),
            output_only=field_behavior_pb2.OUTPUT_ONLY in behavior,
            deprecated=each.options.deprecated,
            rules=[*values, *words(rules), *sentences],
        )


def words(rules: Any) -> list[str]:  # noqa: ANN401  # FieldRules, of a class that is built from the contracts
    """Return what the standard rules of a field say."""
    kind = rules.WhichOneof("type") if rules is not None else None
    if not kind:
        return []
    given = {rule.name: value for rule, value in getattr(rules, kind).ListFields() if not rule.is_extension}
    found = [*_size(kind, given)]
    for name, value in given.items():
        if name in {"items", "keys", "values"}:
            each = {"items": "each entry", "keys": "each key", "values": "each value"}[name]
            found += [f"{each}: {text}" for text in words(value)]
        elif name == "pattern" and value == WITHOUT_NUL:
            found.append("no NUL character")
        elif name in WORDS:
            found.append(WORDS[name].format(_value(value)))
        elif value is True:
            found.append(FLAGS.get(name, f"a valid {name.replace('_', ' ')}"))
    return [f"{text}, or empty" for text in found] if rules.ignore == IGNORE_IF_ZERO_VALUE else found


def _size(kind: str, given: dict[str, Any]) -> Iterator[str]:
    """Yield what a minimum and a maximum say, and take both out of the rules."""
    min_rule, max_rule, unit = WITHIN.get(kind, ("gte", "lte", ""))
    low, high = given.get(min_rule), given.get(max_rule)
    if low is not None and high is not None:
        yield f"{_value(low)} to {_value(high)} {unit}".strip()
    elif unit and low is not None:
        yield f"at least {low} {unit}"
    elif unit and high is not None:
        yield f"at most {high} {unit}"
    else:
        return
    given.pop(min_rule, None)
    given.pop(max_rule, None)


def _value(value: Any) -> str:  # noqa: ANN401  # of any rule
    match value:
        case str():
            return value or "nothing"
        case Message() if value.DESCRIPTOR.name == "Timestamp":
            return datetime.fromtimestamp(value.seconds, UTC).isoformat()  # type: ignore[attr-defined]  # dynamic
        case Message() if value.DESCRIPTOR.name == "Duration":
            return f"{value.seconds + value.nanos / 1e9:g} s"  # type: ignore[attr-defined]  # dynamic
        case Sequence() if not isinstance(value, bytes):
            return _joined(map(_value, value))
        case _:
            return str(value)


def _joined(values: Any) -> str:  # noqa: ANN401  # an iterable of values of any rule
    return ", ".join(map(str, values))


def _type(each: Field, *, is_map: bool) -> str:
    name = each.type_name.removeprefix(".").removeprefix("google.protobuf.") or SCALARS[each.type]
    if is_map:
        return "map"
    return f"list of {name}" if each.label == Field.LABEL_REPEATED else name
