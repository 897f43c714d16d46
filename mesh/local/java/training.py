"""A program's first run: Java records the classes that it loads and links, and every later start reuses them."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from mesh.local.errors import MeshError
from mesh.local.instance import port_in_use
from mesh.local.java.program import Program

TIMEOUT_SECONDS = 90
"""For the start of the program, and again for its end."""
HOST = "127.19.0.1"
"""An address that no instance uses."""


def check_port(port: int) -> None:
    """Check that no other process uses the port for the first run. Raises MeshError."""
    if port_in_use(HOST, port):
        raise MeshError(f"port {port} on {HOST} is in use", fix="stop that process, then `make tools`")


def record(program: Program, command: Sequence[str], folder: Path, environment: dict[str, str], port: int) -> None:
    """Run `command` in a folder until the program listens on a port of HOST, and write the ahead-of-time cache.

    The command contains the option of Java that `recording` returns.

    Raises:
        MeshError: the program does not run.
    """
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not port_in_use(HOST, port):
            if process.poll() is not None or time.monotonic() > deadline:
                why = (folder / "log").read_text()[-2000:]
                raise MeshError(f"{program.name} does not run on this machine", why=why)
            time.sleep(0.1)
        process.terminate()
        process.wait(TIMEOUT_SECONDS)
    finally:
        process.kill()
        process.wait()
    _partial(program).rename(program.archive)


def recording(program: Program) -> str:
    """Return the option of Java that writes the ahead-of-time cache when the program ends."""
    return f"-XX:AOTCacheOutput={_partial(program)}"


def _partial(program: Program) -> Path:
    return program.archive.with_suffix(".partial")
