"""Runs the policy generator in this process, perhaps on other options than those of the contracts."""

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from google.api import annotations_pb2
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from mesh.options.v1 import options_pb2
from mesh.options.v1.options_pb2 import MethodPolicy
from tests.support.checkout import ROOT
from tools.protoc_gen_istio.generate import generate

PLUGIN = "tools.protoc_gen_istio"


def generated(misread: Mapping[str, MethodPolicy] | None = None, root: Path = ROOT) -> dict[str, str]:
    """Return the generated files of this checkout by name.

    `root` has the declarations. `misread` has the options that the generator sees for a method instead of
    those in its contract, as if its reader had a fault. A method that it sees as private has no HTTP path for it.
    """
    request = CodeGeneratorRequest.FromString(_request())
    http: Any = annotations_pb2.http  # google's type stubs do not say which message it extends
    for file in request.proto_file:
        for service in file.service:
            for method in service.method:
                if policy := (misread or {}).get(f"{file.package}.{service.name}/{method.name}"):
                    method.options.Extensions[options_pb2.method].CopyFrom(policy)
                    if not policy.audience:
                        method.options.ClearExtension(http)
    return generate(request, root)


@cache
def _request() -> bytes:
    image = subprocess.run(
        [ROOT / ".venv/bin/buf", "build", "proto", "--output", "-"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    template = yaml.safe_load((ROOT / "buf.gen.yaml").read_text(encoding="utf-8"))
    [options] = [plugin["opt"] for plugin in template["plugins"] if PLUGIN in plugin["local"]]
    files = FileDescriptorSet.FromString(image.stdout).file
    return CodeGeneratorRequest(
        file_to_generate=[file.name for file in files if file.package.startswith("shop.")],
        proto_file=files,
        parameter=",".join(options),
    ).SerializeToString()
