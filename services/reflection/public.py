"""What the contracts make public: services with a method that has a google.api.http rule, and what they import."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool


def public_services(package: ModuleType) -> list[ServiceDescriptor]:
    """Answer the public services in the generated modules of a package."""
    return [service for file in _files(package) for service in file.services_by_name.values() if _is_public(service)]


def pool_of(services: Iterable[ServiceDescriptor]) -> DescriptorPool:
    """Make a pool of the files of these services and of all that they import, and of no other."""
    pool = DescriptorPool()
    added: set[str] = set()

    def add(file: FileDescriptor) -> None:
        if file.name not in added:
            added.add(file.name)
            for imported in file.dependencies:
                add(imported)
            pool.AddSerializedFile(file.serialized_pb)

    for service in services:
        add(service.file)
    return pool


def _files(package: ModuleType) -> list[FileDescriptor]:
    # Generated packages have no __init__.py, and pkgutil passes such folders over.
    names = {
        ".".join((package.__name__, *file.relative_to(folder).with_suffix("").parts))
        for folder in package.__path__
        for file in Path(folder).rglob("*_pb2.py")
    }
    return [importlib.import_module(name).DESCRIPTOR for name in names]


def _is_public(service: ServiceDescriptor) -> bool:
    rule: Any = annotations_pb2.http  # google's own types do not say whose extension it is
    return any(method.GetOptions().HasExtension(rule) for method in service.methods)
