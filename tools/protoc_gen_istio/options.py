"""Options of methods and services, read with the descriptors in the request.

Contracts of any project work without generated code. Their copy of an option may be older, or be another one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

Path = tuple[int, ...]
"""The path of an element in its file, as in source_code_info."""
SERVICE, METHOD = 6, 2
"""The numbers of services in a file and of methods in a service."""
SERVICE_OPTION, METHOD_OPTION, HTTP_OPTION = "mesh.options.v1.service", "mesh.options.v1.method", "google.api.http"
OPTIONS = {SERVICE_OPTION: 3, METHOD_OPTION: 4, HTTP_OPTION: 4}
"""The number of the options in the descriptor of a service or a method."""
COPY = "copy mesh/options/v1/options.proto of this generator into your contracts"
MAX_SECONDS, MAX_NANOS = 315_576_000_000, 999_999_999
"""The limits of google.protobuf.Duration."""
NANOS_PER_MILLISECOND = 1_000_000


class Lines:
    """The lines of the elements of a file."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file.name
        self._lines: dict[Path, int] = {}
        for location in file.source_code_info.location:
            path = tuple(location.path)
            # An option that is set in several statements has no single line. Its fields have lines.
            for length in range(len(path), 0, -1):
                self._lines.setdefault(path[:length], location.span[0] + 1)

    def at(self, path: Path) -> str:
        """Return `file:line` of an element, or of the one that contains it."""
        line = next(
            (self._lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in self._lines), 1
        )
        return f"{self._file}:{line}"


@dataclass(frozen=True)
class Policy:
    """An option of a method or a service. A field that is not set, or that the option does not have, is empty."""

    value: Any
    """The message of the option, of a type of the request's pool; None if it is not set."""
    element: str
    location: str
    faults: list[str] = field(repr=False)

    def name(self, name: str, prefix: str, known: Collection[str], default: str) -> str:
        """Return the name of an enum's value, without a prefix. Other copies of the option may have other numbers."""
        if not self._has(name, FieldDescriptor.TYPE_ENUM):
            return default
        number = getattr(self.value, name)
        found = self.value.DESCRIPTOR.fields_by_name[name].enum_type.values_by_number.get(number)
        text = found.name if found else str(number)
        if text.removeprefix(prefix) in known:
            return text.removeprefix(prefix)
        names = ", ".join(prefix + each for each in known if each != default)
        self._fault(f"has the unknown {name} {text}: use one of {names}")
        return default

    def text(self, name: str) -> str:
        """Return a text."""
        return str(getattr(self.value, name)) if self._has(name, FieldDescriptor.TYPE_STRING) else ""

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        is_set = self._has(name, FieldDescriptor.TYPE_STRING, is_list=True)
        return list(getattr(self.value, name)) if is_set else []

    def natural(self, name: str) -> int:
        """Return a number that is at least 0."""
        return int(getattr(self.value, name)) if self._has(name, FieldDescriptor.TYPE_UINT32) else 0

    def number(self, name: str) -> float | None:
        """Return a number; None if it is not set."""
        return float(getattr(self.value, name)) if self._has(name, FieldDescriptor.TYPE_DOUBLE) else None

    def message(self, name: str, kind: str) -> "Policy":
        """Return a message of a type, which is read in the same way. It is empty if it is not set."""
        value = getattr(self.value, name) if self._has(name, FieldDescriptor.TYPE_MESSAGE) else None
        if value is not None and value.DESCRIPTOR.full_name != kind:
            self._fault(f"has an {name} that is no {kind}: {COPY}")
            value = None
        return replace(self, value=value)

    def milliseconds(self, name: str) -> int | None:
        """Return a duration; None if it is not set."""
        if not self._has(name, FieldDescriptor.TYPE_MESSAGE):
            return None
        duration = getattr(self.value, name)
        if duration.DESCRIPTOR.full_name != "google.protobuf.Duration":
            self._fault(f"has a {name} that is no google.protobuf.Duration: {COPY}")
            return None
        if not (0 <= duration.seconds <= MAX_SECONDS and 0 <= duration.nanos <= MAX_NANOS):
            written = f"{duration.seconds} s and {duration.nanos} ns"
            self._fault(f"has a {name} of {written}: set seconds of at least 0, and nanos from 0 to {MAX_NANOS}")
        elif duration.nanos % NANOS_PER_MILLISECOND:
            self._fault(f"has a {name} with a part of a millisecond, which proxies cannot count: round its nanos")
        return int(duration.seconds * 1000 + duration.nanos // NANOS_PER_MILLISECOND)

    def _has(self, name: str, kind: int, *, is_list: bool = False) -> bool:
        found = (
            next((each for each, _ in self.value.ListFields() if each.name == name), None)
            if self.value is not None
            else None
        )
        if found and (found.type != kind or found.is_repeated != is_list):
            self._fault(f"has an option with another type of {name}: {COPY}")
            return False
        return bool(found)

    def _fault(self, text: str) -> None:
        self.faults.append(f"{self.location}: {self.element} {text}")


class Options:
    """Reads the options that the files of a request declare, and collects the faults in `faults`."""

    def __init__(self, files: Sequence[FileDescriptorProto]) -> None:
        self.faults: list[str] = []
        self._pool = DescriptorPool()
        for file in files:
            self._pool.Add(file)

    def policy(self, name: str, options: Any, lines: Lines, path: Path, element: str) -> Policy:  # noqa: ANN401
        """Return the option of a method or a service at a path."""
        value, location = None, lines.at(path)
        try:
            extension: Any = self._pool.FindExtensionByName(name)
            message: Any = GetMessageClass(self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name))()
        except KeyError:
            return Policy(None, element, location, self.faults)
        location = lines.at((*path, OPTIONS[name], extension.number))
        is_message = extension.type == FieldDescriptor.TYPE_MESSAGE and not extension.is_repeated
        if not is_message or extension.containing_type.full_name != options.DESCRIPTOR.full_name:
            self.faults.append(f"{location}: {element} has {name} as another kind of option: {COPY}")
        else:
            message.ParseFromString(options.SerializeToString())
            value = message.Extensions[extension] if message.HasExtension(extension) else None
        return Policy(value, element, location, self.faults)
