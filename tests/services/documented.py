"""What the contracts say of their methods: which statuses each may answer, from the sentences after "Errors:"."""

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

from tests.services.harness import ROOT, SERVICES

CODES = {code.name: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Method:
    """A method of a service that runs, and the statuses that its contract documents, beside OK."""

    service: str
    descriptor: MethodDescriptor
    statuses: frozenset[grpc.StatusCode]

    @property
    def path(self) -> str:
        """What a call of it names."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"


@cache
def methods() -> list[Method]:
    """Answer every method of every service, in the contracts' order."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "contracts.binpb"
        command = [str(ROOT / ".venv/bin/buf"), "build", "proto", "--as-file-descriptor-set", "--output", str(image)]
        subprocess.run(command, cwd=ROOT, check=True)
        contracts = FileDescriptorSet.FromString(image.read_bytes())
    found = []
    for file in contracts.file:
        context = file.package.split(".")[1] if file.package.startswith("shop.") else ""
        if context not in SERVICES:
            continue
        descriptor = import_module(file.name.replace("/", ".").replace(".proto", "_pb2")).DESCRIPTOR
        comments = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}
        for number, service in enumerate(file.service):
            for place, method in enumerate(service.method):
                # Field 6 of a file are its services, field 2 of a service its methods (descriptor.proto).
                comment = comments[6, number, 2, place]
                known = descriptor.services_by_name[service.name].methods_by_name[method.name]
                found.append(Method(context, known, _statuses(comment)))
    return found


def _statuses(comment: str) -> frozenset[grpc.StatusCode]:
    _, errors, told = comment.partition("Errors:")
    assert errors, "a method's comment does not tell its errors"
    return frozenset(CODES[word] for word in re.findall(r"[A-Z_]{2,}", told) if word in CODES)
