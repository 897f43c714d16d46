"""A built set of contracts: what it holds, where each element stands, and what reaches what.

Options are read with the classes of the image itself: those of gen/ may be newer, or older, than what is compared.
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
"""Where the elements below an element stand, and what they are."""
FULL_SPAN = 4
"""Numbers of a span that ends on another line than it begins."""
HELD = ("field", "oneof", "enum value")
"""What belongs to a message or an enum, and is sent with it."""


@dataclass(frozen=True)
class Element:
    """Something that a person wrote into a contract."""

    kind: str
    name: str
    """Its full name; a method's is "<package>.<Service>/<Method>", and an enum value's begins with its enum's."""
    parent: str
    """The full name of what it stands in; of a file, its package."""
    file: str
    begin: tuple[int, int]
    """Line and column, from 1."""
    end: tuple[int, int]
    proto: Any = field(repr=False, compare=False)
    """Its descriptor."""

    @property
    def holder(self) -> str:
        """The full name of the message, enum, method or service in which others meet it."""
        return self.parent if self.kind in HELD else self.name


class Image:
    """The contracts at one time. `own` are the files to be judged: the others are what they import."""

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
        """Answer the elements of these kinds."""
        return [element for element in self.elements.values() if element.kind in kinds]

    def at(self, file: str, place: tuple[int, int]) -> Element | None:
        """Answer the innermost element that stands at a line and column."""
        around = (each for each in self.elements.values() if each.file == file and each.begin <= place < each.end)
        return max(around, key=lambda element: element.begin, default=None)

    def same(self, other: Element) -> Element | None:
        """Answer what another image's element is here: a field or enum value is known by its number."""
        if other.kind not in {"field", "enum value"}:
            return self.elements.get(other.name)
        alike = (each for each in self.children(other.parent) if each.kind == other.kind)
        return next((each for each in alike if each.proto.number == other.proto.number), None)

    def method(self, element: Element) -> MethodDescriptor:
        """Answer a method's descriptor, with the types of its request and response."""
        found: MethodDescriptor = self._pool.FindMethodByName(element.name.replace("/", "."))
        return found

    def field(self, element: Element) -> FieldDescriptor:
        """Answer a field's descriptor."""
        found: FieldDescriptor = self._pool.FindFieldByName(element.name)
        return found

    def new(self, message: str) -> Any:  # noqa: ANN401  # of a class made at run time
        """Make an empty message of this image."""
        return GetMessageClass(self._pool.FindMessageTypeByName(message))()

    def options(self, options: Message) -> dict[str, Any]:
        """Answer the options that are set, by their full names; those of the project's own among them."""
        own = self.new(options.DESCRIPTOR.full_name)
        own.MergeFromString(options.SerializeToString())
        return {found.full_name: value for found, value in own.ListFields()}

    def requests(self) -> frozenset[str]:
        """Answer every message that a request holds, or is."""
        inputs = (self.method(method).input_type.full_name for method in self.of_kind("method"))
        return frozenset().union(*map(self.reach, inputs))

    def _reach(self, message: str) -> frozenset[str]:
        """Answer the full names of a message and of all messages and enums that it may hold."""
        found: set[str] = set()
        left: list[Descriptor] = [self._pool.FindMessageTypeByName(message)]
        while left:
            descriptor = left.pop()
            if descriptor.full_name not in found:
                found.add(descriptor.full_name)
                found.update(each.enum_type.full_name for each in descriptor.fields if each.enum_type)
                left += [each.message_type for each in descriptor.fields if each.message_type]
        return frozenset(found)

    def _children(self, parent: str) -> tuple[Element, ...]:
        return tuple(element for element in self.elements.values() if element.parent == parent)


def _elements(file: FileDescriptorProto) -> Iterator[Element]:
    spans = {tuple(found.path): tuple(found.span) for found in file.source_code_info.location}
    left: list[tuple[str, tuple[int, ...], Any]] = [(file.package, (), file)]
    while left:
        parent, path, proto = left.pop()
        for place, kind in CHILDREN.get(type(proto), {}).items():
            number = proto.DESCRIPTOR.fields_by_name[place].number
            for index, child in enumerate(getattr(proto, place)):
                name = f"{parent}{'/' if kind == 'method' else '.'}{child.name}"
                span = spans.get((*path, number, index))
                # What the compiler adds (a map's entry, the oneof of an optional field) nobody wrote.
                if span:
                    *_, last, column = span if len(span) == FULL_SPAN else (span[0], span[-1])
                    begin, end = (span[0] + 1, span[1] + 1), (last + 1, column + 1)
                    yield Element(kind, name, parent, file.name, begin, end, child)
                left.append((name, (*path, number, index), child))
