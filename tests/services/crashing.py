"""Processes that are killed at a moment that a test names, and restart at once, as under a kubelet.

Modules are loaded once, and each process is a fork of the one that loaded them. So dozens of crashes take little time.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

# The faults that a test has requested, one a line: "kill <moment>" or "fail <moment>". Each happens once. All processes
# of a world share the file, which is beside their folders.
FAULTS = "faults"
# The moments that the process has reached, one a line.
MOMENTS = Path("moments")

KILL, FAIL = "kill", "fail"

BEFORE, NO_REPLY, NOT_LOGGED = "before the call", "before its reply arrives", "before it is logged"
"""The moments of a call of the saga. At NO_REPLY and NOT_LOGGED the callee has committed."""

UNCOMMITTED, COMMITTED = "before its commit", "after its commit"
"""The moments of a callee's transaction. At COMMITTED the callee has not replied yet."""


def reach(moment: str) -> bool:
    """Record a moment, and kill the process if a test has requested it. Return whether the call must fail instead."""
    with MOMENTS.open("a", encoding="utf-8") as moments:
        moments.write(f"{moment}\n")
    if _remove_fault(f"{KILL} {moment}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return _remove_fault(f"{FAIL} {moment}")


def requested_faults() -> list[str]:
    """Return the faults that have not happened yet."""
    return _faults_file().read_text(encoding="utf-8").splitlines() if _faults_file().exists() else []


def _remove_fault(fault: str) -> bool:
    """Remove a fault from the file. Return whether it was there."""
    faults = requested_faults()
    if fault not in faults:
        return False
    faults.remove(fault)
    _faults_file().write_text("\n".join(faults), encoding="utf-8")
    return True


def _faults_file() -> Path:
    return Path.cwd().parent / FAULTS


def run_and_restart(run: Callable[[], None]) -> None:
    """Run `run` in a child process. Start it again each time it is killed, and exit as soon as it exits otherwise."""
    while True:
        child = os.fork()
        if child == 0:
            run()
            return

        def forward(number: int, _: FrameType | None, child: int = child) -> None:
            os.kill(child, number)

        signal.signal(signal.SIGTERM, forward)
        _, status = os.waitpid(child, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGKILL:
            sys.exit(code)
