"""Test values at the limits of a field's rules. They show whether the rules reject a value that was valid before."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from protovalidate import CompilationError, EvaluationError, Validator

from tools.breaking.image import Element, Image
from tools.breaking.sources import SourceError

MAX_SIZE = 20_000
"""The longest string, in characters, and the longest list, in entries, that are tried."""
MAX_SHOWN_CHARACTERS = 40
"""Longer strings are shortened in the report."""
CHARACTERS = ("a", "A", "0", "é")
NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: int,
    FieldDescriptor.CPPTYPE_INT64: int,
    FieldDescriptor.CPPTYPE_UINT32: int,
    FieldDescriptor.CPPTYPE_UINT64: int,
    FieldDescriptor.CPPTYPE_ENUM: int,
    FieldDescriptor.CPPTYPE_FLOAT: float,
    FieldDescriptor.CPPTYPE_DOUBLE: float,
}


@dataclass(frozen=True)
class Probe:
    """A test value of a field."""

    description: str
    apply: Callable[[Any, str], None]
    """Sets the value in the named field of a message. Raises ValueError, TypeError or AttributeError if the field
    cannot have the value."""
    as_list: bool = False
    """Whether the value is a list, of which only the rules for the whole list count."""


UNSET = Probe("without a value", lambda _message, _name: None)
EMPTY = Probe("with an empty value", lambda message, name: getattr(message, name).SetInParent())


class RuleChecker:
    """Checks values against the rules that fields have in one image."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._validator = Validator()

    def violations(self, field: Element, probe: Probe) -> dict[str, str]:
        """Return the texts of the rules that reject the value, by rule id.

        Violations in other fields of the message do not count. Raises ValueError, TypeError or AttributeError if the
        field cannot have the value, for example in an older contract; SourceError if its rules do not compile.
        """
        violations: dict[str, str] = {}
        try:
            for names, violation in self._violations(field, probe):
                if len(names) == 1 and not (probe.as_list and violation.field.elements[0].subscript):
                    violations[violation.rule_id] = violation.message or violation.rule_id
        except EvaluationError as error:
            return {"": str(error)}
        return violations

    def nested_violations(self, field: Element, probe: Probe) -> set[tuple[str, ...]]:
        """Return the rules inside the field's message that reject the value: the path to each rule, and the rule id."""
        try:
            violations = list(self._violations(field, probe))
        except EvaluationError:
            return set()
        return {(*names, violation.rule_id) for names, violation in violations if len(names) > 1}

    def _violations(self, field: Element, probe: Probe) -> Iterator[tuple[list[str], Any]]:
        """Yield every violation of the field's rules and of rules inside it, with the path of field names."""
        message = self._image.new(field.parent)
        probe.apply(message, field.proto.name)
        try:
            violations = self._validator.collect_violations(message)
        except CompilationError as error:
            raise SourceError(f"the rules of {field.parent} do not compile: {error}") from error
        for violation in violations:
            names = [each.field_name for each in violation.proto.field.elements] if violation.proto.field else []
            if names[:1] == [field.proto.name]:
                yield names, violation.proto


def probes(field: FieldDescriptor, rules: Iterable[str]) -> Iterator[Probe]:
    """Yield test values of a field, derived from the numbers and words in its rules."""
    text = " ".join(rules)
    near = sorted({int(number) + step for number in re.findall(r"\d{1,9}", text) for step in (-1, 0, 1)} | {0, 1, 2})
    yield UNSET
    if field.is_repeated:
        if not (field.message_type and field.message_type.GetOptions().map_entry):
            yield from (Probe(f"with {count} entries", _fill(count), as_list=True) for count in _sizes(near))
            yield from (
                Probe(f"with the entry {_show(value)}", _append(value)) for value in _scalars(field, near, text)
            )
    elif field.message_type:
        yield EMPTY
        for inner in field.message_type.fields:
            if not inner.message_type:
                setter = _append if inner.is_repeated else _set
                for value in _scalars(inner, near, text):
                    yield Probe(f"with {inner.name} {_show(value)}", _within(setter(value), inner.name))
    else:
        yield from (Probe(f"with {_show(value)}", _set(value)) for value in _scalars(field, near, text))


def _scalars(field: FieldDescriptor, near: list[int], text: str) -> Iterator[Any]:
    if field.cpp_type in NUMBERS:
        yield from map(NUMBERS[field.cpp_type], (*near, *(-number for number in near)))
    elif field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        yield from (False, True)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        texts = _texts(near, text)
        yield from ((value.encode() for value in texts) if field.type == FieldDescriptor.TYPE_BYTES else texts)


def _texts(near: list[int], text: str) -> Iterator[str]:
    """Yield the quoted words, and strings of every size, with and without a prefix such as "products/"."""
    words = {word for word in chain.from_iterable(re.findall(r"'([^']*)'|\"([^\"]*)\"", text)) if word}
    yield from sorted(words)
    prefixes = {f"{word}/" for word in words if word.isidentifier()} | set(re.findall(r"\b\w+/", text))
    for prefix in ("", *sorted(prefixes)):
        yield from (prefix + character * count for count in _sizes(near) for character in CHARACTERS)


def _sizes(near: list[int]) -> Iterator[int]:
    return (number for number in near if 0 <= number <= MAX_SIZE)


def _set(value: Any) -> Callable[[Any, str], None]:  # noqa: ANN401  # a value of the field's type
    return lambda message, name: setattr(message, name, value)


def _append(value: Any) -> Callable[[Any, str], None]:  # noqa: ANN401  # a value of the field's type
    return lambda message, name: getattr(message, name).append(value)


def _within(apply: Callable[[Any, str], None], inner: str) -> Callable[[Any, str], None]:
    return lambda message, name: apply(getattr(message, name), inner)


def _fill(count: int) -> Callable[[Any, str], None]:
    def apply(message: Any, name: str) -> None:  # noqa: ANN401  # of a class that is built at run time
        field, entries = message.DESCRIPTOR.fields_by_name[name], getattr(message, name)
        for number in range(count):
            # All entries differ, because a rule may forbid duplicates.
            if field.message_type:
                _make_unique(entries.add(), number)
            elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
                entries.append(str(number) if field.type == FieldDescriptor.TYPE_STRING else str(number).encode())
            else:
                entries.append(number)

    return apply


def _make_unique(entry: Any, number: int) -> None:  # noqa: ANN401  # of a class that is built at run time
    texts = (field for field in entry.DESCRIPTOR.fields if field.type == field.TYPE_STRING and not field.is_repeated)
    if text := next(texts, None):
        setattr(entry, text.name, str(number))


def _show(value: Any) -> str:  # noqa: ANN401  # a value of the field's type
    if isinstance(value, str | bytes) and len(value) > MAX_SHOWN_CHARACTERS:
        return f"{len(value)} {'characters' if isinstance(value, str) else 'bytes'} ({value[:12]!r}…)"
    return repr(value)
