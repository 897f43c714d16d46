"""The statuses that each method may return, from the sentences after "Errors:" in the contracts."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.support.checkout import ROOT
from tests.support.processes import SERVICES

CODES = {code.name: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Method:
    """A method of an existing service, and the statuses that its contract documents, besides OK."""

    service: str
    descriptor: MethodDescriptor
    statuses: frozenset[grpc.StatusCode]

    @property
    def path(self) -> str:
        """The path of the method, "/<package>.<Service>/<Method>"."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"


@cache
def methods() -> list[Method]:
    """Return the methods of all services, in the order of the contracts."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "contracts.binpb"
        command = [str(ROOT / ".venv/bin/buf"), "build", "proto", "--as-file-descriptor-set", "--output", str(image)]
        subprocess.run(command, cwd=ROOT, check=True)
        contracts = FileDescriptorSet.FromString(image.read_bytes())
    documented = []
    for file in contracts.file:
        context = file.package.split(".")[1] if file.package.startswith("shop.") else ""
        if context not in SERVICES:
            continue
        descriptor = import_module(file.name.replace("/", ".").replace(".proto", "_pb2")).DESCRIPTOR
        comments = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}
        for number, service in enumerate(file.service):
            for position, method in enumerate(service.method):
                # Field 6 of a file holds its services, field 2 of a service its methods (descriptor.proto).
                comment = comments[6, number, 2, position]
                generated = descriptor.services_by_name[service.name].methods_by_name[method.name]
                documented.append(Method(context, generated, _statuses(comment)))
    return documented


def _statuses(comment: str) -> frozenset[grpc.StatusCode]:
    _, heading, text = comment.partition("Errors:")
    assert heading, "the comment of a method does not document its errors"
    return frozenset(CODES[word] for word in re.findall(r"[A-Z_]{2,}", text) if word in CODES)
