"""The contracts, read from the generated modules."""

import importlib
from collections.abc import Iterator
from functools import cache

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from mesh.options.v1 import options_pb2
from services.runtime.rpc.reflection import NAMES
from tests.support.checkout import ROOT

GEN, SERVICES = ROOT / "gen", ROOT / "services"
REFLECTION = {f"/{name}/ServerReflectionInfo" for name in NAMES}


def files() -> Iterator[FileDescriptor]:
    """Yield the descriptor of each contract file."""
    for path in sorted((GEN / "shop").rglob("*_pb2.py")):
        yield importlib.import_module(".".join(path.relative_to(GEN).with_suffix("").parts)).DESCRIPTOR


def methods() -> dict[str, MethodDescriptor]:
    """Return the methods of all existing services by path, "/<package>.<Service>/<Method>".

    A contract may be published before its service exists. Its methods do not count until then.
    """
    by_path = {
        f"/{service.full_name}/{method.name}": method
        for file in files()
        for service in file.services_by_name.values()
        for method in service.methods
    }
    return {path: method for path, method in by_path.items() if (SERVICES / service_of(path) / "__main__.py").exists()}


def is_repeatable(method: MethodDescriptor) -> bool:
    """Return whether the mesh may retry a method, by the idempotency level in its contract."""
    return method.GetOptions().idempotency_level in {MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT}


def is_public(method: MethodDescriptor) -> bool:
    """Return whether the contract declares an audience, so that callers outside the mesh may call the method."""
    return bool(method.GetOptions().Extensions[options_pb2.method].audience)


def service_of(path: str) -> str:
    """Return the service that has the method: "catalog" for /shop.catalog.v1.CatalogService/GetProduct."""
    return "reflection" if path in REFLECTION else path.split(".")[1]


@cache
def nouns() -> set[str]:
    """Return the nouns of the business: the contexts, and each message that is a resource (has a name)."""
    contexts = {file.package.split(".")[1] for file in files() if file.services_by_name}
    resources = {
        message.name.lower()
        for file in files()
        for message in file.message_types_by_name.values()
        if "name" in message.fields_by_name and not message.name.endswith("Request")
    }
    return contexts | resources
