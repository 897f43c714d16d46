"""Processes that outlive the one that started them. A pid and a start time identify each; a pidfd reports its exit."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mesh.local import instance
from mesh.local.instance import Instance

KILL, TERM = signal.SIGKILL, signal.SIGTERM
LOW_PRIORITY = 10
"""As a nice value: a tenth of the processor time of a process with the usual priority that competes with it."""

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this process, which must be reaped. Adopted processes are not in it."""


@dataclass(frozen=True)
class Process:
    """A process: its pid, and the clock tick at which it started, because the kernel reuses pids."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """Return the process that has this pid now; None if there is none."""
        started = _start_tick(pid)
        return None if started is None else cls(pid, started)

    @classmethod
    def recorded_in(cls, record: Path) -> "Process | None":
        """Return the process that a JSON file with `pid` and `started` names, if it still runs."""
        try:
            saved = json.loads(record.read_text())
            process = cls(saved["pid"], saved["started"])
        except (OSError, ValueError, KeyError, TypeError):  # it does not exist, or a crash has cut it short
            return None
        return process if process.alive() else None

    def alive(self) -> bool:
        """Return whether it still runs. A zombie does not."""
        return _start_tick(self.pid) == self.started

    def environment(self) -> dict[str, str]:
        """Return the environment that it was started with; empty if it has ended."""
        try:
            content = Path(f"/proc/{self.pid}/environ").read_bytes()
        except OSError:
            return {}
        pairs = (os.fsdecode(pair).partition("=") for pair in content.split(b"\0") if pair)
        return {name: value for name, _, value in pairs}

    def signal(self, number: int) -> None:
        """Send a signal to this process only, if it still runs."""
        if self.alive():
            os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and to all processes that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def agent_of(mesh: Instance) -> Process | None:
    """Return the mesh's node agent; None if it does not run."""
    return Process.recorded_in(mesh.home / "agent.json")


def load_running(name: str) -> Instance:
    """Return an instance whose node agent runs.

    Raises:
        MeshError: there is no such instance, or it does not run.
    """
    mesh = instance.load(name)
    if not agent_of(mesh):
        raise instance.not_up(name)
    return mesh


def containers_of(pod_folder: Path) -> dict[str, Process]:
    """Return the running containers of a Pod by name, each as its main process."""
    records = {record.stem: Process.recorded_in(record) for record in pod_folder.glob("containers/*.json")}
    return {name: process for name, process in records.items() if process}


def in_folder(folder: Path) -> list[Process]:
    """Return every live process whose working directory is in the folder, regardless of its parent."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            inside = (entry / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue  # it has ended, or belongs to another user
        if inside and (process := Process.of(int(entry.name))):
            found.append(process)
    return found


def spawn(
    argv: list[str], env: Mapping[str, str], folder: Path, log: Path, standard_output: Path | None = None
) -> Process:
    """Start a process in its own session, with the folder as working directory, and append its output to the log.

    With `standard_output`, that stream goes to this file instead.

    Raises:
        OSError: the program cannot be run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors, (standard_output or log).open("ab") as output:
        child = subprocess.Popen(
            argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
    _children[child.pid] = child
    return Process(child.pid, _start_tick(child.pid) or 0)


def lower_priority(process: Process) -> None:
    """Set a low priority for a process that has just started: it gets what others leave, and a little more."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, LOW_PRIORITY)
        # With this feature of the kernel, priorities count only within a session, and each container has one.
        Path(f"/proc/{process.pid}/autogroup").write_text(str(LOW_PRIORITY))


async def exited(process: Process) -> int | None:
    """Wait until the process has ended. Return its exit code (negative: the signal); None if it was adopted.

    Only one caller may wait with it, because the code can be read once.
    """
    await gone(process)
    child = _children.pop(process.pid, None)
    return child.wait() if child else None


async def gone(process: Process) -> None:
    """Wait until the process has ended."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if not process.alive():
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
    finally:
        os.close(descriptor)


def _start_tick(pid: int) -> int | None:
    """Return the start time in clock ticks since boot (proc(5), field 22); None if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
