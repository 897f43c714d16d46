"""The service that SERVICE names, unchanged but for crashes around the commits of its methods."""

import importlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime import serve
from services.runtime.storage import Database
from tests.services.crashing import COMMITTED, UNCOMMITTED, reach, run_and_restart

SERVICE = os.environ["SERVICE"]

current_method: ContextVar[str] = ContextVar("current_method")
write = Database.write


@asynccontextmanager
async def _crashing_write(self: Database, *, shared: bool = False) -> AsyncIterator[AsyncConnection]:
    async with write(self, shared=shared) as connection:
        yield connection
        if rpc := current_method.get(""):
            reach(f"{rpc} {UNCOMMITTED}")
    if rpc:
        reach(f"{rpc} {COMMITTED}")


def _with_name(rpc: str, method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def call(self: object, *arguments: Any) -> object:  # noqa: ANN401  # gRPC's arguments
        current_method.set(rpc)
        return await method(self, *arguments)

    return call


if __name__ == "__main__":
    root = importlib.import_module(f"services.{SERVICE}.__main__")
    servicer = getattr(importlib.import_module(f"services.{SERVICE}.servicer"), f"{SERVICE.title()}Servicer")
    contract = importlib.import_module(f"shop.{SERVICE}.v1.{SERVICE}_pb2").DESCRIPTOR
    for method in contract.services_by_name[f"{SERVICE.title()}Service"].methods:
        setattr(servicer, method.name, _with_name(method.name, getattr(servicer, method.name)))
    Database.write = _crashing_write  # type: ignore[method-assign]
    run_and_restart(lambda: serve(SERVICE, root.register, root.ERRORS))
