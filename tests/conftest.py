"""What every test shares: its marker, which is the folder that it stands in, and where it notes what it measured."""

import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings
from rich.console import Console
from rich.table import Table
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from mesh.local.loopback import PROXIES

TESTS = Path(__file__).parent
NOTES = pytest.StashKey[defaultdict[str, list[Any]]]()

# What the tests start speaks to this machine alone, and no make around the tests has a say in it.
for name in [*os.environ]:
    if name.lower() in PROXIES or name in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}:
        del os.environ[name]

# Examples that failed are kept in the checkout, in whatever folder pytest is run.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(TESTS.parent / ".hypothesis"))

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

Measured = Callable[[str], None]
"""Notes a figure, which is shown at the end of the run."""


class Worker(Protocol):
    """One process of a run on several, as xdist shows it to the one that reports, and what it gave back at its end."""

    config: pytest.Config
    workeroutput: dict[str, Any]


def notes(config: pytest.Config, kind: str) -> list[Any]:
    """Answer the notes of a kind, to read and to add to: what is told at the run's end, strings or tuples of them."""
    return config.stash.setdefault(NOTES, defaultdict(list))[kind]


class ByWhatIsStarted(LoadScopeScheduling):
    """Divides a run on several processes (`-n`): the mesh's tests share one mesh, a database's its server."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        path, _, case = nodeid.partition("[")
        database = next((name for name in ("sqlite", "postgresql") if name in case), "")
        return f"{Path(path).parts[1]} {database}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each process whole folders of tests."""
    return ByWhatIsStarted(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder under tests/, so that `pytest -m unit` runs what stands in tests/unit."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])
    # The mesh's take longest. They begin first, so that no process waits for them at the end.
    items.sort(key=lambda item: item.get_closest_marker("mesh") is None)


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> Measured:
    """Note a figure; all of them stand at the end of the run's output."""
    return notes(request.config, "measured").append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what this process's tests have noted, if it is one of several."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["notes"] = dict(session.config.stash.get(NOTES, {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Take what another process's tests have noted."""
    for kind, noted in getattr(node, "workeroutput", {}).get("notes", {}).items():
        notes(node.config, kind).extend(noted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what the scenarios have reached, and the figures that tests measured."""
    if rows := notes(config, "scenarios"):
        table = Table("scenario", "asserted", "figure reached", box=None, pad_edge=False)
        for row in sorted(rows):
            table.add_row(*row)
        console = Console(width=160, no_color=True)
        with console.capture() as shown:
            console.print(table)
        terminalreporter.section("scenarios")
        terminalreporter.write_line(shown.get().rstrip())
    if figures := notes(config, "measured"):
        terminalreporter.section("measured")
        for figure in figures:
            terminalreporter.line(figure)
