"""The gRPC server: its limits, its interceptors, the addresses it listens on, health and reflection."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime.config import ConfigError, host_port, socket_path
from services.runtime.rpc.composition import Composition
from services.runtime.rpc.health import HealthServicer
from services.runtime.rpc.reflection import add_reflection
from services.runtime.rpc.validation import compile_rules

# The largest request or reply. A page of a list has a quarter of it at most (rpc/paging.py).
MAX_MESSAGE_BYTES = 1024 * 1024
# The largest metadata of a call, as HTTP/2 counts it. The sidecar rejects calls above 60 KiB, so that no call reaches
# the range in which gRPC rejects at random (RESOURCE_EXHAUSTED), which by default starts at 8 KiB.
MAX_METADATA_BYTES = 64 * 1024
# How long running calls may take after the process got SIGTERM. Kubernetes allows 30 s in all: removing the
# endpoint takes 3 of them, background work 5 and the last spans 2.
GRACE_SECONDS = 15.0


def create_server(interceptors: Sequence[grpc.aio.ServerInterceptor]) -> grpc.aio.Server:
    """Create a server without servicers and addresses."""
    server = grpc.aio.server(
        interceptors=[Composition(interceptors)],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_metadata_size", MAX_METADATA_BYTES),
            # Two processes that share a port by mistake would each get half of the calls.
            ("grpc.so_reuseport", 0),
        ],
    )
    return cast("grpc.aio.Server", _GenericServer(server))


class _GenericServer:
    """A server that waits for the next call of any method, instead of one call of each method.

    Generated code registers each method in both ways. After each call, grpc.aio starts to wait for all of them, so the
    more methods there are, the more each call costs.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_registered_method_handlers(self, *_: object) -> None:
        """Ignore the handlers: `add_generic_rpc_handlers` gets the same ones."""

    def __getattr__(self, name: str) -> object:
        """Return the server's own attribute."""
        return getattr(self._server, name)


async def start_server(
    server: grpc.aio.Server,
    services: Sequence[str],
    addresses: Iterable[str],
    stopping: asyncio.Event,
    closing: AsyncExitStack,
) -> None:
    """Start `server` with health and reflection of its `services` (full names).

    On close, health reports NOT_SERVING, then streams end, then running calls get GRACE_SECONDS. Raises ConfigError if
    an address cannot be used.
    """
    compile_rules(services)
    health_servicer = HealthServicer(stopping)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    if services:
        add_reflection(server, services)
    for address in addresses:
        _bind(server, address)
    await server.start()
    closing.push_async_callback(server.stop, GRACE_SECONDS)
    closing.callback(stopping.set)
    closing.push_async_callback(health_servicer.enter_graceful_shutdown)
    for name in services:
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)


def _bind(server: grpc.aio.Server, address: str) -> None:
    path = socket_path(address)
    try:
        if path is None:
            _check_port(address)
        else:
            _check_path(Path(path))
        server.add_insecure_port(address)
    except (OSError, RuntimeError) as error:
        text = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"GRPC_LISTEN: cannot listen on {address}: {text}") from error


def _check_port(address: str) -> None:
    # gRPC itself would print the reason to standard error and raise an error without it.
    host, port = host_port("GRPC_LISTEN", address)
    for family, kind, _, _, sockaddr in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(sockaddr)


def _check_path(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # gRPC replaces an existing socket file, even if another process listens on it.
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
