"""Real service processes, each with its own socket, port and folder, and what a caller sees of their errors."""

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.error
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from tenacity import AsyncRetrying, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from mesh.local import loopback
from tests.orphans import END_WITH_PARENT
from tests.services import sockets
from tests.services.sockets import SOCKET

ROOT = Path(__file__).parent.parent.parent
SERVICES = {path.parent.name for path in ROOT.glob("services/*/__main__.py")}
# A start costs up to 4 s of a processor: what it imports, and identity's new keys. There may be many at once.
START_SECONDS = 60
STOP_SECONDS = 60
PYTHON = (sys.executable, "-S")
"""Python with nothing on its path but what it is told: site would add this checkout, which is installed."""


class NotYetError(Exception):
    """The condition that is waited for does not hold yet."""


def free_port() -> int:
    """Answer a loopback port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python_path(*folders: Path) -> str:
    """Answer the PYTHONPATH of these folders and of the installed packages."""
    return os.pathsep.join(map(str, [*folders, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))


class Process:
    """One service process in a folder of its own: `python -m services.<name>`, or a module beside this one."""

    def __init__(self, name: str, folder: Path, env: dict[str, str] | None = None, tree: Path = ROOT) -> None:
        """Start it, without waiting, with the code and the contracts of `tree` and no other."""
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.database_url = (env or {}).get("DATABASE_URL", "")
        (folder / "run").mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "GRPC_"))}
        settings = {"GRPC_LISTEN": f"unix:{SOCKET}", "MANAGEMENT_LISTEN": f"127.0.0.1:{self.port}", **(env or {})}
        with (folder / "out.log").open("ab") as out, (folder / "err.log").open("ab") as err:
            self.popen = subprocess.Popen(
                [*END_WITH_PARENT, *PYTHON, "-m", f"services.{name}" if name in SERVICES else f"tests.services.{name}"],
                cwd=folder,
                env={**kept, "PYTHONPATH": python_path(tree, tree / "gen"), **settings},
                stdout=out,
                stderr=err,
            )

    @property
    def target(self) -> str:
        """Where a channel to it dials, and what another service's <NAME>_TARGET is."""
        return sockets.address(self.folder)

    def channel(self) -> grpc.aio.Channel:
        """Open a channel as a plain client does."""
        return grpc.aio.insecure_channel(self.target)

    @retry(stop=stop_after_delay(START_SECONDS), wait=wait_fixed(0.02), retry=retry_if_exception_type(NotYetError))
    def wait_ready(self) -> "Process":
        """Wait until it wants calls."""
        assert self.popen.poll() is None, f"{self.name} ended with {self.popen.returncode}: {self.errors()}"
        if self.get("/ready") != 200:
            raise NotYetError(self.name)
        return self

    def get(self, path: str) -> int:
        """Answer the HTTP status of the management port; 0 if nobody listens."""
        try:
            with loopback.open_url(f"http://127.0.0.1:{self.port}{path}", 5) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def events(self) -> dict[str, Any]:
        """Answer what it says of its events."""
        with loopback.open_url(f"http://127.0.0.1:{self.port}/events", 5) as reply:
            found: dict[str, Any] = json.load(reply)
            return found

    def log(self) -> list[dict[str, Any]]:
        """Answer the records it has written so far."""
        return [json.loads(line) for line in (self.folder / "out.log").read_text(encoding="utf-8").splitlines()]

    def errors(self) -> str:
        """Answer what stands on its standard error."""
        return (self.folder / "err.log").read_text(encoding="utf-8")

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def wait(self) -> int:
        """Wait for its end and answer its exit code."""
        return self.popen.wait(STOP_SECONDS)

    def stop(self) -> int:
        """End it and answer its exit code."""
        self.signal()
        return self.wait()


def targets(*processes: Process) -> dict[str, str]:
    """Make the environment of a service that calls these."""
    return {f"{process.name.upper()}_TARGET": process.target for process in processes}


async def records(process: Process, count: int = 1, **fields: object) -> list[dict[str, Any]]:
    """Wait for `count` log records with these fields; they are written just after the reply is sent."""
    async for attempt in AsyncRetrying(stop=stop_after_delay(5), wait=wait_fixed(0.02), reraise=True):
        with attempt:
            found = [record for record in process.log() if fields.items() <= record.items()]
            assert len(found) >= count, f"no {count} records with {fields}"
    return found
