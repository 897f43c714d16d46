"""SQLite, the embedded default: one file per service, which the processes of one machine may share."""

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
from services.runtime.failures import DatabaseBusyError

DRIVER = "sqlite+aiosqlite"
# How long SQLite waits for another process's write transaction; ours last milliseconds.
BUSY_SECONDS = 5
# The file, its folder or its contents are at fault, rather than a statement of ours.
UNUSABLE = ("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_IOERR")


class SQLite:
    """One database file."""

    def __init__(self, url: URL) -> None:
        """Raise ConfigError if the URL names no file."""
        if url.database in (None, "", ":memory:"):
            raise ConfigError("DATABASE_URL: a SQLite database needs a file; one in memory would be lost")
        self._path = Path(str(url.database))
        self.engine = create_async_engine(
            url,
            connect_args={"timeout": BUSY_SECONDS},
            # An error's text goes to the log; what callers sent does not.
            hide_parameters=True,
        )
        event.listen(self.engine.sync_engine, "connect", _configure)
        event.listen(self.engine.sync_engine, "begin", _begin)
        self._writer = self.engine.execution_options(begin="IMMEDIATE")
        # SQLite has one writer at a time. Waiting here is fair and wakes at once; SQLite's own waiting polls.
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that sees one state of the database."""
        async with self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, shared: bool) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that may write; there is no `shared` one here."""
        del shared
        async with self._turn, self._writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def migrate(self) -> AsyncIterator[AsyncConnection]:
        """Begin the transaction of the migrations."""
        # A file of its own, for SQLite's locks come too late: the switch to WAL fails if two processes try it at once.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(self._path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            async with self._writer.begin() as connection:
                yield connection

    def failure(self, error: DBAPIError) -> Exception | None:
        """Answer what has befallen the transaction; None if one of its statements is at fault."""
        return DatabaseBusyError() if _name(error).startswith("SQLITE_BUSY") else None

    def is_unusable(self, error: DBAPIError) -> bool:
        """Answer whether the database itself is at fault."""
        return _name(error).startswith(UNUSABLE)


def _configure(connection: DBAPIConnection, _: object) -> None:
    # The driver's own transaction control leaves SELECT and DDL outside: _begin takes its place.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that may write takes the lock at its start: one that read first could not wait for it any more.
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


def _name(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", ""))
