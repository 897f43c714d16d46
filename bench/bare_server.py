"""A grpc.aio server without our runtime: the most that a service in Python can reach. `python -m bench.bare_server`.

It has one method of catalog, and returns the same reply to every request. Its arguments are the address to listen on
and the file with the reply.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from shop.catalog.v1 import catalog_pb2 as pb

SERVICE, METHOD = "shop.catalog.v1.CatalogService", "BatchGetProducts"


async def serve(address: str, reply: pb.BatchGetProductsResponse) -> None:
    """Serve until the process is stopped. Every call reads its request and writes the reply, as in a service."""

    async def respond(
        _request: pb.BatchGetProductsRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.BatchGetProductsResponse:
        return reply

    handler = grpc.unary_unary_rpc_method_handler(
        respond,
        request_deserializer=pb.BatchGetProductsRequest.FromString,
        response_serializer=pb.BatchGetProductsResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).parent.mkdir(exist_ok=True)
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Read the reply and serve."""
    address, reply = sys.argv[1:]
    asyncio.run(serve(address, pb.BatchGetProductsResponse.FromString(Path(reply).read_bytes())))


if __name__ == "__main__":
    main()
