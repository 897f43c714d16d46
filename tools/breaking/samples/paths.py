"""The fields of a message and of the messages in it, each by its path."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tools.breaking.samples.values import TIMES

MAX_DEPTH = 6
"""Messages inside of more messages are left out."""

Path = tuple[Any, ...]
"""The descriptors of the fields that lead to a field. Of a list it is the first entry, of a map the first value."""


def paths(descriptor: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401  # a Descriptor, or None for a scalar
    """Yield the path of every field of a message and of the messages in it, without recursion."""
    for field in descriptor.fields if descriptor else ():
        yield (*path, field)
        message = message_in(field)
        enclosing = {each.containing_type for each in (*path, field)}
        if message and message.full_name not in TIMES and message not in enclosing and len(path) < MAX_DEPTH:
            yield from paths(message, (*path, field))


def message_in(field: FieldDescriptor) -> Descriptor | None:
    """Return the message in a field, in its list or in the values of its map."""
    return entry_of(field)[1].message_type if is_map(field) else field.message_type


def message_name(field: FieldDescriptor) -> str:
    """Return the full name of the message in a field, or ""."""
    return field.message_type.full_name if field.message_type else ""


def entry_of(field: FieldDescriptor) -> tuple[Any, Any]:
    """Return the key and the value of a map, as fields."""
    entry: Any = field.message_type
    return entry.fields_by_name["key"], entry.fields_by_name["value"]


def is_map(field: FieldDescriptor) -> bool:
    """Return whether a field is a map."""
    return bool(field.is_repeated and field.message_type and field.message_type.GetOptions().map_entry)


def clear(message: Any, path: Path) -> bool:  # noqa: ANN401  # of a class that is built at run time
    """Clear the last field of a path. Return whether it was set."""
    for field in path[:-1]:
        if not message.HasField(field.name):
            return False
        message = getattr(message, field.name)
    was_set = is_set(message, path[-1])
    message.ClearField(path[-1].name)
    return was_set


def is_set(message: Any, field: FieldDescriptor) -> bool:  # noqa: ANN401  # of a class that is built at run time
    """Return whether a field has a value other than its default."""
    return any(each.number == field.number for each, _ in message.ListFields())
