"""What every test shares: the markers, how a run is divided between processes, and where a test notes its figures."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from mesh.local.loopback import PROXIES
from tests import suites
from tests.report import NOTES, Report, notes
from tests.suites import part_of

# What the tests start speaks to this machine alone, and a make around the tests has no say in it.
for name in [*os.environ]:
    if name.lower() in PROXIES or name in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}:
        del os.environ[name]

# Examples that failed are kept in the checkout, in whatever folder pytest is run.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis"))

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

Measured = Callable[[str], None]
"""Notes a figure, which is shown at the end of the run."""


class Worker(Protocol):
    """One process of a run in several, as xdist shows it to the one that reports, and what it returned at its end."""

    config: pytest.Config
    workeroutput: dict[str, Any]


class ByWhatIsStarted(LoadScopeScheduling):
    """Divides a run between processes (`-n`): the mesh's tests share one mesh, a database's tests share its server."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        path, _, case = nodeid.partition("[")
        if part_of(nodeid) == "fuzzing":
            return nodeid  # each has a process of its own, and 10,000 requests to a method take minutes
        database = next((name for name in ("sqlite", "postgresql") if name in case), "")
        return f"{Path(path).parts[1]} {database}"

    @override
    def _reschedule(self, node: WorkerController) -> None:
        """Assign a process its next scope when it has one test left: a long test must not wait behind another."""
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --proof."""
    told = "show progress part by part, and write report.md into this folder"
    parser.addoption("--proof", metavar="FOLDER", type=Path, help=told)


def pytest_configure(config: pytest.Config) -> None:
    """Report from the one process that sees all results."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Report(config, config.getoption("proof")))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each process whole folders of tests."""
    return ByWhatIsStarted(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder under tests/, so that `pytest -m unit` runs what stands in tests/unit."""
    for item in items:
        suites.mark(item)
    suites.allow_retries(items)
    # The mesh's tests take longest, and start first. Those of fuzzing are divided among all processes at the end.
    items.sort(key=lambda item: (not item.get_closest_marker("mesh"), bool(item.get_closest_marker("fuzz"))))


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> Measured:
    """Note a figure. All of them stand at the end of the run's output."""
    return notes(request.config, "measured").append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Pass on what this process's tests have noted, if it is one of several."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["notes"] = dict(session.config.stash.get(NOTES, {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Take what another process's tests have noted."""
    for kind, noted in getattr(node, "workeroutput", {}).get("notes", {}).items():
        notes(node.config, kind).extend(noted)
