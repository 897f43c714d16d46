"""Starts services for tests, and ends them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.harness import Process, targets

# Whom a service calls.
CALLEES = {"orders": ("catalog", "inventory", "payments")}

Start = Callable[..., Process]
Shared = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Answer what starts service processes of this test's own, ready for calls unless it is told wait=False."""
    yield from _starter(tmp_path)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Answer what gives each service's one process that all tests use: each leaves alone what it has not made.

    A service that calls others is given them: orders, for example, starts those that it needs.
    """
    processes: dict[str, Process] = {}
    starters = _starter(tmp_path_factory.mktemp("shared"))
    start = next(starters)

    def answer(name: str) -> Process:
        if name not in processes:
            processes[name] = start(name, targets(*map(answer, CALLEES.get(name, ()))))
        return processes[name]

    yield answer
    next(starters, None)


def _starter(folder: Path) -> Iterator[Start]:
    started: list[Process] = []

    def start(name: str, env: dict[str, str] | None = None, *, at: str | None = None, wait: bool = True) -> Process:
        process = Process(name, folder / (at or name), env)
        started.append(process)
        return process.wait_ready() if wait else process

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.terminate()
    for process in started:
        process.wait()
