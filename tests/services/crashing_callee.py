"""The service that SERVICE names, unchanged but for crashes around the commits of its methods."""

import importlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

import grpc.aio
from typing_extensions import override

from services.runtime import Runtime, serve
from services.runtime.rpc.interceptor import Context
from services.runtime.storage import Connection, Database
from tests.services.crashing import COMMITTED, UNCOMMITTED, reach, run_and_restart
from tests.support.unary_interceptor import Method, UnaryInterceptor

SERVICE = os.environ["SERVICE"]

current_method: ContextVar[str] = ContextVar("current_method")


class _CrashingDatabase:
    """A database that reaches a moment before and after each commit of a method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)

    @asynccontextmanager
    async def write(self, *, shared: bool = False) -> AsyncIterator[Connection]:
        async with self._database.write(shared=shared) as connection:
            yield connection
            if rpc := current_method.get(""):
                reach(f"{rpc} {UNCOMMITTED}")
        if rpc:
            reach(f"{rpc} {COMMITTED}")


class _CrashingRuntime:
    """A runtime whose databases crash."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __getattr__(self, name: str) -> object:
        return getattr(self._runtime, name)

    async def database(self, versions: Path) -> _CrashingDatabase:
        return _CrashingDatabase(await self._runtime.database(versions))


class _NameMethods(UnaryInterceptor):
    """Sets `current_method` during each call."""

    @override
    def wrap(self, path: str, method: Method) -> Method:
        async def call(request: Any, context: Context) -> object:  # noqa: ANN401  # any message
            current_method.set(path.rpartition("/")[2])
            return await method(request, context)

        return call


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Add the servicers of the service, over a database that crashes."""
    names: list[str] = await root.register(server, cast("Runtime", _CrashingRuntime(runtime)))
    return names


if __name__ == "__main__":
    root = importlib.import_module(f"services.{SERVICE}.__main__")
    run_and_restart(lambda: serve(SERVICE, register, root.ERRORS, [_NameMethods()]))
