"""The service that SERVICE names as it is, but that it dies where a test says so: around each commit of a call."""

import importlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime import serve
from services.runtime.storage import Database
from tests.services.mortal import COMMITTED, UNCOMMITTED, live_again, reached

SERVICE = os.environ["SERVICE"]

serving: ContextVar[str] = ContextVar("serving")
write = Database.write


@asynccontextmanager
async def _mortal_write(self: Database, *, shared: bool = False) -> AsyncIterator[AsyncConnection]:
    async with write(self, shared=shared) as connection:
        yield connection
        if rpc := serving.get(""):
            reached(f"{rpc} {UNCOMMITTED}")
    if rpc:
        reached(f"{rpc} {COMMITTED}")


def _named(rpc: str, method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def serve_it(self: object, *arguments: Any) -> object:  # noqa: ANN401  # whatever gRPC gives it
        serving.set(rpc)
        return await method(self, *arguments)

    return serve_it


if __name__ == "__main__":
    root = importlib.import_module(f"services.{SERVICE}.__main__")
    servicer = getattr(importlib.import_module(f"services.{SERVICE}.servicer"), f"{SERVICE.title()}Servicer")
    contract = importlib.import_module(f"shop.{SERVICE}.v1.{SERVICE}_pb2").DESCRIPTOR
    for method in contract.services_by_name[f"{SERVICE.title()}Service"].methods:
        setattr(servicer, method.name, _named(method.name, getattr(servicer, method.name)))
    Database.write = _mortal_write  # type: ignore[method-assign]
    live_again(lambda: serve(SERVICE, root.register, root.ERRORS))
