"""Processes that are killed at the moment that a test names, and are there again at once, as under a kubelet.

Modules are loaded once and every life is a fork of what has loaded them: dozens of deaths cost little.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

# What is to happen, a line each: "kill <moment>" or "fail <moment>". Each happens once.
WISHES = Path("wishes")
# The moments that came by, a line each.
MOMENTS = Path("moments")

KILL, FAIL = "kill", "fail"

BEFORE, UNHEARD, UNWRITTEN = "before the call", "before its answer comes", "before it is logged"
"""The moments of a call of orders' saga; UNHEARD and UNWRITTEN come after the callee's commit."""

UNCOMMITTED, COMMITTED = "before its commit", "after its commit"
"""The moments of a callee's transaction; COMMITTED comes before its answer."""


def reached(moment: str) -> bool:
    """Note the moment; end the process there if that is wished. Answer whether something is to fail there instead."""
    with MOMENTS.open("a", encoding="utf-8") as moments:
        moments.write(f"{moment}\n")
    if _granted(f"{KILL} {moment}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return _granted(f"{FAIL} {moment}")


def _granted(wish: str) -> bool:
    wishes = WISHES.read_text(encoding="utf-8").splitlines() if WISHES.exists() else []
    if wish not in wishes:
        return False
    wishes.remove(wish)
    WISHES.write_text("\n".join(wishes), encoding="utf-8")
    return True


def live_again(life: Callable[[], None]) -> None:
    """Lead one `life` after the other, each in a process of its own, until one ends otherwise than by SIGKILL."""
    while True:
        child = os.fork()
        if child == 0:
            life()
            return

        def pass_on(number: int, _: FrameType | None, child: int = child) -> None:
            os.kill(child, number)

        signal.signal(signal.SIGTERM, pass_on)
        _, status = os.waitpid(child, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGKILL:
            sys.exit(code)
