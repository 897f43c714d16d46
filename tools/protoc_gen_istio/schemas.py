"""JSON Schemas of messages in the JSON mapping of proto3, which Envoy's transcoder reads and writes.

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
"""Messages that are a single value in JSON."""
ANYTHING: dict[str, Schema] = {
    "google.protobuf.Any": {"type": "object", "properties": {"@type": TEXT}, "required": ["@type"]},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
}
SPECIAL = VALUES | ANYTHING


class Schemas:
    """Builds the schemas of types. Referenced types are added to `components`."""

    def __init__(self, elements: Elements) -> None:
        self.components: dict[str, Schema] = {}
        self._elements = elements

    def reference(self, name: str) -> Schema:
        """Return the schema of a type, or a reference to its component."""
        if name in SPECIAL:
            return dict(SPECIAL[name])
        if name not in self.components:
            self.components[name] = {}  # the type may refer to itself
            self.components[name] = self._enum(name) if name in self._elements.enums else self.message(name)
        return {"$ref": f"#/components/schemas/{name}"}

    def message(self, name: str, *, without: AbstractSet[str] = frozenset()) -> Schema:
        """Return a message's schema without the fields `without`."""
        fields = [field for field in self._fields(name) if field.name not in without]
        schema: Schema = {"type": "object"}
        if comment := self._elements.comments.get(name):
            schema["description"] = comment
        if fields:
            schema["properties"] = {field.json_name: self._field(name, field) for field in fields}
        if required := [field.json_name for field in fields if _required(field)]:
            schema["required"] = required
        return schema

    def at(self, message: str, path: str) -> Schema:
        """Return the schema of the field with a path such as "product.name"."""
        first, _, rest = path.partition(".")
        [field] = [field for field in self._fields(message) if field.name == first]
        return self.at(_type(field), rest) if rest else self._field(message, field)

    def query(
        self, message: str, without: AbstractSet[str], prefix: str = "", enclosing: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, Schema, bool]]:
        """Yield a message's fields as query parameters: name, schema, whether it is required.

        The fields of nested messages are prefixed with the name of the nested field. A list of messages cannot be a
        query parameter.
        """
        enclosing = (*enclosing, message)
        for field in self._fields(message):
            type_name = _type(field)
            if field.name in without or type_name in enclosing or type_name in ANYTHING:
                continue
            if field.type != Field.TYPE_MESSAGE or type_name in VALUES:
                yield prefix + field.json_name, self._field(message, field), _required(field)
            elif field.label != Field.LABEL_REPEATED:
                inner = {path.removeprefix(f"{field.name}.") for path in without if path.startswith(f"{field.name}.")}
                yield from self.query(type_name, inner, f"{prefix}{field.json_name}.", enclosing)

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
        sentences = [self._elements.comments.get(f"{message}.{field.name}", "")]
        if alternatives := self._alternatives(message, field):
            sentences.append(f"Only one of these may be set: {', '.join(alternatives)}.")
        if text := " ".join(filter(None, sentences)):
            schema["description"] = text
        if field.options.deprecated:
            schema["deprecated"] = True
        if field_behavior_pb2.OUTPUT_ONLY in _behavior(field):
            schema["readOnly"] = True
        return schema

    def _alternatives(self, message: str, field: Field) -> list[str]:
        """Return the fields of the same oneof. An `optional` field is in a synthetic oneof, which does not count."""
        if not field.HasField("oneof_index") or field.proto3_optional:
            return []
        fields = [each for each in self._fields(message) if each.HasField("oneof_index")]
        return [each.json_name for each in fields if each.oneof_index == field.oneof_index]

    def _value(self, field: Field) -> Schema:
        return self.reference(_type(field)) if field.type_name else dict(SCALARS[field.type])

    def _enum(self, name: str) -> Schema:
        values = [value.name for value in self._elements.enums[name].value]
        comments = self._elements.comments
        listed = "\n".join(
            f"- {value}: {comments[f'{name}.{value}']}" for value in values if f"{name}.{value}" in comments
        )
        text = "\n\n".join(filter(None, [comments.get(name), listed]))
        return {"type": "string", "enum": values} | ({"description": text} if text else {})


def _type(field: Field) -> str:
    return field.type_name.removeprefix(".")


def _required(field: Field) -> bool:
    return field_behavior_pb2.REQUIRED in _behavior(field)


def _behavior(field: Field) -> Sequence[int]:
    extension: Any = field_behavior_pb2.field_behavior  # google's type stubs do not say which message it extends
    return list(FieldOptions.FromString(field.options.SerializeToString()).Extensions[extension])
