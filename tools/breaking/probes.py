"""Values that show whether a field's rules refuse what they took before: such as stand at the edges of its rules."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from protovalidate import CompilationError, EvaluationError, Validator

from tools.breaking.image import Element, Image
from tools.breaking.sources import SourceError

MOST = 20_000
"""Of a text's characters, or a list's entries, that are tried."""
LONGEST = 40
"""Characters of a text that is told whole."""
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
    """A value of a field."""

    told: str
    put: Callable[[Any, str], None]
    """Gives it to a message's field of a name. Raises ValueError, TypeError or AttributeError if the field cannot
    have it."""
    as_list: bool = False
    """Whether it is judged as a list, and no entry of it for itself."""


UNSET = Probe("without it", lambda _message, _name: None)
EMPTY = Probe("with an empty one", lambda message, name: getattr(message, name).SetInParent())


class Judge:
    """Holds values against the rules that fields have in one image."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._validator = Validator()

    def refusals(self, field: Element, probe: Probe) -> dict[str, str]:
        """Answer what the field must be and is not if it has this value, by the rules that say so.

        What is wrong with the message's other fields does not count. Raises ValueError, TypeError or AttributeError if
        the field cannot have the value, as that of an older contract; SourceError if its rules do not compile.
        """
        refusals: dict[str, str] = {}
        try:
            for names, violation in self._violations(field, probe):
                if len(names) == 1 and not (probe.as_list and violation.field.elements[0].subscript):
                    refusals[violation.rule_id] = violation.message or violation.rule_id
        except EvaluationError as error:
            return {"": str(error)}
        return refusals

    def refusals_within(self, field: Element, probe: Probe) -> set[tuple[str, ...]]:
        """Return the rules of the message in the field that refuse the value: the path of each, and the rule."""
        try:
            found = list(self._violations(field, probe))
        except EvaluationError:
            return set()
        return {(*names, violation.rule_id) for names, violation in found if len(names) > 1}

    def _violations(self, field: Element, probe: Probe) -> Iterator[tuple[list[str], Any]]:
        """Yield every violation of the field's rules, or of rules within it, with the names that lead to it."""
        message = self._image.new(field.parent)
        probe.put(message, field.proto.name)
        try:
            found = self._validator.collect_violations(message)
        except CompilationError as error:
            raise SourceError(f"the rules of {field.parent} do not compile: {error}") from error
        for violation in found:
            names = [each.field_name for each in violation.proto.field.elements] if violation.proto.field else []
            if names[:1] == [field.proto.name]:
                yield names, violation.proto


def probes(field: FieldDescriptor, rules: Iterable[str]) -> Iterator[Probe]:
    """Answer values of a field, from the numbers and words that stand in its rules."""
    text = " ".join(rules)
    near = sorted({int(found) + step for found in re.findall(r"\d{1,9}", text) for step in (-1, 0, 1)} | {0, 1, 2})
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
                put = _append if inner.is_repeated else _set
                for value in _scalars(inner, near, text):
                    yield Probe(f"with {inner.name} {_show(value)}", _within(put(value), inner.name))
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
    """Answer the words that stand in quotes, and texts of every length, perhaps behind a word with a slash."""
    words = {found for found in chain.from_iterable(re.findall(r"'([^']*)'|\"([^\"]*)\"", text)) if found}
    yield from sorted(words)
    heads = {f"{word}/" for word in words if word.isidentifier()} | set(re.findall(r"\b\w+/", text))
    for head in ("", *sorted(heads)):
        yield from (head + character * count for count in _sizes(near) for character in CHARACTERS)


def _sizes(near: list[int]) -> Iterator[int]:
    return (number for number in near if 0 <= number <= MOST)


def _set(value: Any) -> Callable[[Any, str], None]:  # noqa: ANN401  # the field's
    return lambda message, name: setattr(message, name, value)


def _append(value: Any) -> Callable[[Any, str], None]:  # noqa: ANN401  # the field's
    return lambda message, name: getattr(message, name).append(value)


def _within(put: Callable[[Any, str], None], inner: str) -> Callable[[Any, str], None]:
    return lambda message, name: put(getattr(message, name), inner)


def _fill(count: int) -> Callable[[Any, str], None]:
    def put(message: Any, name: str) -> None:  # noqa: ANN401  # of a class made at run time
        field, entries = message.DESCRIPTOR.fields_by_name[name], getattr(message, name)
        for number in range(count):
            # No two are alike: a list may have to be without doubles.
            if field.message_type:
                _differ(entries.add(), number)
            elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
                entries.append(str(number) if field.type == FieldDescriptor.TYPE_STRING else str(number).encode())
            else:
                entries.append(number)

    return put


def _differ(entry: Any, number: int) -> None:  # noqa: ANN401  # of a class made at run time
    texts = (field for field in entry.DESCRIPTOR.fields if field.type == field.TYPE_STRING and not field.is_repeated)
    if text := next(texts, None):
        setattr(entry, text.name, str(number))


def _show(value: Any) -> str:  # noqa: ANN401  # the field's
    if isinstance(value, str | bytes) and len(value) > LONGEST:
        return f"{len(value)} {'characters' if isinstance(value, str) else 'bytes'} ({value[:12]!r}…)"
    return repr(value)
