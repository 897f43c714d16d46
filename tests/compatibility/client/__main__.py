"""Client of the shop: `python -m tests.compatibility.client catalog=unix:… orders=unix:…` calls these services.

It runs in a separate process with the contracts of one release against the servers of another, because one process
cannot load two contracts with the same name. It calls only the methods that the previous release has.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

import grpc.aio

from tests.compatibility.client import catalog, identity, inventory, orders, payments, read_models, shipping

CHECKS = {
    "catalog": catalog.check,
    "inventory": inventory.check,
    "payments": payments.check,
    "shipping": shipping.check,
    "identity": identity.check,
    "notifications": read_models.check_notifications,
    "analytics": read_models.check_analytics,
}
TIMEOUT_SECONDS = 60


async def main(targets: dict[str, str]) -> None:
    """Check the services at these targets, one after the other. Raises AssertionError, grpc.aio.AioRpcError."""
    async with asyncio.timeout(TIMEOUT_SECONDS), AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(target)) for name, target in targets.items()
        }
        for name, check in CHECKS.items():
            if name in channels:
                await check(channels[name])
        # The check of orders also reads inventory, payments and shipping.
        if "orders" in channels:
            await orders.check(channels)


if __name__ == "__main__":
    asyncio.run(main(dict(argument.split("=", 1) for argument in sys.argv[1:])))
