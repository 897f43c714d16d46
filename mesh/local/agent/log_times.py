"""When each part of a log was written: an index beside the log.

A container writes to its log file itself, so it needs no agent to run, and nothing stamps its lines. Instead the agent
looks at the size of each log five times a second. If a log has grown, it appends one line to the index: the size of the
log and the time of the last write. So a time is at most INTERVAL_SECONDS too late. What was written while no agent ran
gets the time of the last write of that time.
"""

import ctypes
import os
from bisect import bisect_right
from pathlib import Path

from mesh.local import files

INTERVAL_SECONDS = 0.2
MAX_LOG_BYTES = 20 * 2**20
"""If a log uses more, its older half is dropped."""
BLOCK_BYTES = 4096
KEEP_SIZE, PUNCH_HOLE = 0x01, 0x02  # linux/falloc.h

_libc = ctypes.CDLL(None, use_errno=True)


class Log:
    """The log file of one run of a container."""

    def __init__(self, path: Path) -> None:
        self.path, self._index = path, path.with_suffix(".times")
        self._ends, self._times = _read(self._index)

    def record(self) -> None:
        """Record that the log has grown, if it has, and drop its older half if it is too long."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return
        if status.st_size <= (self._ends[-1] if self._ends else 0):
            return
        self._ends.append(status.st_size)
        self._times.append(status.st_mtime_ns)
        with self._index.open("a") as index:
            # A crash may have left half a line.
            index.write(f"\n{status.st_size} {status.st_mtime_ns}")
        if status.st_blocks * 512 > MAX_LOG_BYTES:
            self._drop((status.st_size - MAX_LOG_BYTES // 2) // BLOCK_BYTES * BLOCK_BYTES)

    def time_of(self, offset: int) -> int:
        """Return when the byte at this offset was written, in nanoseconds since 1970."""
        position = bisect_right(self._ends, offset)
        return self._times[min(position, len(self._times) - 1)]

    def _drop(self, end: int) -> None:
        """Release the disk space before an offset. All bytes keep their offsets, so no write is lost."""
        with self.path.open("r+b") as log:
            hole = (ctypes.c_int64(0), ctypes.c_int64(end))
            if _libc.fallocate64(log.fileno(), KEEP_SIZE | PUNCH_HOLE, *hole):
                raise OSError(ctypes.get_errno(), f"the log cannot be shortened: {os.strerror(ctypes.get_errno())}")
        first = bisect_right(self._ends, end)
        del self._ends[:first], self._times[:first]
        lines = (f"{size} {time}" for size, time in zip(self._ends, self._times, strict=True))
        files.replace(self._index, "\n".join(lines))


class Logs:
    """The logs of a container: that of the newest run, and of the one before it. The first run has number 0."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: dict[int, Log] = {}

    def of(self, run: int) -> Log:
        """Return the log of a run."""
        if run not in self._logs:
            self._logs[run] = Log(self._folder / f"{run}.log")
        return self._logs[run]

    def runs(self) -> list[int]:
        """Return the numbers of the runs that have a log."""
        return sorted(int(path.stem) for path in self._folder.glob("*.log"))

    def delete(self, run: int) -> None:
        """Delete the log of a run, if there is one."""
        self._logs.pop(run, None)
        for path in self._folder.glob(f"{run}.*"):
            path.unlink()


def _read(index: Path) -> tuple[list[int], list[int]]:
    """Read an index. Lines that a crash has cut short are ignored."""
    ends: list[int] = []
    times: list[int] = []
    for line in index.read_text(errors="replace").splitlines() if index.exists() else []:
        size, _, time = line.partition(" ")
        if size.isdecimal() and time.isdecimal() and int(size) > (ends[-1] if ends else 0):
            ends.append(int(size))
            times.append(int(time))
    return ends, times
