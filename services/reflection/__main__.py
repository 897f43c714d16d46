"""The composition root: `python -m services.reflection`."""

import grpc.aio

import shop
from services.reflection.public import create_pool, public_services
from services.runtime import Runtime, serve
from services.runtime.rpc import ErrorTable, add_reflection


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Register reflection for the public services. Return no names: the runtime adds no reflection itself then."""
    del runtime
    services = public_services(shop)
    add_reflection(server, [service.full_name for service in services], create_pool(services))
    return []


if __name__ == "__main__":
    serve("reflection", register, ErrorTable("reflection.shop.example"))
