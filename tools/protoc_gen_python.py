"""A protoc plugin that generates *_pb2.py and *_pb2_grpc.py. buf cannot, so it runs the protoc in grpcio-tools.

The request on standard input contains the descriptors of all files, which protoc accepts with --descriptor_set_in.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet


def generate(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """Return the *_pb2.py of every file to generate, and the *_pb2_grpc.py of files with a service."""
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
    # The warnings are hidden: protoc reports a file that is imported only for its rules as unused.
    run = subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", *arguments], stderr=subprocess.PIPE, text=True, check=False
    )
    if run.returncode:
        sys.exit(run.stderr)


if __name__ == "__main__":
    incoming = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    sys.stdout.buffer.write(generate(incoming).SerializeToString())
