"""A protoc plugin that writes *_pb2.py and *_pb2_grpc.py: buf knows neither, but the protoc inside grpcio-tools does.

The request on standard input holds every file's descriptor; protoc takes them with --descriptor_set_in.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet


def generate(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """Answer the *_pb2.py of every file to generate, and the *_pb2_grpc.py of those that hold a service."""
    response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder, "descriptors.binpb")
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out = Path(folder, "out")
        out.mkdir()
        _protoc(f"--descriptor_set_in={descriptors}", f"--python_out={out}", *request.file_to_generate)
        services = {file.name for file in request.proto_file if file.service}
        if names := [name for name in request.file_to_generate if name in services]:
            _protoc(f"--descriptor_set_in={descriptors}", f"--grpc_python_out={out}", *names)
        for path in sorted(out.rglob("*.py")):
            response.file.add(name=path.relative_to(out).as_posix(), content=path.read_text(encoding="utf-8"))
    return response


def _protoc(*arguments: str) -> None:
    # What it warns of is kept from the terminal: it takes a file for unused that is imported for its rules.
    run = subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", *arguments], stderr=subprocess.PIPE, text=True, check=False
    )
    if run.returncode:
        sys.exit(run.stderr)


if __name__ == "__main__":
    incoming = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    sys.stdout.buffer.write(generate(incoming).SerializeToString())
