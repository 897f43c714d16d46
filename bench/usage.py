"""Processor time and memory of processes."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

import psutil

from bench.rounds import Sample

NANOSECONDS_PER_MICROSECOND = 1000
NANOSECONDS_PER_SECOND = 10**9
MIB = 2**20


def cpu_nanoseconds(process: psutil.Process) -> int:
    """Return the processor time of all threads of a process, also of those that have ended.

    The clock ticks of psutil (10 ms) are too coarse.
    """
    with suppress(OSError):  # the process has just ended
        # The clock of another process: clock_getcpuclockid(3), which Python does not have.
        return time.clock_gettime_ns((~process.pid << 3) | 2)
    return 0


def server_cpu_nanoseconds(server: psutil.Process) -> int:
    """Return the processor time of a server with one process for each connection, the closed connections included."""
    times = server.cpu_times()
    closed = round((times.children_user + times.children_system) * NANOSECONDS_PER_SECOND)
    return closed + sum(map(cpu_nanoseconds, (server, *server.children())))


class CpuMeter:
    """Measures how much processor time some processes use, by label."""

    def __init__(
        self,
        processes: Mapping[str, Iterable[psutil.Process]],
        servers: Mapping[str, psutil.Process] | None = None,
    ) -> None:
        """Create it. Of `servers`, the processes that they start count as well."""
        self._processes = {label: list(each) for label, each in processes.items()}
        self._servers = servers or {}
        self._before: dict[str, int] = {}

    def start(self) -> None:
        """Start to measure."""
        self._before = self._read()

    def per_call(self, calls: int) -> Sample:
        """Return the microseconds per call since the start, by label."""
        used = {label: now - self._before[label] for label, now in self._read().items()}
        return {f"CPU µs: {label}": each / calls / NANOSECONDS_PER_MICROSECOND for label, each in used.items()}

    def _read(self) -> dict[str, int]:
        used = {label: sum(map(cpu_nanoseconds, each)) for label, each in self._processes.items()}
        return used | {label: server_cpu_nanoseconds(each) for label, each in self._servers.items()}


def pss_mib(processes: Iterable[psutil.Process]) -> float:
    """Return the memory of processes. The proportional size (PSS) counts a page that several share only once."""
    return sum(process.memory_full_info().pss for process in processes) / MIB
