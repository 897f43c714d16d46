"""The public services: those with at least one method that has a google.api.http rule."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2


def public_services(package: ModuleType) -> list[ServiceDescriptor]:
    """Return the public services in the generated modules of a package."""
    return [service for file in _files(package) for service in file.services_by_name.values() if _is_public(service)]


def create_pool(services: Iterable[ServiceDescriptor]) -> DescriptorPool:
    """Create a pool with the files of these services, the details of errors, and all their imports; no other file."""
    pool = DescriptorPool()
    added: set[str] = set()

    def add(file: FileDescriptor) -> None:
        if file.name not in added:
            added.add(file.name)
            for imported in file.dependencies:
                add(imported)
            pool.AddSerializedFile(file.serialized_pb)

    # No contract imports the details, but grpcurl cannot print them without their descriptors.
    for file in (*(service.file for service in services), error_details_pb2.DESCRIPTOR):
        add(file)
    return pool


def _files(package: ModuleType) -> list[FileDescriptor]:
    # Generated packages have no __init__.py, and pkgutil skips such folders.
    names = {
        ".".join((package.__name__, *file.relative_to(folder).with_suffix("").parts))
        for folder in package.__path__
        for file in Path(folder).rglob("*_pb2.py")
    }
    return [importlib.import_module(name).DESCRIPTOR for name in names]


def _is_public(service: ServiceDescriptor) -> bool:
    rule: Any = annotations_pb2.http  # the type stubs of google.api do not say what it extends
    return any(method.GetOptions().HasExtension(rule) for method in service.methods)
