"""Starts services for tests, each process in its own folder, and stops them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.databases import Databases
from tests.support.processes import Process, targets

# The callees of each service.
CALLEES = {"orders": ("catalog", "inventory", "payments", "shipping")}

Start = Callable[..., Process]
Shared = Callable[..., Process]


def sharer(folder: Path, storage: Databases) -> Iterator[Shared]:
    """Yield a factory that starts each service and its callees once, below a folder. Stop them all on teardown."""
    processes: dict[str, Process] = {}
    starters = starter(folder, storage)
    start = next(starters)

    def get(name: str) -> Process:
        if name not in processes:
            processes[name] = start(name, targets(*map(get, CALLEES.get(name, ()))))
        return processes[name]

    yield get
    next(starters, None)


def starter(parent: Path, storage: Databases, tree: Path = ROOT) -> Iterator[Start]:
    """Yield a function that starts processes of the code in `tree`, in folders below `parent`. Then stop them."""
    started: list[Process] = []

    def start(
        name: str, env: dict[str, str] | None = None, *, folder: str = "", data_folder: str = "", wait: bool = True
    ) -> Process:
        url = storage.url(parent / (data_folder or folder or name), name)
        process = Process(name, parent / (folder or name), {"DATABASE_URL": url, **(env or {})}, tree)
        started.append(process)
        return process.wait_ready() if wait else process

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.terminate()
    for process in started:
        process.wait()
