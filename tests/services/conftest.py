"""Starts services for tests on each kind of database, and ends them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services import databases, postgresql
from tests.services.databases import Databases
from tests.services.harness import ROOT, Process, targets
from tests.services.kafka import Broker, UnavailableError

# Whom a service calls.
CALLEES = {"orders": ("catalog", "inventory", "payments", "shipping")}

# Tests of processes without data, or of one kind of database: they run once.
ONCE = ("test_calls", "test_postgresql", "test_process", "test_reflection")
# What differs between the databases: transactions and locks, migrations, and many writers at once. These tests run on
# PostgreSQL in `make test` too; all others run there in `make prove`.
DIFFERENT = ("test_database", "test_rush", "test_schemas")

Start = Callable[..., Process]
Shared = Callable[..., Process]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that has to do with data on each kind of database."""
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
    """Answer where data are kept: in SQLite files, unless the test runs on another kind of database."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return databases.SQLiteFiles()
    started: postgresql.Server = request.getfixturevalue("server")
    return started


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start the Kafka that all tests share."""
    try:
        started = Broker(tmp_path_factory.mktemp("kafka"))
    except UnavailableError as error:
        pytest.skip(f"Kafka cannot be had: {error}")
    yield started
    started.stop()


@pytest.fixture
def start(tmp_path: Path, storage: Databases) -> Iterator[Start]:
    """Answer what starts service processes of this test's own, ready for calls unless it is told wait=False.

    Each has a folder and a database, both named by `at`, or else by the service; those of one `data` share it.
    """
    yield from starter(tmp_path, storage)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, storage: Databases) -> Iterator[Shared]:
    """Answer what gives each service's one process that all tests use: each leaves alone what it has not made.

    A service that calls others is given them: orders, for example, starts those that it needs.
    """
    yield from sharer(tmp_path_factory.mktemp("shared"), storage)


def sharer(folder: Path, storage: Databases) -> Iterator[Shared]:
    """Give once what starts each service once, below a folder, with those that it calls; then end them."""
    processes: dict[str, Process] = {}
    starters = starter(folder, storage)
    start = next(starters)

    def answer(name: str) -> Process:
        if name not in processes:
            processes[name] = start(name, targets(*map(answer, CALLEES.get(name, ()))))
        return processes[name]

    yield answer
    next(starters, None)


def starter(folder: Path, storage: Databases, tree: Path = ROOT) -> Iterator[Start]:
    """Give once what starts processes of the code in `tree`, below a folder; then end them."""
    started: list[Process] = []

    def start(
        name: str, env: dict[str, str] | None = None, *, at: str = "", data: str = "", wait: bool = True
    ) -> Process:
        url = storage.url(folder / (data or at or name), name)
        process = Process(name, folder / (at or name), {"DATABASE_URL": url, **(env or {})}, tree)
        started.append(process)
        return process.wait_ready() if wait else process

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.terminate()
    for process in started:
        process.wait()
