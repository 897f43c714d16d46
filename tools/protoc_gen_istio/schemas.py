"""Messages as JSON Schema: the form that Envoy's transcoder reads and writes, which is proto3's JSON.

https://protobuf.dev/programming-guides/json
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FieldOptions

from tools.protoc_gen_istio.elements import Elements

Schema = dict[str, Any]
INTEGER: Schema = {"type": "integer", "format": "int32"}
NATURAL: Schema = {"type": "integer", "minimum": 0}
LONG: Schema = {"type": "string", "format": "int64"}
NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}
BYTES: Schema = {"type": "string", "contentEncoding": "base64"}
TRUTH: Schema = {"type": "boolean"}
SCALARS = {
    Field.TYPE_DOUBLE: NUMBER,
    Field.TYPE_FLOAT: NUMBER,
    Field.TYPE_INT32: INTEGER,
    Field.TYPE_SINT32: INTEGER,
    Field.TYPE_SFIXED32: INTEGER,
    Field.TYPE_UINT32: NATURAL,
    Field.TYPE_FIXED32: NATURAL,
    Field.TYPE_INT64: LONG,
    Field.TYPE_SINT64: LONG,
    Field.TYPE_SFIXED64: LONG,
    Field.TYPE_UINT64: LONG,
    Field.TYPE_FIXED64: LONG,
    Field.TYPE_BOOL: TRUTH,
    Field.TYPE_STRING: TEXT,
    Field.TYPE_BYTES: BYTES,
}
VALUES: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d+)?s$"},
    "google.protobuf.FieldMask": {"type": "string", "pattern": r"^[\w.]*(,[\w.]+)*$"},
    "google.protobuf.DoubleValue": NUMBER,
    "google.protobuf.FloatValue": NUMBER,
    "google.protobuf.Int32Value": INTEGER,
    "google.protobuf.UInt32Value": NATURAL,
    "google.protobuf.Int64Value": LONG,
    "google.protobuf.UInt64Value": LONG,
    "google.protobuf.BoolValue": TRUTH,
    "google.protobuf.StringValue": TEXT,
    "google.protobuf.BytesValue": BYTES,
}
"""Messages that are one value in JSON."""
ANYTHING: dict[str, Schema] = {
    "google.protobuf.Any": {"type": "object", "properties": {"@type": TEXT}, "required": ["@type"]},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
}
SPECIAL = VALUES | ANYTHING


class Schemas:
    """The schemas of types. What is referred to becomes one of `components`, and what that refers to."""

    def __init__(self, elements: Elements) -> None:
        self.components: dict[str, Schema] = {}
        self._elements = elements

    def reference(self, name: str) -> Schema:
        """Answer the schema of a type."""
        if name in SPECIAL:
            return dict(SPECIAL[name])
        if name not in self.components:
            self.components[name] = {}  # it may refer to itself
            self.components[name] = self._enum(name) if name in self._elements.enums else self.message(name)
        return {"$ref": f"#/components/schemas/{name}"}

    def message(self, name: str, *, without: AbstractSet[str] = frozenset()) -> Schema:
        """Answer a message's schema, without some of its fields."""
        fields = [field for field in self._fields(name) if field.name not in without]
        schema: Schema = {"type": "object"}
        if told := self._elements.comments.get(name):
            schema["description"] = told
        if fields:
            schema["properties"] = {field.json_name: self._field(name, field) for field in fields}
        if required := [field.json_name for field in fields if _required(field)]:
            schema["required"] = required
        return schema

    def at(self, message: str, path: str) -> Schema:
        """Answer the schema of the field at a path, "product.name"."""
        first, _, rest = path.partition(".")
        [field] = [field for field in self._fields(message) if field.name == first]
        return self.at(_type(field), rest) if rest else self._field(message, field)

    def query(
        self, message: str, without: AbstractSet[str], prefix: str = "", around: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, Schema, bool]]:
        """Answer a message's fields as parameters: name, schema, whether it is required.

        Those of a message within it have that one's name before their own. A list of messages has no such form.
        """
        around = (*around, message)
        for field in self._fields(message):
            kind = _type(field)
            if field.name in without or kind in around or kind in ANYTHING:
                continue
            if field.type != Field.TYPE_MESSAGE or kind in VALUES:
                yield prefix + field.json_name, self._field(message, field), _required(field)
            elif field.label != Field.LABEL_REPEATED:
                inner = {path.removeprefix(f"{field.name}.") for path in without if path.startswith(f"{field.name}.")}
                yield from self.query(kind, inner, f"{prefix}{field.json_name}.", around)

    def _fields(self, message: str) -> Sequence[Field]:
        return self._elements.messages[message].field

    def _field(self, message: str, field: Field) -> Schema:
        entry = self._elements.messages.get(_type(field))
        if entry and entry.options.map_entry:
            schema: Schema = {"type": "object", "additionalProperties": self._value(entry.field[1])}
        elif field.label == Field.LABEL_REPEATED:
            schema = {"type": "array", "items": self._value(field)}
        else:
            schema = self._value(field)
        told = [self._elements.comments.get(f"{message}.{field.name}", "")]
        if alternatives := self._alternatives(message, field):
            told.append(f"Only one of these may be there: {', '.join(alternatives)}.")
        if text := " ".join(filter(None, told)):
            schema["description"] = text
        if field.options.deprecated:
            schema["deprecated"] = True
        if field_behavior_pb2.OUTPUT_ONLY in _behavior(field):
            schema["readOnly"] = True
        return schema

    def _alternatives(self, message: str, field: Field) -> list[str]:
        """Answer the fields of the same oneof; one that is `optional` is alone in a oneof of protoc's."""
        if not field.HasField("oneof_index") or field.proto3_optional:
            return []
        fields = [each for each in self._fields(message) if each.HasField("oneof_index")]
        return [each.json_name for each in fields if each.oneof_index == field.oneof_index]

    def _value(self, field: Field) -> Schema:
        return self.reference(_type(field)) if field.type_name else dict(SCALARS[field.type])

    def _enum(self, name: str) -> Schema:
        values = [value.name for value in self._elements.enums[name].value]
        comments = self._elements.comments
        told = "\n".join(
            f"- {value}: {comments[f'{name}.{value}']}" for value in values if f"{name}.{value}" in comments
        )
        text = "\n\n".join(filter(None, [comments.get(name), told]))
        return {"type": "string", "enum": values} | ({"description": text} if text else {})


def _type(field: Field) -> str:
    return field.type_name.removeprefix(".")


def _required(field: Field) -> bool:
    return field_behavior_pb2.REQUIRED in _behavior(field)


def _behavior(field: Field) -> Sequence[int]:
    extension: Any = field_behavior_pb2.field_behavior  # google's own types do not say whose extension it is
    return list(FieldOptions.FromString(field.options.SerializeToString()).Extensions[extension])
