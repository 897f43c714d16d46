"""JSON Schemas of messages in the JSON mapping of proto3, which Envoy's transcoder reads and writes.

https://protobuf.dev/programming-guides/json
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FieldOptions

from tools.protoc_gen_istio.constraints import Schema, of_list, of_value
from tools.protoc_gen_istio.elements import Elements
from tools.protoc_gen_istio.rules import Rules

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
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": TEXT},
        "required": ["@type"],
        "additionalProperties": True,
    },
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
}
SPECIAL = VALUES | ANYTHING


class Schemas:
    """Builds the schemas of types. Referenced types are added to `components`."""

    def __init__(self, elements: Elements, rules: Rules) -> None:
        self.components: dict[str, Schema] = {}
        self._elements = elements
        self._rules = rules

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
        options = self._elements.messages[name].options
        sentences = [_sentence(inner, text) for inner, text in self._rules.message_sentences(options)]
        schema: Schema = {"type": "object"}
        if description := " ".join(filter(None, [self._elements.comments.get(name, ""), *sentences])):
            schema["description"] = description
        if fields:
            schema["properties"] = {field.json_name: self._field(name, field) for field in fields}
        if required := [field.json_name for field in fields if self._is_required(field)]:
            schema["required"] = required
        choices = list(self._choices(name, without))
        return schema | ({"allOf": choices} if len(choices) > 1 else choices[0] if choices else {})

    def at(self, message: str, path: str) -> Schema:
        """Return the schema of the field with a path such as "product.name"."""
        first, _, rest = path.partition(".")
        [field] = [field for field in self._fields(message) if field.name == first]
        return self.at(_type(field), rest) if rest else self._field(message, field)

    def query(
        self,
        message: str,
        without: AbstractSet[str],
        prefix: str = "",
        enclosing: tuple[str, ...] = (),
        sentences: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[tuple[str, Schema, bool]]:
        """Yield a message's fields as query parameters: name, schema, whether it is required.

        The fields of nested messages are prefixed with the name of the nested field. A list of messages cannot be a
        query parameter. `sentences` are what rules of the enclosing field say about the message's fields.
        """
        enclosing = (*enclosing, message)
        for field in self._fields(message):
            type_name = _type(field)
            if field.name in without or type_name in enclosing or type_name in ANYTHING:
                continue
            if field.type != Field.TYPE_MESSAGE or type_name in VALUES:
                schema = self._field(message, field)
                if field.name in sentences:
                    schema["description"] = f"{schema.get('description', '')} {sentences[field.name]}".strip()
                yield prefix + field.json_name, schema, self._is_required(field)
            elif field.label != Field.LABEL_REPEATED:
                inner = {path.removeprefix(f"{field.name}.") for path in without if path.startswith(f"{field.name}.")}
                about = {name: _sentence("", text) for name, text in self._rules.field_sentences(field.options) if name}
                yield from self.query(type_name, inner, f"{prefix}{field.json_name}.", enclosing, about)

    def _fields(self, message: str) -> Sequence[Field]:
        return self._elements.messages[message].field

    def _field(self, message: str, field: Field) -> Schema:
        rules = self._rules.field(field.options)
        entry = self._elements.messages.get(_type(field))
        if entry and entry.options.map_entry:
            keys = of_value(rules.map.keys, entry.field[0]) if rules is not None else {}
            values = self._value(entry.field[1], rules.map.values if rules is not None else None)
            schema: Schema = {"type": "object", "additionalProperties": values} | of_list(rules)
            schema |= {"propertyNames": keys} if keys else {}
        elif field.label == Field.LABEL_REPEATED:
            items = self._value(field, rules.repeated.items if rules is not None else None)
            schema = {"type": "array", "items": items} | of_list(rules)
        else:
            schema = self._value(field, rules)
        if inner := self._rules.needed(field.options):
            schema["required"] = [camel(name) for name in inner]
        sentences = [self._elements.comments.get(f"{message}.{field.name}", ""), schema.pop("description", "")]
        sentences += [_sentence(inner, text) for inner, text in self._rules.field_sentences(field.options)]
        if alternatives := self._alternatives(message, field):
            sentences.append(f"Only one of these may be set: {', '.join(alternatives)}.")
        if text := " ".join(filter(None, sentences)):
            schema["description"] = text
        if field.options.deprecated:
            schema["deprecated"] = True
        if field_behavior_pb2.OUTPUT_ONLY in _behavior(field):
            schema["readOnly"] = True
        return schema

    def _is_required(self, field: Field) -> bool:
        rules = self._rules.field(field.options)
        return field_behavior_pb2.REQUIRED in _behavior(field) or (rules is not None and bool(rules.required))

    def _choices(self, message: str, without: AbstractSet[str]) -> Iterator[Schema]:
        """Yield a schema for each oneof: it has at most one of its fields, or exactly one if one is required."""
        for index, oneof in enumerate(self._elements.messages[message].oneof_decl):
            members = [each for each in self._fields(message) if each.HasField("oneof_index")]
            members = [each for each in members if each.oneof_index == index and not each.proto3_optional]
            fields: list[Schema] = [{"required": [each.json_name]} for each in members if each.name not in without]
            if len(fields) == len(members) > 0:
                is_required = self._rules.is_required(oneof.options)
                yield {"oneOf": fields if is_required else [*fields, {"not": {"anyOf": fields}}]}

    def _alternatives(self, message: str, field: Field) -> list[str]:
        """Return the fields of the same oneof. An `optional` field is in a synthetic oneof, which does not count."""
        if not field.HasField("oneof_index") or field.proto3_optional:
            return []
        fields = [each for each in self._fields(message) if each.HasField("oneof_index")]
        return [each.json_name for each in fields if each.oneof_index == field.oneof_index]

    def _value(self, field: Field, rules: Any) -> Schema:  # noqa: ANN401  # FieldRules
        schema = self.reference(_type(field)) if field.type_name else dict(SCALARS[field.type])
        return schema | of_value(rules, field, self._elements.enums.get(_type(field)))

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


def camel(name: str) -> str:
    """Return the JSON name of a field."""
    return re.sub(r"_(\w)", lambda each: each[1].upper(), name)


def _sentence(field: str, text: str) -> str:
    """Return a rule's text, which follows the name of a field, as a sentence."""
    return f"{f'Its {camel(field)}' if field else 'It'} {text}."


def _behavior(field: Field) -> Sequence[int]:
    extension: Any = field_behavior_pb2.field_behavior  # google's type stubs do not say which message it extends
    return list(FieldOptions.FromString(field.options.SerializeToString()).Extensions[extension])
