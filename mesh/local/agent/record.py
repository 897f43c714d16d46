"""What the agent must know of a container after a crash of the agent: a small file, or else the process itself."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mesh.local import files, processes
from mesh.local.processes import Process

MARKER = "MESH_CONTAINER"
"""A variable in the environment of every container: its name and the number of its run."""


@dataclass
class Record:
    """The newest run of a container."""

    pid: int
    started: int
    restarts: int
    since: str
    """When it started, in the format of Kubernetes."""
    last: dict[str, Any] = field(default_factory=dict)
    """How the run before it ended."""
    pre_stop: str = ""
    """A URL to POST to before it is stopped (images.py)."""

    @property
    def process(self) -> Process:
        """The process of the run, which may have ended."""
        return Process(self.pid, self.started)

    def save(self, path: Path) -> None:
        """Write it."""
        path.parent.mkdir(exist_ok=True)
        files.replace(path, json.dumps(asdict(self)))


def marker(container: str, run: int) -> dict[str, str]:
    """Return the variable by which `load` finds the process of a run without its record."""
    return {MARKER: f"{container}/{run}"}


def load(path: Path, folder: Path, container: str, now: str) -> Record | None:
    """Return the newest run of a container in a Pod's folder; None if it never ran.

    The agent may have died before it wrote the record, or the machine before it was on the disk. Then the process, if
    it runs, is found by its environment: it must neither be lost nor be started a second time.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        pass
    if not (folder / "logs" / container).exists():
        return None
    found = []
    for process in processes.in_folder(folder):
        name, _, run = process.environment().get(MARKER, "").rpartition("/")
        # Its children inherit the variable. They are younger.
        if name == container and run.isdecimal():
            found.append(Record(process.pid, process.started, int(run), now))
    return min(found, key=lambda record: (record.started, record.pid), default=None)
