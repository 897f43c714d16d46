"""A built set of contracts: its elements, their locations, and which messages contain which.

Options are read with the classes of the image itself, because those in gen/ may be newer or older.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

CHILDREN: Mapping[type[Message], Mapping[str, str]] = {
    FileDescriptorProto: {
        "message_type": "message",
        "enum_type": "enum",
        "service": "service",
        "extension": "extension",
    },
    DescriptorProto: {
        "field": "field",
        "nested_type": "message",
        "enum_type": "enum",
        "oneof_decl": "oneof",
        "extension": "extension",
    },
    EnumDescriptorProto: {"value": "enum value"},
    ServiceDescriptorProto: {"method": "method"},
}
"""The fields of a descriptor that contain child elements, and the kind of these."""
MULTILINE_SPAN_LENGTH = 4
"""How many numbers a span has that starts and ends on different lines."""
PARTS = ("field", "oneof", "enum value")
"""Kinds of elements that are part of a message or an enum."""


@dataclass(frozen=True)
class Element:
    """An element that is written in a contract."""

    kind: str
    name: str
    """The full name. A method's is "<package>.<Service>/<Method>", an enum value's starts with its enum's."""
    parent: str
    """The full name of the enclosing element, or the package."""
    file: str
    start: tuple[int, int]
    """Line and column, from 1."""
    end: tuple[int, int]
    proto: Any = field(repr=False, compare=False)
    """The descriptor."""
    members: frozenset[int] = frozenset()
    """The numbers of the fields of a oneof."""

    @property
    def holder(self) -> str:
        """The full name of the message, enum, method or service that contains it."""
        return self.parent if self.kind in PARTS else self.name


class Image:
    """The contracts in one state. `own` are the project's files; the other files are imports."""

    def __init__(self, built: bytes, own: Collection[str]) -> None:
        self._pool = DescriptorPool()
        self.elements: dict[str, Element] = {}
        self.packages: dict[str, str] = {}
        """The package of each file."""
        self.files = FileDescriptorSet.FromString(built).file
        for file in self.files:
            self._pool.AddSerializedFile(file.SerializeToString())
            if file.name in own:
                self.packages[file.name] = file.package
                self.elements |= {element.name: element for element in _elements(file)}
        self.reach = cache(self._reach)
        self.children = cache(self._children)

    def of_kind(self, *kinds: str) -> list[Element]:
        """Return the elements of these kinds."""
        return [element for element in self.elements.values() if element.kind in kinds]

    def element_at(self, file: str, position: tuple[int, int]) -> Element | None:
        """Return the innermost element at a line and column, or None."""
        enclosing = (each for each in self.elements.values() if each.file == file and each.start <= position < each.end)
        return max(enclosing, key=lambda element: element.start, default=None)

    def counterpart(self, other: Element) -> Element | None:
        """Return the element that matches one of another image: fields and enum values by number, others by name.

        A oneof without a namesake matches one that has any of its fields.
        """
        if other.kind == "oneof" and other.name not in self.elements:
            oneofs = (each for each in self.children(other.parent) if each.kind == "oneof")
            return next((each for each in oneofs if each.members & other.members), None)
        if other.kind not in {"field", "enum value"}:
            return self.elements.get(other.name)
        candidates = (each for each in self.children(other.parent) if each.kind == other.kind)
        return next((each for each in candidates if each.proto.number == other.proto.number), None)

    def method(self, element: Element) -> MethodDescriptor:
        """Return a method's descriptor, with the types of its request and response."""
        descriptor: MethodDescriptor = self._pool.FindMethodByName(element.name.replace("/", "."))
        return descriptor

    def field(self, element: Element) -> FieldDescriptor:
        """Return a field's descriptor."""
        descriptor: FieldDescriptor = self._pool.FindFieldByName(element.name)
        return descriptor

    def new(self, message: str) -> Any:  # noqa: ANN401  # of a class that is built at run time
        """Create an empty message of this image."""
        return GetMessageClass(self._pool.FindMessageTypeByName(message))()

    def options(self, options: Message) -> dict[str, Any]:
        """Return the options that are set, by full name, including the project's options."""
        message = self.new(options.DESCRIPTOR.full_name)
        message.MergeFromString(options.SerializeToString())
        return {field.full_name: value for field, value in message.ListFields()}

    def requests(self) -> frozenset[str]:
        """Return every request message and every message in one."""
        inputs = (self.method(method).input_type.full_name for method in self.of_kind("method"))
        return frozenset().union(*map(self.reach, inputs))

    def _reach(self, message: str) -> frozenset[str]:
        """Return the full names of a message and of all messages and enums that it may contain."""
        names: set[str] = set()
        pending: list[Descriptor] = [self._pool.FindMessageTypeByName(message)]
        while pending:
            descriptor = pending.pop()
            if descriptor.full_name not in names:
                names.add(descriptor.full_name)
                names.update(each.enum_type.full_name for each in descriptor.fields if each.enum_type)
                pending += [each.message_type for each in descriptor.fields if each.message_type]
        return frozenset(names)

    def _children(self, parent: str) -> tuple[Element, ...]:
        return tuple(element for element in self.elements.values() if element.parent == parent)


def _elements(file: FileDescriptorProto) -> Iterator[Element]:
    spans = {tuple(location.path): tuple(location.span) for location in file.source_code_info.location}
    pending: list[tuple[str, tuple[int, ...], Any]] = [(file.package, (), file)]
    while pending:
        parent, path, proto = pending.pop()
        for field_name, kind in CHILDREN.get(type(proto), {}).items():
            number = proto.DESCRIPTOR.fields_by_name[field_name].number
            for index, child in enumerate(getattr(proto, field_name)):
                name = f"{parent}{'/' if kind == 'method' else '.'}{child.name}"
                span = spans.get((*path, number, index))
                # Elements that the compiler adds have no span: the entry of a map, the oneof of an optional field.
                if span:
                    *_, last, column = span if len(span) == MULTILINE_SPAN_LENGTH else (span[0], span[-1])
                    start, end = (span[0] + 1, span[1] + 1), (last + 1, column + 1)
                    fields = proto.field if kind == "oneof" else ()
                    members = frozenset(
                        each.number for each in fields if each.HasField("oneof_index") and each.oneof_index == index
                    )
                    yield Element(kind, name, parent, file.name, start, end, child, members)
                pending.append((name, (*path, number, index), child))
