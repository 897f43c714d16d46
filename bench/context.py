"""What every group of measurements uses: the settings, a folder, real service processes, and the mesh."""

import subprocess
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import cached_property
from pathlib import Path

import psutil

from bench.mesh import BenchMesh, running_mesh
from bench.rounds import Settings, show_progress
from tests.support.checkout import ROOT
from tests.support.databases import Databases, SQLiteFiles
from tests.support.orphans import END_WITH_PARENT
from tests.support.postgresql import Server
from tests.support.processes import PYTHON, Process, free_port, python_path
from tests.support.sockets import SOCKET


class OtherProcess(Process):
    """A service of another checkout, which runs with what is installed there."""

    def __init__(self, checkout: Path, name: str, folder: Path, env: dict[str, str]) -> None:
        self.name, self.folder, self.port = name, folder, free_port()
        self.database_url = env.get("DATABASE_URL", "")
        for each in ("run", "data"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        listen = {"GRPC_LISTEN": f"unix:{SOCKET}", "MANAGEMENT_LISTEN": f"127.0.0.1:{self.port}"}
        command = [*END_WITH_PARENT, str(checkout.absolute() / ".venv/bin/python"), "-m", f"services.{name}"]
        with (folder / "out.log").open("ab") as out, (folder / "err.log").open("ab") as err:
            self.popen = subprocess.Popen(command, cwd=folder, env={**listen, **env}, stdout=out, stderr=err)


class Bench:
    """One run of the benchmark. What it starts is stopped when its stack is closed."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        stack: AsyncExitStack,
        *,
        with_mesh: bool = True,
        against: Path | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.stack = stack
        self.with_mesh = with_mesh
        self.against = against
        """Another checkout, with its `.venv`, whose services are measured beside those of this one."""

    @cached_property
    def mesh(self) -> BenchMesh:
        """The mesh, without what collects and stores signals. The first use starts it."""
        show_progress("starting the mesh")
        return self.stack.enter_context(running_mesh())

    def start(
        self, name: str, env: dict[str, str] | None = None, *, folder: str = "", databases: Databases | None = None
    ) -> Process:
        """Start a service without the mesh, in its own folder, and wait until it is ready."""
        path = self.folder / (folder or name)
        url = (databases or SQLiteFiles()).url(path, name)
        process = Process(name, path, {"DATABASE_URL": url, **(env or {})})
        self.stack.callback(process.stop)
        return process.wait_ready()

    def start_other(
        self, name: str, env: dict[str, str] | None = None, *, folder: str, databases: Databases | None = None
    ) -> Process:
        """Start a service of the other checkout, as `start` does. Only PostgreSQL has the same URL in all versions."""
        assert self.against  # noqa: S101  # for mypy: callers check it
        path = self.folder / folder
        url = {"DATABASE_URL": databases.url(path, name)} if isinstance(databases, Server) else {}
        process = OtherProcess(self.against, name, path, {**url, **(env or {})})
        self.stack.callback(process.stop)
        return process.wait_ready()

    def start_module(self, module: str, arguments: Callable[[str], list[str]]) -> tuple[str, psutil.Process]:
        """Start a program of the benchmark. Return its address, `host:port`, and its process.

        `arguments` gets the address, on which the program must listen.
        """
        address = f"127.0.0.1:{free_port()}"
        command = [*END_WITH_PARENT, *PYTHON, "-m", module, *arguments(address)]
        process = subprocess.Popen(
            command, env={"PYTHONPATH": python_path(ROOT, ROOT / "gen")}, cwd=self.folder, stdin=subprocess.DEVNULL
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        return address, psutil.Process(process.pid)
