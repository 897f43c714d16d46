"""Values of the fields of requests: scalars, lists, maps and whole messages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tools.breaking.samples.literals import Literals
from tools.breaking.samples.paths import MAX_DEPTH, Path, entry_of, is_map, is_set, message_name
from tools.breaking.samples.values import TIMES, Scalar, scalars, sizes, times, variants

MAX_OTHER_SIZE = 64
MAX_ENTRIES = 2_000
"""The longest list of messages that is tried."""
ENTRY = "[]"
"""Follows the name of a list or map whose entry has a violation."""
UNEVALUATED = "?"
"""Stands for the names of a violation if a rule cannot be evaluated."""
MAX_SHOWN_CHARACTERS = 40
"""Longer strings are shortened in the report."""

Put = Callable[[Any, FieldDescriptor], None]
"""Sets a field of a message. Raises ValueError, TypeError or AttributeError if it cannot have the value."""


class Rulebook(Protocol):
    """What the search needs to know of the rules."""

    def literals(self, path: Path) -> Literals:
        """Return the literals in all rules that may apply to the last field of a path."""

    def own_literals(self, field: FieldDescriptor) -> Literals:
        """Return the literals in the rules of a field itself."""

    def faults(self, message: Message) -> list[tuple[str, ...]]:
        """Return the field names of each violation of the older rules, with ENTRY after a list or map."""


@dataclass(frozen=True)
class Value:
    """A value that a field can have."""

    description: str
    put: Put


class Fields:
    """Finds values for the fields of requests, by the rules of both images."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rules = rulebook
        self._templates: dict[tuple[str, ...], Message] = {}

    def alone(self, field: FieldDescriptor) -> Iterator[Message]:
        """Yield messages in which nothing but a field is set, to each of its values."""
        for value in self.values((field,)):
            message = _holder(field)
            with suppress(ValueError, TypeError, AttributeError):
                value.put(message, field)
                yield message

    def enter(self, message: Any, path: Path) -> Any:  # noqa: ANN401  # of a class that is built at run time
        """Return the message at a path. What is missing on the way is added."""
        for number, field in enumerate(path):
            template = path[: number + 1]
            if is_map(field):
                if not getattr(message, field.name):
                    self._good(template).put(message, field)
                entries = getattr(message, field.name)
                message = entries[next(iter(entries))]
            elif field.is_repeated:
                entries = getattr(message, field.name)
                message = entries[0] if entries else entries.add()
                if not message.ByteSize():
                    message.CopyFrom(self.full(type(message), template))
            else:
                inner = getattr(message, field.name)
                if not message.HasField(field.name):
                    inner.CopyFrom(self.full(type(inner), template))
                    inner.SetInParent()
                message = inner
        return message

    def full(self, kind: type[Message], path: Path) -> Message:
        """Return a message with every field set, each to a value that its own rules accept."""
        key = kind.DESCRIPTOR.full_name, *(field.full_name for field in path)
        if key not in self._templates:
            self._templates[key] = kind()
            message = kind()
            enclosing = {field.containing_type for field in path}
            field: Any
            for field in kind.DESCRIPTOR.fields:
                chosen = field.containing_oneof and message.WhichOneof(field.containing_oneof.name)
                recursive = field.message_type and (field.message_type in enclosing or len(path) >= MAX_DEPTH)
                if not chosen and not recursive:
                    self._good((*path, field)).put(message, field)
            self._templates[key] = message
        return self._templates[key]

    def _good(self, path: Path) -> Value:
        """Return a value of the last field that its own rules accept, rather not the default; else any value."""
        field, fallback = path[-1], None
        for value in self.values(path):
            message = _holder(field)
            with suppress(ValueError, TypeError, AttributeError):
                value.put(message, field)
                valid = not any(each[0] in {field.name, UNEVALUATED} for each in self._rules.faults(message) if each)
                if valid and is_set(message, field):
                    return value
                fallback = value if valid or fallback is None else fallback
        if fallback is None:
            raise AssertionError(f"{field.full_name} cannot have any value")
        return fallback

    def values(self, path: Path) -> Iterator[Value]:
        """Yield values of the last field of a path, those at the limits of its rules first."""
        field, literals = path[-1], self._rules.literals(path)
        if is_map(field):
            yield from self._maps(path, literals)
        elif field.is_repeated:
            yield from self._lists(path, literals)
        elif field.message_type:
            yield Value("with all fields", lambda message, each: self._put_full(message, each, path))
            yield from (_time(*moment) for moment in _times(field, literals))
            yield Value("with an empty value", _put_empty)
        else:
            yield from (Value(f"with {show(value)}", _setter(value)) for value in scalars(field, literals))
        yield Value("without a value", lambda message, each: message.ClearField(each.name))

    def _lists(self, path: Path, literals: Literals) -> Iterator[Value]:
        field = path[-1]
        for size in self._sizes(path):
            if size <= MAX_ENTRIES or not field.message_type:
                yield Value(f"with {size} entries", self._filler(path, size))
        if field.message_type:
            yield Value("with the same entry twice", self._twice(path))
            yield Value("with an empty entry", lambda message, each: _replace(message, each, [{}]))
            return
        values = list(scalars(field, literals))
        yield from (Value(f"with the entry {show(value)}", _list_setter([value])) for value in values)
        good = self._first_accepted(path, values, lambda each: _list_setter([each]))
        yield from (
            Value(f"with the entries {show(good)} and {show(value)}", _list_setter([good, value])) for value in values
        )

    def _sizes(self, path: Path) -> list[int]:
        """Return the sizes of a list or map to try. Large numbers in rules of other fields are rarely sizes."""
        own, others = self._rules.own_literals(path[-1]), self._rules.literals(path)
        small = (size for size in sizes(others) if size <= MAX_OTHER_SIZE)
        return list(dict.fromkeys([1, *sizes(own), *small]))

    def _maps(self, path: Path, literals: Literals) -> Iterator[Value]:
        field = path[-1]
        key, value = entry_of(field)
        keys = list(scalars(key, literals))
        good_key = self._first_accepted(path, keys, lambda each: self._map_setter(path, {each: None}))
        contents: list[Any] = [None] if value.message_type else list(scalars(value, literals))
        good = self._first_accepted(path, contents, lambda each: self._map_setter(path, {good_key: each}))
        for size in self._sizes(path):
            if size <= MAX_ENTRIES:
                several = _distinct(good_key, size, literals)
                yield Value(f"with {size} entries", self._map_setter(path, dict.fromkeys(several, good)))
        yield from (Value(f"with the key {show(each)}", self._map_setter(path, {each: good})) for each in keys)
        if not value.message_type:
            yield from (
                Value(f"with the value {show(each)}", self._map_setter(path, {good_key: each})) for each in contents
            )

    def _first_accepted(self, path: Path, values: Sequence[Any], setter: Callable[[Any], Put]) -> Any:  # noqa: ANN401
        """Return the first scalar that the rules for an entry of a list or map accept; else any scalar."""
        return next((value for value in values if self._accepts(path, setter(value))), values[0])

    def _accepts(self, path: Path, put: Put) -> bool:
        field = path[-1]
        message = _holder(field)
        try:
            put(message, field)
        except (ValueError, TypeError, AttributeError):
            return False
        faults = self._rules.faults(message)
        # A rule for the whole list or map may need more entries.
        return not any(each[:2] == (field.name, ENTRY) for each in faults)

    def _put_full(self, message: Any, field: FieldDescriptor, path: Path) -> None:  # noqa: ANN401  # dynamic
        inner = getattr(message, field.name)
        inner.CopyFrom(self.full(type(inner), path))
        inner.SetInParent()

    def _filler(self, path: Path, size: int) -> Put:
        def put(message: Any, field: FieldDescriptor) -> None:  # noqa: ANN401  # dynamic
            message.ClearField(field.name)
            entries = getattr(message, field.name)
            if not field.message_type:
                values = list(scalars(field, self._rules.literals(path)))
                good = self._first_accepted(path, values, lambda each: _list_setter([each]))
                entries.extend(self._several(path, good, size))
                return
            for number in range(size):
                entry = entries.add()
                entry.CopyFrom(self.full(type(entry), path))
                self._make_unique(entry, path, number, size)

        return put

    def _make_unique(self, entry: Any, path: Path, number: int, size: int) -> None:  # noqa: ANN401  # dynamic
        """Set fields of an entry to values that other entries do not have, because a rule may forbid duplicates."""
        for inner in entry.DESCRIPTOR.fields:
            if (
                inner.cpp_type == FieldDescriptor.CPPTYPE_STRING
                and not inner.is_repeated
                and not inner.containing_oneof
            ):
                value = getattr(entry, inner.name)
                if value:
                    several = _distinct(value, size, self._rules.literals((*path, inner)))
                    setattr(entry, inner.name, several[number % len(several)])

    def _several(self, path: Path, good: Any, size: int) -> list[Any]:  # noqa: ANN401  # a scalar
        """Return different entries of a list that the rules for an entry accept; equal ones if there are too few."""
        if isinstance(good, int | float) and not isinstance(good, bool):
            near = (good + sign * step for step in range(size + 1) for sign in (1, -1))
            found = (value for value in dict.fromkeys(near) if self._accepts(path, _list_setter([value])))
            several = list(islice(found, size))
            return [*several, *[good] * (size - len(several))]
        return _distinct(good, size, self._rules.literals(path))

    def _twice(self, path: Path) -> Put:
        def put(message: Any, field: FieldDescriptor) -> None:  # noqa: ANN401  # dynamic
            message.ClearField(field.name)
            for _ in range(2):
                entry = getattr(message, field.name).add()
                entry.CopyFrom(self.full(type(entry), path))

        return put

    def _map_setter(self, path: Path, content: dict[Any, Any]) -> Put:
        def put(message: Any, field: FieldDescriptor) -> None:  # noqa: ANN401  # dynamic
            message.ClearField(field.name)
            entries = getattr(message, field.name)
            for key, value in content.items():
                if entry_of(field)[1].message_type:
                    entry = entries[key]
                    entry.CopyFrom(self.full(type(entry), path))
                elif value is not None:
                    entries[key] = value
                else:
                    entries[key]  # reading an entry adds it, with the default value

        return put


