"""The composition root: `python -m services.reflection`."""

import grpc.aio

import shop
from services.reflection.public import pool_of, public_services
from services.runtime import Runtime, serve
from services.runtime.rpc import ErrorTable, add_reflection


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Add reflection of the public services; this process has no service of its own."""
    del runtime
    services = public_services(shop)
    add_reflection(server, [service.full_name for service in services], pool_of(services))
    return []


if __name__ == "__main__":
    serve("reflection", register, ErrorTable("reflection.shop.example"))
