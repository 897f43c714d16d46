"""A protoc plugin that writes *_pb2_grpc.py: buf knows no grpc_python, but the protoc inside grpcio-tools does.

The request on standard input holds every file's descriptor; protoc takes them with --descriptor_set_in.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet


def generate(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """Answer the *_pb2_grpc.py of every file to generate that holds a service."""
    response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    services = {file.name for file in request.proto_file if file.service}
    names = [name for name in request.file_to_generate if name in services]
    if not names:
        return response
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder, "descriptors.binpb")
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out = Path(folder, "out")
        out.mkdir()
        protoc = [sys.executable, "-m", "grpc_tools.protoc"]
        subprocess.run([*protoc, f"--descriptor_set_in={descriptors}", f"--grpc_python_out={out}", *names], check=True)
        for path in sorted(out.rglob("*.py")):
            response.file.add(name=path.relative_to(out).as_posix(), content=path.read_text(encoding="utf-8"))
    return response


if __name__ == "__main__":
    incoming = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    sys.stdout.buffer.write(generate(incoming).SerializeToString())
