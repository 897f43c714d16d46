"""The elements that contracts declare, by full name, and their comments."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.api import resource_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    MessageOptions,
    MethodDescriptorProto,
)

Path = tuple[int, ...]
"""The path of an element in its file, as in source_code_info."""


@dataclass
class Elements:
    """The types and methods of some files."""

    messages: dict[str, DescriptorProto] = field(default_factory=dict)
    enums: dict[str, EnumDescriptorProto] = field(default_factory=dict)
    methods: dict[str, MethodDescriptorProto] = field(default_factory=dict)
    """By "<package>.<Service>/<Method>"."""
    comments: dict[str, str] = field(default_factory=dict)
    """By full name; a field's name follows its message's, a value's name follows its enum's."""
    resources: dict[str, str] = field(default_factory=dict)
    """Resource patterns with named parts: "products/*" → "products/{product}"."""

    @classmethod
    def of(cls, files: Iterable[FileDescriptorProto]) -> "Elements":
        """Return the elements of files."""
        elements = cls()
        for file in files:
            elements._add_file(file)
        return elements

    def _add_file(self, file: FileDescriptorProto) -> None:
        comments = {tuple(each.path): each.leading_comments for each in file.source_code_info.location}
        prefix = f"{file.package}." if file.package else ""
        for index, message in enumerate(file.message_type):
            self._add_message(prefix + message.name, message, (4, index), comments)
        for index, enum in enumerate(file.enum_type):
            self._add_enum(prefix + enum.name, enum, (5, index), comments)
        for index, service in enumerate(file.service):
            self._add_comment(prefix + service.name, (6, index), comments)
            for number, method in enumerate(service.method):
                name = f"{prefix}{service.name}/{method.name}"
                self.methods[name] = method
                self._add_comment(name, (6, index, 2, number), comments)

    def _add_message(self, name: str, message: DescriptorProto, path: Path, comments: Mapping[Path, str]) -> None:
        self.messages[name] = message
        self._add_comment(name, path, comments)
        for pattern in _patterns(message):
            self.resources.setdefault(re.sub(r"\{\w+\}", "*", pattern), pattern)
        for index, each in enumerate(message.field):
            self._add_comment(f"{name}.{each.name}", (*path, 2, index), comments)
        for index, nested in enumerate(message.nested_type):
            self._add_message(f"{name}.{nested.name}", nested, (*path, 3, index), comments)
        for index, enum in enumerate(message.enum_type):
            self._add_enum(f"{name}.{enum.name}", enum, (*path, 4, index), comments)

    def _add_enum(self, name: str, enum: EnumDescriptorProto, path: Path, comments: Mapping[Path, str]) -> None:
        self.enums[name] = enum
        self._add_comment(name, path, comments)
        for index, value in enumerate(enum.value):
            self._add_comment(f"{name}.{value.name}", (*path, 2, index), comments)

    def _add_comment(self, name: str, path: Path, comments: Mapping[Path, str]) -> None:
        """Store a comment, with each paragraph as one line."""
        if text := comments.get(path, "").strip():
            self.comments[name] = "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text))


def _patterns(message: DescriptorProto) -> Sequence[str]:
    extension: Any = resource_pb2.resource  # google's type stubs do not say which message it extends
    return list(MessageOptions.FromString(message.options.SerializeToString()).Extensions[extension].pattern)
