"""Runs `mesh console` for tests, pictures and measurements."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mesh.local.instance import Instance

MESH = str(Path(sys.executable).with_name("mesh"))
LINK = re.compile(r"(http://\S+)/login\?code=\S+")
STOP_SECONDS = 30


@dataclass(frozen=True)
class Console:
    """A console that runs."""

    pid: int
    origin: str
    link: str
    """The link that it printed. It logs one browser in."""
    token: str = field(repr=False)

    @property
    def host(self) -> str:
        """The "<address>:<port>" of the console."""
        return self.origin.removeprefix("http://")

    @property
    def login(self) -> str:
        """The script that logs a browser in when it runs before each page."""
        return f"localStorage.setItem('console.token', '\"{self.token}\"')"


@contextmanager
def running_console(mesh: Instance) -> Iterator[Console]:
    """Run the console of a mesh, and stop it with Ctrl-C.

    Raises:
        RuntimeError: it does not start, or does not end cleanly.
    """
    command = ["/usr/bin/env", "--default-signal=INT", MESH, "console", "-i", mesh.name, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        printed = ""
        for line in run.stdout or ():
            printed += line
            if "Ctrl-C" in line:
                break
        match = LINK.search(printed)
        if not match:
            raise RuntimeError(f"the console did not start:\n{printed}")
        try:
            yield Console(run.pid, match[1], match[0], (mesh.home / "console-token").read_text())
        finally:
            run.send_signal(signal.SIGINT)
            code = run.wait(STOP_SECONDS)
        if code:
            raise RuntimeError(f"the console ended with {code}")
