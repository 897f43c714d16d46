"""Which changes of types and oneofs running programs notice, where buf's rules are stricter or looser than that."""

from collections.abc import Collection

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from tools.breaking.image import Element, Image
from tools.breaking.templates import templates

INTEGERS = {
    FieldDescriptor.TYPE_BOOL: (0, 1),
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_ENUM: (-(2**31), 2**31 - 1),
}
"""The minimum and the maximum of each type."""
VARINTS = {
    FieldDescriptor.TYPE_BOOL,
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_ENUM,
}
"""Types that share one encoding."""
Types = Descriptor | EnumDescriptor | None


def equal(before: Types, after: Types) -> bool:
    """Return whether each of two types of other names reads what the other writes, in protobuf and in JSON.

    The later type may have more fields or values. The types of google.protobuf have a special form in JSON.
    """
    return _equal(before, after, set())


def _equal(before: Types, after: Types, seen: set[tuple[str, str]]) -> bool:
    if before is None or after is None:
        return before is after
    pair = before.full_name, after.full_name
    if pair in seen or pair[0] == pair[1]:
        return True
    seen.add(pair)
    if any(name.startswith("google.protobuf.") for name in pair):
        return False
    if isinstance(before, EnumDescriptor) or isinstance(after, EnumDescriptor):
        return (
            isinstance(before, EnumDescriptor)
            and isinstance(after, EnumDescriptor)
            and before.is_closed == after.is_closed
            and all(
                number in after.values_by_number and after.values_by_number[number].name == value.name
                for number, value in before.values_by_number.items()
            )
        )
    return all(
        field.number in after.fields_by_number and _same(field, after.fields_by_number[field.number], seen)
        for field in before.fields
    )


def _same(before: FieldDescriptor, after: FieldDescriptor, seen: set[tuple[str, str]]) -> bool:
    oneofs = [each.containing_oneof.name if each.containing_oneof else "" for each in (before, after)]
    alike = (before.name, before.json_name, before.type, before.is_repeated, before.has_presence, oneofs[0]) == (
        after.name, after.json_name, after.type, after.is_repeated, after.has_presence, oneofs[1],
    )  # fmt: skip
    types = [each.message_type or each.enum_type for each in (before, after)]
    return alike and _equal(types[0], types[1], seen)


def loses_values(before: FieldDescriptor, after: FieldDescriptor) -> bool:
    """Return whether the later type cannot hold every value of the earlier one, although buf calls both compatible."""
    if before.type == FieldDescriptor.TYPE_BYTES:
        return after.type == FieldDescriptor.TYPE_STRING
    if before.type in INTEGERS and after.type in INTEGERS:
        (before_min, before_max), (after_min, after_max) = INTEGERS[before.type], INTEGERS[after.type]
        return before_min < after_min or before_max > after_max
    return False


def changes_json(before: FieldDescriptor, after: FieldDescriptor) -> bool:
    """Return whether values have another form in JSON: integers of 64 bits are strings, enums are names."""
    return before.type != after.type and _json_form(before) != _json_form(after)


def _json_form(field: FieldDescriptor) -> object:
    if field.type in INTEGERS and field.type not in {FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM}:
        return "string" if INTEGERS[field.type][1] >= 2**32 else "number"
    return field.type


def only_renames_oneof(older: Image, newer: Image, field: Element) -> bool:
    """Return whether a field is in a oneof of another name, with the same fields as before."""
    before, after = (_members(image, field) for image in (older, newer))
    known = _numbers(older, field) & _numbers(newer, _now(newer, field))
    return bool(before) and before & known == after & known


def moves_alone(older: Image, newer: Image, field: Element) -> bool:
    """Return whether a field moves into, or out of, a oneof in which it is the only field that both states have.

    Presence changes, but no other field is cleared when it is set.
    """
    known = _numbers(older, field) & _numbers(newer, _now(newer, field))
    before, after = (_members(image, field) & known for image in (older, newer))
    return before | after == {field.proto.number} and not (before and after)


def _now(image: Image, field: Element) -> Element:
    return image.counterpart(field) or field


def _members(image: Image, field: Element) -> set[int]:
    """Return the numbers of the fields in the oneof of a field."""
    oneof = image.field(_now(image, field)).containing_oneof
    return {each.number for each in oneof.fields} if oneof else set()


def _numbers(image: Image, field: Element) -> set[int]:
    holder = image.field(field).containing_type
    return {each.number for each in holder.fields} if holder else set()


def query_parameters(image: Image) -> frozenset[str]:
    """Return the full names of the fields that callers may send in the query of an HTTP request."""
    return frozenset(
        name
        for method, listed in templates(image).items()
        for template in listed
        if template.body != "*"
        for name in _fields(
            image.method(image.elements[method]).input_type,
            {template.body, *(field for field, _, _ in template.variables)},
            "",
            (),
        )
    )


def _fields(message: Descriptor, taken: Collection[str], prefix: str, path: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for field in message.fields:
        if f"{prefix}{field.name}" in taken or message.full_name in path:
            continue
        names.append(field.full_name)
        if field.message_type and not field.is_repeated:
            names += _fields(field.message_type, taken, f"{prefix}{field.name}.", (*path, message.full_name))
    return names


def sent_as_json(image: Image) -> frozenset[str]:
    """Return the full names of the messages and enums in requests that callers may send as JSON over HTTP."""
    inputs = (image.method(image.elements[name]).input_type.full_name for name in templates(image))
    return frozenset().union(*map(image.reach, inputs))
