"""Real service processes, each with its own socket, port and folder."""

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
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from mesh.local import loopback
from tests.support import sockets
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.orphans import END_WITH_PARENT
from tests.support.sockets import SOCKET

SERVICES = {path.parent.name for path in ROOT.glob("services/*/__main__.py")}
# A start takes up to 4 s of processor time, for imports and the keys of identity. Many processes may start at once.
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 60
PYTHON = (sys.executable, "-S")
"""Python without the site module, which would add this checkout to the path."""


class NotYetError(Exception):
    """The service is not ready yet."""


def free_port() -> int:
    """Return an unused loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python_path(*folders: Path) -> str:
    """Return a PYTHONPATH with these folders and the installed packages."""
    return os.pathsep.join(map(str, [*folders, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))


class Process:
    """A service process in its own folder: `python -m services.<name>`, or a server that only tests use."""

    def __init__(self, name: str, folder: Path, env: dict[str, str] | None = None, tree: Path = ROOT) -> None:
        """Start the process, with the code and the contracts of `tree`. Do not wait until it is ready."""
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.database_url = (env or {}).get("DATABASE_URL", "")
        (folder / "run").mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "GRPC_"))}
        settings = {"GRPC_LISTEN": f"unix:{SOCKET}", "MANAGEMENT_LISTEN": f"127.0.0.1:{self.port}", **(env or {})}
        with (folder / "out.log").open("ab") as out, (folder / "err.log").open("ab") as err:
            self.popen = subprocess.Popen(
                [*END_WITH_PARENT, *PYTHON, "-m", _module(name)],
                cwd=folder,
                env={**kept, "PYTHONPATH": python_path(tree, tree / "gen"), **settings},
                stdout=out,
                stderr=err,
            )

    @property
    def target(self) -> str:
        """The target of a channel to the process, and the value of <NAME>_TARGET for its callers."""
        return sockets.address(self.folder)

    def channel(self) -> grpc.aio.Channel:
        """Open a channel without interceptors."""
        return grpc.aio.insecure_channel(self.target)

    @retry(
        stop=stop_after_delay(START_TIMEOUT_SECONDS), wait=wait_fixed(0.02), retry=retry_if_exception_type(NotYetError)
    )
    def wait_ready(self) -> "Process":
        """Wait until the process is ready for calls, and return it."""
        assert self.popen.poll() is None, f"{self.name} exited with {self.popen.returncode}: {self.errors()}"
        if self.get("/ready") != 200:
            raise NotYetError(self.name)
        return self

    def get(self, path: str) -> int:
        """Return the HTTP status of a path on the management port; 0 if nothing listens there."""
        try:
            with loopback.open_url(f"http://127.0.0.1:{self.port}{path}", 5) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def events(self) -> dict[str, Any]:
        """Return the JSON of /events on the management port. Raises AssertionError if it cannot be read."""
        return read_events(self.name, f"127.0.0.1:{self.port}")

    def log(self) -> list[dict[str, Any]]:
        """Return the log records so far."""
        return [json.loads(line) for line in (self.folder / "out.log").read_text(encoding="utf-8").splitlines()]

    def errors(self) -> str:
        """Return the standard error so far."""
        return (self.folder / "err.log").read_text(encoding="utf-8")

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process."""
        self.popen.send_signal(number)

    def wait(self) -> int:
        """Wait until the process exits, and return its exit code."""
        return self.popen.wait(STOP_TIMEOUT_SECONDS)

    def stop(self) -> int:
        """Stop the process with SIGTERM, and return its exit code."""
        self.signal()
        return self.wait()


def _module(name: str) -> str:
    """Return the module of a service, or of a server in tests/support or tests/services."""
    if name in SERVICES:
        return f"services.{name}"
    return f"tests.support.{name}" if Path(__file__).with_name(f"{name}.py").exists() else f"tests.services.{name}"


def read_events(service: str, address: str) -> dict[str, Any]:
    """Return the JSON of /events at a management address. Raises AssertionError if it cannot be read."""
    url = f"http://{address}/events"
    try:
        with loopback.open_url(url, 5) as reply:
            report: dict[str, Any] = json.load(reply)
            return report
    except OSError as error:
        raise AssertionError(f"cannot read {url} of {service}: {error}") from error


def targets(*processes: Process) -> dict[str, str]:
    """Return the environment variables that a caller of these processes needs."""
    return {f"{process.name.upper()}_TARGET": process.target for process in processes}


async def records(process: Process, count: int = 1, **fields: object) -> list[dict[str, Any]]:
    """Wait for `count` log records with these fields, and return them. A service writes them after its response."""
    async for attempt in eventually(retry=Exception):
        with attempt:
            matches = [record for record in process.log() if fields.items() <= record.items()]
            assert len(matches) >= count, f"{len(matches)} of {count} records with {fields}"
    return matches
