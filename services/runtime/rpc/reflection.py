"""gRPC server reflection (v1 and v1alpha), so that tools such as grpcurl need no proto files."""

from collections.abc import Iterable
from typing import Any

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2

# grpcio-reflection implements only v1alpha. The messages of v1 differ only in their package.
NAMES = ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME)


def add_reflection(
    server: grpc.aio.Server, services: Iterable[str], pool: descriptor_pool.DescriptorPool | None = None
) -> None:
    """Serve reflection of `services` (full names) and of all files in `pool`, by default the process's own pool."""
    lookup: Any = _Lookup(pool or descriptor_pool.Default())
    servicer = reflection.aio.ReflectionServicer([*services, reflection.SERVICE_NAME], lookup)
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in NAMES:
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})])


class _Lookup:
    """A descriptor pool that also finds the file of a method, which `grpcurl describe` needs."""

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802  # protobuf's name
        """Return the file that declares `symbol`. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file

    def __getattr__(self, name: str) -> object:
        """Return the pool's own attribute."""
        return getattr(self._pool, name)
