"""Shared by all tests: markers, the division of a run between processes, and the record of measured figures."""

import os
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from mesh.local import environment
from mesh.local.loopback import PROXIES
from tests.support import clock, suites
from tests.support.report import NOTES, Measured, Report, notes
from tests.support.suites import part_of

# What the tests start connects to this machine only, and gets no variable of the shell that the mesh does not get.
OWN = ("PYTEST_XDIST_", "PYTEST_CURRENT_TEST", "HYPOTHESIS_", "FUZZ_MESSAGES", "CI")
for name in os.environ.keys() - {each for each in environment.inherited(os.environ) if each.lower() not in PROXIES}:
    if not name.startswith(OWN):
        del os.environ[name]

# Failed examples are stored in the checkout, no matter in which folder pytest runs.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis"))

# The duration of an example depends on how busy the machine is, so it is no reason to fail.
settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")


class Worker(Protocol):
    """A worker process of xdist, with the output that it sent to the main process at its end."""

    config: pytest.Config
    workeroutput: dict[str, Any]


class ByEnvironment(LoadScopeScheduling):
    """Divides a run between processes (`-n`): all tests of the mesh share one mesh, those of a database one server."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        path, _, case = nodeid.partition("[")
        if part_of(nodeid) == "fuzzing":
            return nodeid  # each has a separate process: 10,000 requests to a method take minutes
        database = next((name for name in ("sqlite", "postgresql") if name in case), "")
        return f"{Path(path).parts[1]} {database}"

    @override
    def _reschedule(self, node: WorkerController) -> None:
        """Assign a process its next scope when it has one test left: a long test must not wait behind another."""
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --proof."""
    text = "show progress part by part, and write report.md into this folder"
    parser.addoption("--proof", metavar="FOLDER", type=Path, help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the clock, and the report in the main process, which receives all results."""
    config.pluginmanager.register(clock)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Report(config, config.getoption("proof")))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Assign whole folders of tests to each process."""
    return ByEnvironment(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder in tests/, so that `pytest -m unit` runs the tests in tests/unit."""
    for item in items:
        suites.mark(item)
    suites.allow_retries(items)
    # The tests of the mesh take longest and start first. Fuzzing is divided between all processes at the end.
    items.sort(key=lambda item: (not item.get_closest_marker("mesh"), bool(item.get_closest_marker("fuzz"))))


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> Measured:
    """Return a function that records a figure. All figures are printed at the end of the run."""
    return notes(request.config, "measured").append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the notes of the tests in this process to the main process, if this is a worker."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["notes"] = dict(session.config.stash.get(NOTES, {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Collect the notes of a worker."""
    for topic, noted in getattr(node, "workeroutput", {}).get("notes", {}).items():
        notes(node.config, topic).extend(noted)
