"""A caller of the shop: `python -m tests.compatibility.client catalog=unix:… orders=unix:…` calls these services.

It runs in a process of its own, with the contracts of one release on its path, against the servers of another: two
contracts of one name find no room in one process. So it asks for nothing but what the previous release has.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

import grpc.aio

from tests.compatibility.client import catalog, identity, inventory, orders, payments, shipping, told

ROUNDS = {
    "catalog": catalog.go,
    "inventory": inventory.go,
    "payments": payments.go,
    "shipping": shipping.go,
    "identity": identity.go,
    "notifications": told.of_notifications,
    "analytics": told.of_analytics,
}
SECONDS = 60


async def main(targets: dict[str, str]) -> None:
    """Go through the services at these targets, one after the other. Raises AssertionError, grpc.aio.AioRpcError."""
    async with asyncio.timeout(SECONDS), AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(target)) for name, target in targets.items()
        }
        for name, go in ROUNDS.items():
            if name in channels:
                await go(channels[name])
        # An order shows in what stands behind it.
        if "orders" in channels:
            await orders.go(channels)


if __name__ == "__main__":
    asyncio.run(main(dict(word.split("=", 1) for word in sys.argv[1:])))
