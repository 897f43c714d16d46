"""The contracts as the generated modules tell them."""

import importlib
from collections.abc import Iterator, Mapping
from functools import cache

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from mesh.options.v1 import options_pb2
from services.runtime.rpc.reflection import NAMES
from tests.tidy.tree import ROOT

GEN, SERVICES = ROOT / "gen", ROOT / "services"
REFLECTION = {f"/{name}/ServerReflectionInfo" for name in NAMES}


def files() -> Iterator[FileDescriptor]:
    """Answer the descriptor of every contract."""
    for path in sorted((GEN / "shop").rglob("*_pb2.py")):
        yield importlib.import_module(".".join(path.relative_to(GEN).with_suffix("").parts)).DESCRIPTOR


def methods() -> dict[str, MethodDescriptor]:
    """Answer every method by its path, "/<package>.<Service>/<Method>".

    A contract may be published before its service, for others to build on: its methods count from the day on which
    something runs that could be called.
    """
    found = {
        f"/{service.full_name}/{method.name}": method
        for file in files()
        for service in file.services_by_name.values()
        for method in service.methods
    }
    return {path: method for path, method in found.items() if (SERVICES / service_of(path) / "__main__.py").exists()}


def repeatable(found: Mapping[str, MethodDescriptor]) -> set[str]:
    """Answer the methods that the mesh may send again: the contract says that they have no effect, or one at most."""
    levels = {MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT}
    return {path for path, method in found.items() if method.GetOptions().idempotency_level in levels}


def streams(found: Mapping[str, MethodDescriptor]) -> set[str]:
    """Answer the methods whose responses come one by one."""
    return {path for path, method in found.items() if method.server_streaming}


def public(found: Mapping[str, MethodDescriptor]) -> set[str]:
    """Answer the methods that the contract gives an audience: those that outsiders may call."""
    option = options_pb2.method
    return {path for path, method in found.items() if method.GetOptions().Extensions[option].audience}


def service_of(path: str) -> str:
    """Answer which of our services has the method: "catalog" for /shop.catalog.v1.CatalogService/GetProduct."""
    return "reflection" if path in REFLECTION else path.split(".")[1]


@cache
def nouns() -> set[str]:
    """Answer what the business speaks of: the contexts, and every message that is a resource (it has a name)."""
    contexts = {file.package.split(".")[1] for file in files() if file.services_by_name}
    resources = {
        message.name.lower()
        for file in files()
        for message in file.message_types_by_name.values()
        if "name" in message.fields_by_name and not message.name.endswith("Request")
    }
    return contexts | resources
