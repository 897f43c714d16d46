"""A `mesh` command as somebody runs it in a terminal: Ctrl-C goes to it and to each process that it waits for."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.mesh.harness import MESH, ROOT
from tests.mesh.leftovers import eventually_sync


@dataclass(frozen=True)
class Terminal:
    """The command that runs there."""

    process: subprocess.Popen[bytes]
    _log: Path

    def output(self) -> str:
        """Its output so far."""
        return self._log.read_text(encoding="utf-8")

    def interrupt(self, within: float, *, again: bool) -> int:
        """Press Ctrl-C once, or again and again until it has ended; the exit code."""
        self._press()
        for attempt in eventually_sync(within):
            with attempt:
                if again:
                    self._press()
                assert self.process.poll() is not None, f"it goes on after {within:.0f} s: {self.output()}"
        return self.process.returncode

    def _press(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)


@contextmanager
def terminal(log: Path, *words: str) -> Iterator[Terminal]:
    """Run the command until the block ends, at the latest; its output goes to a file."""
    # Whoever runs these tests in the background ignores SIGINT, and that is inherited.
    command = ["/usr/bin/env", "--default-signal=INT", MESH, *words]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
    try:
        yield Terminal(process, log)
    finally:
        process.kill()
        process.wait()
