"""SQLite, the embedded default: one file per service, which processes on one machine may share."""

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.runtime.config import ConfigError
from services.runtime.storage.failures import DatabaseBusyError

DRIVER = "sqlite+aiosqlite"
# How long SQLite waits for the write transaction of another process. Ours take milliseconds.
BUSY_TIMEOUT_SECONDS = 5
# Errors of the file, its folder or its contents, rather than of a statement.
UNUSABLE = ("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_IOERR")


class SQLite:
    """One database file."""

    def __init__(self, url: URL) -> None:
        """Create the engine. Raises ConfigError if the URL names no file."""
        if url.database in (None, "", ":memory:"):
            raise ConfigError("DATABASE_URL: a SQLite database needs a file; data in memory would be lost")
        self._path = Path(str(url.database))
        self.engine = create_async_engine(
            url.set(query={"timeout": str(BUSY_TIMEOUT_SECONDS), **url.query}),
            # Error texts go to the log; the data of callers must not.
            hide_parameters=True,
        )
        event.listen(self.engine.sync_engine, "connect", _configure)
        event.listen(self.engine.sync_engine, "begin", _begin)
        self._writer = self.engine.execution_options(begin="IMMEDIATE")
        # SQLite has one writer at a time. This lock is fair and wakes its next holder at once; SQLite itself polls.
        self._write_lock = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that reads one snapshot of the database."""
        async with self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, shared: bool) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write. SQLite has no concurrent writers, so `shared` makes no difference."""
        del shared
        async with self._write_lock, self._writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def migrate(self) -> AsyncIterator[AsyncConnection]:
        """Open the transaction of the migrations."""
        # A lock file, because SQLite's locks come too late: the switch to WAL fails if two processes try it at once.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(self._path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            async with self._writer.begin() as connection:
                yield connection

    def failure(self, error: DBAPIError) -> Exception | None:
        """Return the failure of the database that caused `error`; None if the statement is to blame."""
        return DatabaseBusyError() if _error_name(error).startswith("SQLITE_BUSY") else None

    def is_unusable(self, error: DBAPIError) -> bool:
        """Return whether `error` means that the database file cannot be used at all."""
        return _error_name(error).startswith(UNUSABLE)


def _configure(connection: DBAPIConnection, _: object) -> None:
    # The driver's own transaction control does not cover SELECT and DDL, so _begin replaces it.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that may write locks at its start: SQLite does not let one that has already read wait for the lock.
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


def _error_name(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", ""))
