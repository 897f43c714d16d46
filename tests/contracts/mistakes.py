"""A small contract with one mistake at a time, compiled and given to protoc-gen-istio in this process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from tests.support.checkout import ROOT
from tools.protoc_gen_istio.generate import ContradictionError, generate

CONTRACT = """\
syntax = "proto3";
package acme.v1;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "mesh/options/v1/options.proto";
service Orders {
%(service)s
  rpc GetOrder(%(stream)sOrder) returns (Order) {
%(method)s
  }
%(more)s
}
message Order {
  string name = 1;
  Order parent = 2;
  repeated string tags = 3;
  repeated Order parts = 4;
  map<string, Order> others = 5;
  google.api.HttpBody file = 6;
  int64 number = 7;
}
message Nothing {}
"""
ANYONE = "option (mesh.options.v1.method) = {audience: AUDIENCE_ANYONE};"
GATEWAY_PATHS = "/ /healthz"


def compiled(folder: Path, contract: str, options: str = "") -> Path:
    """Compile a contract in a folder, perhaps with another copy of options.proto, and return the file of the image."""
    (folder / "orders.proto").write_text(contract, encoding="utf-8")
    if options:
        copy = folder / "mesh/options/v1/options.proto"
        copy.parent.mkdir(parents=True)
        copy.write_text(options, encoding="utf-8")
    declaration = folder / "services/orders/service.yaml"
    declaration.parent.mkdir(parents=True, exist_ok=True)
    declaration.write_text("{service: orders, serves: [acme.v1.Orders]}", encoding="utf-8")
    installed = [Path(annotations_pb2.__file__).parents[2], Path(protoc.__file__).parent / "_proto"]
    imported = [folder, ROOT / "proto", *installed]
    arguments = [f"-I{path}" for path in imported]
    built = folder / "contract.binpb"
    flags = ["--include_imports", "--include_source_info", f"--descriptor_set_out={built}"]
    compiler: Any = protoc  # it has no types
    assert compiler.main(["protoc", *arguments, *flags, "orders.proto"]) == 0
    return built


def request(folder: Path, contract: str, options: str = "") -> CodeGeneratorRequest:
    """Compile a contract and return the request to the plugin."""
    built = compiled(folder, contract, options)
    return CodeGeneratorRequest(
        file_to_generate=["orders.proto"],
        proto_file=FileDescriptorSet.FromString(built.read_bytes()).file,
        parameter=f"services={folder}/services,gateway_paths={GATEWAY_PATHS}",
    )


def contract(*lines: str, service: str = "", stream: str = "", more: str = "") -> str:
    """Return the contract with lines in the method GetOrder, which start at line 9."""
    return CONTRACT % {"method": "\n".join(lines), "service": service, "stream": stream, "more": more}


def faults(folder: Path, text: str) -> list[str]:
    """Return the lines that the plugin prints for a contract; none if it generates files."""
    try:
        assert generate(request(folder, text))
    except ContradictionError as error:
        return str(error).splitlines()
    return []


def run_protoc(folder: Path, image: Path) -> subprocess.CompletedProcess[str]:
    """Run protoc with the plugin in another process, which knows no other copy of the options than the image."""
    plugin = ROOT / ".venv/bin/protoc-gen-istio"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--plugin={plugin}", f"--istio_out={folder}"]
    command += [f"--istio_opt=services={folder}/services", f"--descriptor_set_in={image}", "orders.proto"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
