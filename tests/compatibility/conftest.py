"""Fixtures with the services of two releases, which use the same installed packages."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from typing_extensions import override

from tests.compatibility.releases import PARTS, Release, check_out
from tests.support.checkout import ROOT
from tests.support.databases import SQLiteFiles
from tests.support.fixtures import broker
from tests.support.processes import Process, targets
from tests.support.starters import CALLEES, Start, starter
from tools.breaking.bases import MissingError, last_release, recorded_release

__all__ = ["broker"]

NAMES = sorted(store.parent.name for store in ROOT.glob("services/*/store.py"))
"""Every service with a database: those that have callers."""

Shop = Callable[[str], dict[str, Process]]
Releases = dict[str, Release]

open_starter = contextmanager(starter)


class SQLiteFilesOfBoth(SQLiteFiles):
    """SQLite files with URLs that both releases understand."""

    @override
    def url(self, folder: Path, service: str) -> str:
        return super().url(folder, service).replace("sqlite:", "sqlite+aiosqlite:")


def start_all(start: Start, others: Mapping[str, Process] | None = None) -> dict[str, Process]:
    """Start all services of one release, which call each other, and return them. With `others`, use their databases."""
    running: dict[str, Process] = {}
    for name in sorted(NAMES, key=lambda name: name in CALLEES):
        env = targets(*(running[callee] for callee in CALLEES.get(name, ())))
        if others:
            env["DATABASE_URL"] = others[name].database_url
            env["IDENTITY_KEY_FILE"] = str(others[name].folder / "data/identity.key")
        running[name] = start(name, env, wait=False)
        # At most two start at the same time: with more, the first one might time out.
        for process in list(running.values())[-2:-1]:
            process.wait_ready()
    for process in running.values():
        process.wait_ready()
    return running


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Return the releases "previous" and "this"."""
    try:
        older = check_out(ROOT, last_release(ROOT, recorded_release(ROOT), *PARTS), tmp_path_factory.mktemp("release"))
    except MissingError as error:
        pytest.fail(str(error), pytrace=False)
    return {"previous": older, "this": Release("this checkout", ROOT, ROOT / "gen")}


@pytest.fixture(scope="session")
def shop(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return a function that returns the running services of a release. It starts them once per test session."""
    with ExitStack() as stack:

        @cache
        def running(release: str) -> dict[str, Process]:
            folder = tmp_path_factory.mktemp(release)
            return start_all(stack.enter_context(open_starter(folder, SQLiteFilesOfBoth(), releases[release].tree)))

        yield running


@dataclass(frozen=True)
class TwoReleases:
    """Starts and calls the services of two releases in a test."""

    releases: Releases
    shop: Shop
    folder: Path
    _stack: ExitStack

    def start(self, tree: Path) -> Start:
        """Return a function that starts processes of a tree. Processes with the same name share folder and database."""
        return self._stack.enter_context(open_starter(self.folder, SQLiteFilesOfBoth(), tree))

    def call(self, caller: str, processes: Mapping[str, Process]) -> subprocess.CompletedProcess[str]:
        """Run the client of a release against services. Its exit code is 0 if all checks pass."""
        return self.releases[caller].call(processes, self.folder)


@pytest.fixture
def two_releases(releases: Releases, shop: Shop, tmp_path: Path) -> Iterator[TwoReleases]:
    """Yield the two releases. Processes that the test starts are stopped on teardown."""
    with ExitStack() as stack:
        yield TwoReleases(releases, shop, tmp_path, stack)
