"""gRPC server reflection, so that tools need no proto file: v1, and v1alpha for those that ask for no other."""

from collections.abc import Iterable
from typing import Any

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2

# grpcio-reflection knows v1alpha alone; the messages of v1 are the same but for their package.
NAMES = ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME)


def add_reflection(
    server: grpc.aio.Server, services: Iterable[str], pool: descriptor_pool.DescriptorPool | None = None
) -> None:
    """Tell of `services` (full names) and of whatever stands in `pool`: by default, all that this process knows."""
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
    """A pool that also finds the file of a method: `grpcurl describe` asks for that, and protobuf's own says no."""

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802  # protobuf's name
        """Answer the file that declares `symbol`. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file

    def __getattr__(self, name: str) -> object:
        """Leave everything else to the pool."""
        return getattr(self._pool, name)
