"""The services of two releases, in one environment: what is installed is this checkout's."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.compatibility.releases import PARTS, Release, lay_out
from tests.services.conftest import CALLEES, Start, broker, starter
from tests.services.databases import SQLiteFiles
from tests.services.harness import ROOT, Process, targets
from tools.breaking.bases import MissingError, last_release, recorded_release

__all__ = ["broker"]

NAMES = sorted(store.parent.name for store in ROOT.glob("services/*/store.py"))
"""Every service that keeps something, and so has callers."""

Shop = Callable[[str], dict[str, Process]]
Releases = dict[str, Release]

begun = contextmanager(starter)


def bring_up(start: Start, others: Mapping[str, Process] | None = None) -> dict[str, Process]:
    """Start all services, each to call those of its own release; on the databases of others, if there are any."""
    running: dict[str, Process] = {}
    for name in sorted(NAMES, key=lambda name: name in CALLEES):
        env = targets(*(running[callee] for callee in CALLEES.get(name, ())))
        if others:
            env["DATABASE_URL"] = others[name].database_url
            env["IDENTITY_KEY_FILE"] = str(others[name].folder / "data/identity.key")
        running[name] = start(name, env, wait=False)
        # Two at a time: all at once, the first would have to share with all others the time that it has.
        for process in list(running.values())[-2:-1]:
            process.wait_ready()
    for process in running.values():
        process.wait_ready()
    return running


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Answer the "previous" release and "this" one."""
    try:
        older = lay_out(ROOT, last_release(ROOT, recorded_release(ROOT), *PARTS), tmp_path_factory.mktemp("release"))
    except MissingError as error:
        pytest.fail(str(error), pytrace=False)
    return {"previous": older, "this": Release("this checkout", ROOT, ROOT / "gen")}


@pytest.fixture(scope="session")
def shop(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Answer what gives all services of a release, each calling those of its own; they run as long as the tests do."""
    with ExitStack() as stack:

        @cache
        def answer(release: str) -> dict[str, Process]:
            folder = tmp_path_factory.mktemp(release)
            return bring_up(stack.enter_context(begun(folder, SQLiteFiles(), releases[release].tree)))

        yield answer


@dataclass(frozen=True)
class Beside:
    """The two releases beside each other, in a test."""

    releases: Releases
    shop: Shop
    folder: Path
    _stack: ExitStack

    def start(self, tree: Path) -> Start:
        """Answer what starts processes of a tree, for this test; those of one name have one folder and one database."""
        return self._stack.enter_context(begun(self.folder, SQLiteFiles(), tree))

    def call(self, caller: str, processes: Mapping[str, Process]) -> subprocess.CompletedProcess[str]:
        """Have a release's caller go through services; its exit code is 0 if all is as it should be."""
        return self.releases[caller].call(processes, self.folder)


@pytest.fixture
def beside(releases: Releases, shop: Shop, tmp_path: Path) -> Iterator[Beside]:
    """Answer the two releases."""
    with ExitStack() as stack:
        yield Beside(releases, shop, tmp_path, stack)
