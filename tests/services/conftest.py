"""Starts services for tests, on each database backend, and stops them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support import databases, postgresql
from tests.support.databases import Databases
from tests.support.fixtures import broker
from tests.support.shop import Shop
from tests.support.starters import Shared, Start, sharer, starter

__all__ = ["broker"]

# Tests of processes without data, or of one database backend: they run once.
ONCE = ("test_calls", "test_cancellation", "test_imports", "test_postgresql", "test_process", "test_reflection")
# What differs between the databases: transactions and locks, migrations, and many writers at once. These tests run on
# PostgreSQL in `make test` too; all others run there in `make prove`.
DIFFERENT = ("test_database", "test_rush", "test_schemas")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses data on each database backend."""
    if "storage" in metafunc.fixturenames and metafunc.definition.path.stem not in ONCE:
        quick = metafunc.definition.path.stem in DIFFERENT
        names = [
            pytest.param(name, marks=() if quick or name == "sqlite" else pytest.mark.prove) for name in databases.NAMES
        ]
        metafunc.parametrize("storage", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    """Start the PostgreSQL server that all tests share."""
    programs = postgresql.programs()
    if programs is None:
        pytest.skip(postgresql.MISSING)
    started = postgresql.Server(programs)
    yield started
    started.close()


@pytest.fixture(scope="session")
def storage(request: pytest.FixtureRequest) -> Databases:
    """Return the databases that the test uses: SQLite files, unless its parameter says PostgreSQL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return databases.SQLiteFiles()
    started: postgresql.Server = request.getfixturevalue("server")
    return started


@pytest.fixture
def start(tmp_path: Path, storage: Databases) -> Iterator[Start]:
    """Return a function that starts a service process for this test and waits until it is ready (unless wait=False).

    Each process has its own folder, called `folder` or else like the service. Processes with the same `data_folder`
    share one database.
    """
    yield from starter(tmp_path, storage)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Shared]:
    """Return a function that returns the one process of a service that all tests share, with its callees.

    A test must not change data that it did not create.
    """
    yield from sharer(tmp_path_factory.mktemp("shared"), storage)


@pytest.fixture
async def shop(shared: Shared) -> AsyncIterator[Shop]:
    """Yield clients of orders and its callees, whose processes all tests share."""
    client = Shop(*map(shared, ("orders", "inventory", "payments", "shipping")))
    yield client
    await client.close()
