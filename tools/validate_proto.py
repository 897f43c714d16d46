"""Writes buf/validate/validate.proto of the installed validator to .protovalidate, for buf.yaml.

The protovalidate wheel contains the descriptor of the file, but not the file. The written file lacks the comments and
the options of the rules themselves, which are built into the validator.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from protovalidate import ViolationPb

TARGET = Path(__file__).parent.parent / ".protovalidate"
# The end of an extension range that is written as "max".
MAX_FIELD_NUMBER = 2**29


def main() -> None:
    """Replace the whole folder, so that no files of an older wheel are left."""
    file = FileDescriptorProto.FromString(ViolationPb.desc().file.proto.to_binary())
    shutil.rmtree(TARGET, ignore_errors=True)
    path = TARGET / file.name
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(_file(file)) + "\n", encoding="utf-8")


def _file(file: FileDescriptorProto) -> Iterator[str]:
    yield f'syntax = "{file.syntax or "proto2"}";'
    yield f"package {file.package};"
    yield from (f'import "{name}";' for name in file.dependency)
    for message in file.message_type:
        yield from _message(message)
    for enum in file.enum_type:
        yield from _enum(enum)
    for field in file.extension:
        yield from (f"extend {field.extendee} {{", _field(field), "}")


def _message(message: DescriptorProto) -> Iterator[str]:
    yield f"message {message.name} {{"
    for nested in message.nested_type:
        yield from _message(nested)
    for enum in message.enum_type:
        yield from _enum(enum)
    yield from (_field(field) for field in message.field if not field.HasField("oneof_index"))
    for index, oneof in enumerate(message.oneof_decl):
        members = (field for field in message.field if field.HasField("oneof_index") and field.oneof_index == index)
        yield from (f"oneof {oneof.name} {{", *map(_member, members), "}")
    for span in message.extension_range:
        yield f"extensions {span.start} to {'max' if span.end == MAX_FIELD_NUMBER else span.end - 1};"
    yield from (f"reserved {span.start} to {span.end - 1};" for span in message.reserved_range)
    yield from (f'reserved "{name}";' for name in message.reserved_name)
    yield "}"


def _field(field: FieldDescriptorProto) -> str:
    return f"{FieldDescriptorProto.Label.Name(field.label).removeprefix('LABEL_').lower()} {_member(field)}"


def _member(field: FieldDescriptorProto) -> str:
    type_name = field.type_name or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"{type_name} {field.name} = {field.number};"


def _enum(enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"enum {enum.name} {{"
    yield from (f"{value.name} = {value.number};" for value in enum.value)
    yield from (f"reserved {span.start} to {span.end};" for span in enum.reserved_range)
    yield "}"


if __name__ == "__main__":
    main()