def _holder(field: FieldDescriptor) -> Message:
    """Return an empty message of the type that contains a field."""
    return GetMessageClass(field.containing_type)()  # type: ignore[arg-type]  # only an extension has no type


def _distinct(value: Any, count: int, literals: Literals) -> list[Any]:  # noqa: ANN401  # a scalar
    if isinstance(value, bool):
        return [value] * count
    if isinstance(value, int | float):
        return [value + number for number in range(count)]
    if isinstance(value, bytes):
        return [value + str(number).encode() for number in range(count)]
    several = variants(value, count, frozenset(literals.patterns))
    return several if len(several) == count else [*several, *[value] * (count - len(several))]


def _times(field: FieldDescriptor, literals: Literals) -> Iterator[tuple[int, int]]:
    yield from times(message_name(field), literals) if message_name(field) in TIMES else ()


def _time(seconds: int, nanos: int) -> Value:
    def put(message: Any, field: FieldDescriptor) -> None:  # noqa: ANN401  # dynamic
        inner = getattr(message, field.name)
        inner.seconds, inner.nanos = seconds, nanos
        inner.SetInParent()

    return Value(f"with {seconds}{f'.{abs(nanos):09}' if nanos else ''} s", put)


def _setter(value: Scalar) -> Put:
    return lambda message, field: setattr(message, field.name, value)


def _list_setter(values: Sequence[Scalar]) -> Put:
    return lambda message, field: _replace(message, field, values)


def _replace(message: Any, field: FieldDescriptor, values: Sequence[Any]) -> None:  # noqa: ANN401  # dynamic
    message.ClearField(field.name)
    entries = getattr(message, field.name)
    if field.message_type:
        for _ in values:
            entries.add()
    else:
        entries.extend(values)


def _put_empty(message: Any, field: FieldDescriptor) -> None:  # noqa: ANN401  # dynamic
    message.ClearField(field.name)
    getattr(message, field.name).SetInParent()


def show(value: Scalar) -> str:
    """Return a value for the report, shortened."""
    if isinstance(value, str | bytes) and len(value) > MAX_SHOWN_CHARACTERS:
        return f"{len(value)} {'characters' if isinstance(value, str) else 'bytes'} ({value[:12]!r}…)"
    return repr(value)
