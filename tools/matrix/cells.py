"""What ought to be: which caller may call which method, by the contracts' options and the services' declarations."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto

import shop
from tools.protoc_gen_istio import contracts, declarations
from tools.protoc_gen_istio.contracts import Audience, Method
from tools.protoc_gen_istio.graph import Graph

ANONYMOUS, USER, STRANGER = "nobody", "user", "stranger"
"""Callers outside without and with a token, and a workload of the mesh that no declaration names."""


@dataclass(frozen=True)
class Caller:
    """Somebody who calls: from outside through the gateway, or a workload inside."""

    name: str
    inside: bool
    signed_in: bool = False
    role: str = ""
    """Outside: the role that the user has beside that of every user."""

    def may(self, graph: Graph, method: Method) -> bool:
        """Whether it may call the method."""
        if self.inside:
            return self.name in graph.callers[method.name]
        if method.audience is Audience.SIGNED_IN:
            return self.signed_in and (not method.roles or self.role in method.roles)
        return method.audience is Audience.ANYONE


def graph(root: Path) -> Graph:
    """Read the generated code's descriptors and the declarations."""
    files = [_read(file) for file in _with_imports(_modules())]
    own = [file.name for file in files if file.package.startswith("shop.")]
    return Graph(contracts.read(files, own), declarations.load(root / "services"))


def callers(found: Graph) -> list[Caller]:
    """Answer everybody: outsiders without a token, with one, with each role; and every workload, and a stranger."""
    roles = sorted({role for method in found.methods.values() for role in method.roles})
    outside = [Caller(ANONYMOUS, inside=False), Caller(USER, inside=False, signed_in=True)]
    outside += [Caller(role, inside=False, signed_in=True, role=role) for role in roles]
    inside = sorted(declared.service for declared in found.declarations)
    return outside + [Caller(name, inside=True) for name in (*inside, STRANGER)]


def _modules() -> Iterator[FileDescriptor]:
    for folder in shop.__path__:
        for path in sorted(Path(folder).rglob("*_pb2.py")):
            name = ".".join((shop.__name__, *path.relative_to(folder).with_suffix("").parts))
            yield importlib.import_module(name).DESCRIPTOR


def _with_imports(files: Iterator[FileDescriptor]) -> Sequence[FileDescriptor]:
    """Answer the files, each after those that it imports."""
    found: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        if file.name not in found:
            for imported in file.dependencies:
                add(imported)
            found[file.name] = file

    for file in files:
        add(file)
    return list(found.values())


def _read(file: FileDescriptor) -> FileDescriptorProto:
    return FileDescriptorProto.FromString(file.serialized_pb)
