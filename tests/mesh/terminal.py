"""Runs a `mesh` command as in a terminal: Ctrl-C goes to the command and to its child processes."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.mesh.harness import MESH
from tests.support.checkout import ROOT
from tests.support.clock import eventually_sync


@dataclass(frozen=True)
class Terminal:
    """A terminal with a running command."""

    process: subprocess.Popen[bytes]
    _log: Path

    def output(self) -> str:
        """Return the output so far."""
        return self._log.read_text(encoding="utf-8")

    def interrupt(self, within: float, *, repeatedly: bool) -> int:
        """Press Ctrl-C once, or repeatedly until the command ends. Return the exit code."""
        self._press_ctrl_c()
        for attempt in eventually_sync(within):
            with attempt:
                if repeatedly:
                    self._press_ctrl_c()
                assert self.process.poll() is not None, f"the command still runs after {within:.0f} s: {self.output()}"
        return self.process.returncode

    def _press_ctrl_c(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)


@contextmanager
def terminal(log: Path, *words: str) -> Iterator[Terminal]:
    """Run a `mesh` command, with its output in a file. Kill it when the block ends."""
    # A shell that runs these tests in the background ignores SIGINT, and child processes inherit that.
    command = ["/usr/bin/env", "--default-signal=INT", MESH, *words]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
    try:
        yield Terminal(process, log)
    finally:
        process.kill()
        process.wait()
