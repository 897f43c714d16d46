"""The callers, and which of them may call which method by the contracts' options and the services' declarations."""

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

ANONYMOUS, USER = "anonymous", "user"
"""Callers outside of the mesh, without and with a token."""
STRANGER = "stranger"
"""A workload in the mesh that no declaration names."""


@dataclass(frozen=True)
class Caller:
    """A caller outside of the mesh, which calls through the gateway, or a workload inside."""

    name: str
    inside: bool
    logged_in: bool = False
    role: str = ""
    """The role of a caller outside, besides that of every user."""

    def may_call(self, graph: Graph, method: Method) -> bool:
        """Return whether the declarations allow the call."""
        if self.inside:
            return self.name in graph.callers[method.name]
        if method.audience is Audience.SIGNED_IN:
            return self.logged_in and (not method.roles or self.role in method.roles)
        return method.audience is Audience.ANYONE


def graph(root: Path) -> Graph:
    """Read the contracts from the generated code, and the declarations of the services in a checkout."""
    files = [_read(file) for file in _with_imports(_modules())]
    own = [file.name for file in files if file.package.startswith("shop.")]
    return Graph(contracts.read(files, own), declarations.load(root / "services"))


def callers(declared: Graph) -> list[Caller]:
    """Return all callers: users without a token, with one, and with each role; every service; and the stranger."""
    roles = sorted({role for method in declared.methods.values() for role in method.roles})
    outside = [Caller(ANONYMOUS, inside=False), Caller(USER, inside=False, logged_in=True)]
    outside += [Caller(role, inside=False, logged_in=True, role=role) for role in roles]
    services = sorted(each.service for each in declared.declarations)
    return outside + [Caller(name, inside=True) for name in (*services, STRANGER)]


def _modules() -> Iterator[FileDescriptor]:
    for folder in shop.__path__:
        for path in sorted(Path(folder).rglob("*_pb2.py")):
            name = ".".join((shop.__name__, *path.relative_to(folder).with_suffix("").parts))
            yield importlib.import_module(name).DESCRIPTOR


def _with_imports(files: Iterator[FileDescriptor]) -> Sequence[FileDescriptor]:
    """Return the files and their imports, each file after those that it imports."""
    sorted_files: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        if file.name not in sorted_files:
            for imported in file.dependencies:
                add(imported)
            sorted_files[file.name] = file

    for file in files:
        add(file)
    return list(sorted_files.values())


def _read(file: FileDescriptor) -> FileDescriptorProto:
    return FileDescriptorProto.FromString(file.serialized_pb)
