"""What contracts declare, by its full name, and what their comments tell of it."""

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

Place = tuple[int, ...]
"""Where an element stands in its file, as source_code_info has it."""


@dataclass
class Elements:
    """The types and methods of some files."""

    messages: dict[str, DescriptorProto] = field(default_factory=dict)
    enums: dict[str, EnumDescriptorProto] = field(default_factory=dict)
    methods: dict[str, MethodDescriptorProto] = field(default_factory=dict)
    """By "<package>.<Service>/<Method>"."""
    comments: dict[str, str] = field(default_factory=dict)
    """A field's name stands after its message's, a value's after its enum's."""
    resources: dict[str, str] = field(default_factory=dict)
    """How the parts of resource names are called: "products/*" → "products/{product}"."""

    @classmethod
    def of(cls, files: Iterable[FileDescriptorProto]) -> "Elements":
        """Read files."""
        found = cls()
        for file in files:
            found._file(file)
        return found

    def _file(self, file: FileDescriptorProto) -> None:
        told = {tuple(each.path): each.leading_comments for each in file.source_code_info.location}
        prefix = f"{file.package}." if file.package else ""
        for index, message in enumerate(file.message_type):
            self._message(prefix + message.name, message, (4, index), told)
        for index, enum in enumerate(file.enum_type):
            self._enum(prefix + enum.name, enum, (5, index), told)
        for index, service in enumerate(file.service):
            self._tell(prefix + service.name, (6, index), told)
            for number, method in enumerate(service.method):
                name = f"{prefix}{service.name}/{method.name}"
                self.methods[name] = method
                self._tell(name, (6, index, 2, number), told)

    def _message(self, name: str, message: DescriptorProto, place: Place, told: Mapping[Place, str]) -> None:
        self.messages[name] = message
        self._tell(name, place, told)
        for pattern in _patterns(message):
            self.resources.setdefault(re.sub(r"\{\w+\}", "*", pattern), pattern)
        for index, each in enumerate(message.field):
            self._tell(f"{name}.{each.name}", (*place, 2, index), told)
        for index, nested in enumerate(message.nested_type):
            self._message(f"{name}.{nested.name}", nested, (*place, 3, index), told)
        for index, enum in enumerate(message.enum_type):
            self._enum(f"{name}.{enum.name}", enum, (*place, 4, index), told)

    def _enum(self, name: str, enum: EnumDescriptorProto, place: Place, told: Mapping[Place, str]) -> None:
        self.enums[name] = enum
        self._tell(name, place, told)
        for index, value in enumerate(enum.value):
            self._tell(f"{name}.{value.name}", (*place, 2, index), told)

    def _tell(self, name: str, place: Place, told: Mapping[Place, str]) -> None:
        """Keep a comment, each of its paragraphs as one line."""
        if text := told.get(place, "").strip():
            self.comments[name] = "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text))


def _patterns(message: DescriptorProto) -> Sequence[str]:
    extension: Any = resource_pb2.resource  # google's own types do not say whose extension it is
    return list(MessageOptions.FromString(message.options.SerializeToString()).Extensions[extension].pattern)
