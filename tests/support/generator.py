"""Runs the policy generator in this process, perhaps with a fault in its reader."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from unittest.mock import patch

import yaml
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tests.support.checkout import ROOT
from tools.protoc_gen_istio import contracts
from tools.protoc_gen_istio.contracts import Contract
from tools.protoc_gen_istio.generate import generate

PLUGIN = "tools.protoc_gen_istio"


def generated(misread: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, str]:
    """Return the generated files of this checkout by name.

    `misread` has the fields of methods that the generator's reader gets wrong: {method: {field: value}}.
    """
    request = CodeGeneratorRequest.FromString(_request())
    with patch.object(contracts, "read", _reader(misread or {})):
        return generate(request)


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
        parameter=",".join([*options, f"services={ROOT}/services"]),
    ).SerializeToString()


def _reader(misread: Mapping[str, Mapping[str, Any]]) -> Any:  # noqa: ANN401  # a function
    read = contracts.read

    def faulty(files: Sequence[FileDescriptorProto], names: Sequence[str]) -> dict[str, Contract]:
        return {
            name: replace(
                contract,
                methods=tuple(replace(method, **misread.get(method.name, {})) for method in contract.methods),
            )
            for name, contract in read(files, names).items()
        }

    return faulty
