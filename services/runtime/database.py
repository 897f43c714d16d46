"""A service's own database: transactions, SQLite settings, migrations."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.runtime.config import ConfigError

# How long SQLite waits for another process's write transaction; ours last milliseconds.
BUSY_SECONDS = 5
DRIVER = "sqlite+aiosqlite"
ENVIRONMENT = Path(__file__).parent / "migrations"


class DatabaseBusyError(Exception):
    """No transaction could be begun in time. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("the database is busy")


class Database:
    """Transactions on one database. `read` and `write` commit at the end of their block and roll back if it raises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin="IMMEDIATE")
        # SQLite has one writer at a time. Waiting here is fair and wakes at once; SQLite's own waiting polls.
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that sees one state of the database. Raises DatabaseBusyError."""
        with _busy():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that may change the database; the only such one. Raises DatabaseBusyError."""
        with _busy():
            async with self._turn, self._writer.begin() as connection:
                yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


async def open_database(url: str, versions: Path) -> Database:
    """Open the database at `url` and bring it to the newest of the migrations in the folder `versions`.

    Processes that do so at the same time take turns. Raises ConfigError if the database cannot be used.
    """
    engine = _engine(url)
    try:
        with _migration_lock(engine.url):
            async with engine.execution_options(begin="IMMEDIATE").begin() as connection:
                await connection.run_sync(_migrate, versions)
    except (DatabaseError, OSError) as error:
        await engine.dispose()
        if isinstance(error, DatabaseError) and not _cannot_be_used(error):
            raise
        cause = error.orig if isinstance(error, DatabaseError) else error
        raise ConfigError(f"DATABASE_URL: cannot use {engine.url.render_as_string()}: {cause}") from error
    except BaseException:
        await engine.dispose()
        raise
    return Database(engine)


def _engine(text: str) -> AsyncEngine:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password and is therefore not repeated.
        raise ConfigError("DATABASE_URL: not a URL of the form sqlite+aiosqlite:///<path>") from error
    if url.drivername != DRIVER:
        raise ConfigError(f"DATABASE_URL: {url.drivername} is not supported, {DRIVER} is")
    if url.database in (None, "", ":memory:"):
        raise ConfigError("DATABASE_URL: a SQLite database needs a file; one in memory would be lost")
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine.sync_engine, "connect", _configure_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: DBAPIConnection, _: object) -> None:
    # The driver's own transaction control leaves SELECT and DDL outside: _begin_sqlite takes its place.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that may write takes the lock at its start: one that read first could not wait for it any more.
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


@contextmanager
def _busy() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseBusyError from error
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise DatabaseBusyError from error
        raise


def _cannot_be_used(error: DatabaseError) -> bool:
    """Whether the file, its folder or its contents are at fault rather than a statement of ours."""
    name = getattr(error.orig, "sqlite_errorname", "")
    return name.startswith(("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_IOERR"))


@contextmanager
def _migration_lock(url: URL) -> Iterator[None]:
    # A file of its own, for SQLite's locks come too late: the switch to WAL fails if two processes try it at once.
    path = Path(str(url.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(connection: Connection, versions: Path) -> None:
    config = Config()
    for name, value in {
        "script_location": str(ENVIRONMENT),
        "version_locations": str(versions),
        "path_separator": "newline",
    }.items():
        config.set_main_option(name, value.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
