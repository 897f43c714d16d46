"""Processes that outlive the agent: each in a session of its own, known by pid and start time, awaited by pidfd."""

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this agent, kept so that they are reaped; adopted processes are not in it."""


@dataclass(frozen=True)
class Process:
    """A process: its pid, and the clock tick at which it started (so that a reused pid is not mistaken for it)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The process that has this pid now, if any."""
        started = _start_tick(pid)
        return None if started is None else cls(pid, started)

    def alive(self) -> bool:
        """Whether it still runs (a zombie does not)."""
        return _start_tick(self.pid) == self.started

    def signal(self, number: int) -> None:
        """Send a signal to this process alone, if it still is that process."""
        if self.alive():
            os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and to all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def spawn(argv: list[str], env: dict[str, str], folder: Path, log: Path) -> Process:
    """Start a process with the folder as its working directory, its output appended to the log.

    Raises:
        OSError: the program cannot be run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    _children[child.pid] = child
    return Process(child.pid, _start_tick(child.pid) or 0)


async def exited(process: Process) -> int | None:
    """Wait until the process is gone; its exit code (negative: killed by that signal), None when it was adopted."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return _reap(process)
    try:
        if not process.alive():
            return _reap(process)
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
    finally:
        os.close(descriptor)
    return _reap(process)


def _reap(process: Process) -> int | None:
    child = _children.pop(process.pid, None)
    return child.wait() if child else None


def of_folder(folder: Path) -> list[Process]:
    """Every live process whose working directory lies in the folder, whoever started it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            inside = (entry / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue  # ended meanwhile, or not ours to look at
        if inside and (process := Process.of(int(entry.name))):
            found.append(process)
    return found


def _start_tick(pid: int) -> int | None:
    """The process's start time in clock ticks since boot (proc(5), field 22); None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


KILL, TERM = signal.SIGKILL, signal.SIGTERM
