"""SQLite, the embedded default: one file per service, which processes on one machine may share.

Statements run on the event loop: they take microseconds, and a thread would cost more than the statement. What waits
for the disk or for another process runs in a thread: a commit, and the lock of a writer that another process holds.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, Executable, RootTransaction, create_engine, event
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from typing_extensions import override

from services.runtime.config import ConfigError
from services.runtime.storage.connection import Parameters, ResultT, Rows
from services.runtime.storage.failures import DatabaseBusyError, WriteConflictError

DRIVER = "sqlite"
# What older releases called it. During a rollout both get the same URL.
OLDER_DRIVER = "sqlite+aiosqlite"
# The execution option of connections whose transactions may write.
IMMEDIATE = "begin_immediate"
# How long SQLite waits for the write transaction of another process. Ours take milliseconds.
BUSY_TIMEOUT_SECONDS = 5.0
# Errors of the file, its folder or its contents, rather than of a statement.
UNUSABLE = ("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_IOERR")


class SQLite:
    """One database file."""

    def __init__(self, url: URL) -> None:
        """Create the engine. Raises ConfigError if the URL names no file."""
        if url.database in (None, "", ":memory:"):
            raise ConfigError("DATABASE_URL: a SQLite database needs a file; data in memory would be lost")
        self._path = Path(str(url.database))
        self.url = url.set(drivername=DRIVER)
        self._engine = create_engine(
            self.url.set(query={"timeout": str(BUSY_TIMEOUT_SECONDS), **url.query}),
            # One thread at a time uses a connection, but not always the same one.
            connect_args={"check_same_thread": False},
            # Error texts go to the log; the data of callers must not.
            hide_parameters=True,
        )
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        self._writer = Writer(self._engine)
        # To check a connection out of SQLAlchemy's pool takes as long as a query.
        self._idle_readers: list[SyncConnection] = []

    def read(self, *, snapshot: bool) -> AbstractAsyncContextManager["Connection"]:
        """Open a transaction that reads one snapshot of the database. Here that costs next to nothing."""
        del snapshot
        return Read(self._engine, self._idle_readers)

    def write(self, *, shared: bool) -> AbstractAsyncContextManager["Connection"]:
        """Open a transaction that may write. SQLite has no concurrent writers, so `shared` makes no difference."""
        del shared
        return self._writer.transaction()

    @asynccontextmanager
    async def migrate(self) -> AsyncIterator["Connection"]:
        """Open the transaction of the migrations."""
        # A lock file, because SQLite's locks come too late: the switch to WAL fails if two processes try it at once.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(self._path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            async with self._writer.transaction() as connection:
                yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.close()
        for connection in self._idle_readers:
            connection.close()
        self._engine.dispose()

    def failure(self, error: DBAPIError) -> Exception | None:
        """Return the failure of the database that caused `error`; None if the statement is to blame."""
        return DatabaseBusyError() if _is_busy(error) else None

    def is_unusable(self, error: DBAPIError) -> bool:
        """Return whether `error` means that the database file cannot be used at all."""
        return _error_name(error).startswith(UNUSABLE)


class Read(AbstractAsyncContextManager["Connection"]):
    """A transaction that reads. It takes a connection from `idle`, or opens one, and returns it there.

    The driver begins and ends it: SQLAlchemy would need half as long for that as for a query.
    """

    def __init__(self, engine: Engine, idle: list[SyncConnection]) -> None:
        self._engine = engine
        self._idle = idle

    @override
    async def __aenter__(self) -> "Connection":
        self._connection = self._idle.pop() if self._idle else self._engine.connect()
        _driver(self._connection).execute("BEGIN")
        return Connection(self._connection)

    @override
    async def __aexit__(self, *_: object) -> None:
        try:
            # There is nothing to commit. After some errors SQLite has ended the transaction, and this does nothing.
            _driver(self._connection).rollback()
        finally:
            self._idle.append(self._connection)


class Writer:
    """The write transactions of a process, one after the other. Those that wait at the same time share one commit.

    A commit waits for the disk, so it costs more than most transactions. A transaction that waits for its turn joins
    the commit of the one before it. Each succeeds or fails alone, and ends only after its data is on the disk.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(**{IMMEDIATE: True})
        self._busy_timeout = float(str(engine.url.query["timeout"]))
        self._thread = ThreadPoolExecutor(1, "sqlite")
        # Fair: a commit takes its turn after the transactions that have waited longer.
        self._turn = asyncio.Lock()
        self._connection: SyncConnection | None = None
        self._batch: Batch | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Connection"]:
        """Open a transaction when it is its turn. At the end of the block wait until it is on the disk."""
        async with self._turn:
            if self._batch is None:
                self._batch = await self._begin()
            batch = self._batch
            with _savepoint(batch.connection):
                yield Connection(batch.connection)
        # A caller that leaves does not take the commit of the others with it.
        await asyncio.shield(batch.commit)

    async def close(self) -> None:
        """Wait for the last commit, and close the connection."""
        async with self._turn:
            if self._connection is not None:
                self._connection.close()
        self._thread.shutdown()

    async def _begin(self) -> "Batch":
        if self._connection is None:
            self._connection = self._engine.connect()
            _set_busy_timeout(self._connection, 0)
        connection = self._connection
        try:
            # Succeeds at once, unless another process writes at this moment.
            transaction = connection.begin()
        except OperationalError as error:
            if not _is_busy(error):
                raise
            try:
                transaction = await self._in_thread(lambda: _wait_and_begin(connection, self._busy_timeout))
            except asyncio.CancelledError:
                connection.rollback()
                raise
        return Batch(connection, transaction, asyncio.create_task(self._commit(transaction)))

    async def _commit(self, transaction: RootTransaction) -> None:
        async with self._turn:
            connection, self._batch = transaction.connection, None
            try:
                await self._in_thread(lambda: _commit(transaction))
            except BaseException:
                # The state of the connection is unknown. To close it rolls back.
                self._connection = None
                connection.invalidate()
                connection.close()
                raise

    async def _in_thread(self, work: Callable[[], ResultT]) -> ResultT:
        """Run `work` in the thread, and return its result. Waits for its end even if the caller is cancelled."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            raise


@dataclass(frozen=True, slots=True)
class Batch:
    """The transactions that share a commit: savepoints of one transaction of SQLite."""

    connection: SyncConnection
    transaction: RootTransaction
    commit: asyncio.Task[None]
    """Ends when all of them are on the disk, or raises why none of them is."""


class Connection:
    """The connection of one transaction: what storage/connection.py describes, without waiting for anything."""

    def __init__(self, connection: SyncConnection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, parameters: Parameters | None = None, /) -> Rows:
        """Execute a statement with its parameters, or once for each mapping in a list of them."""
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Any:  # noqa: ANN401  # any column
        """Execute a query, and return the first column of its first row; None if it has no rows."""
        return self._connection.scalar(statement, parameters)

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        """Open a savepoint. An exception in its block undoes the statements of the block, not the transaction."""
        with self._connection.begin_nested():
            yield

    async def run_sync(self, work: Callable[..., ResultT], /, *args: Any) -> ResultT:  # noqa: ANN401  # those of `work`
        """Run `work` with SQLAlchemy's synchronous connection, for example a migration, and return its result."""
        return work(self._connection, *args)


@contextmanager
def _savepoint(connection: SyncConnection) -> Iterator[None]:
    """Undo the statements of the block if it raises."""
    # By the driver: SQLAlchemy would compile each savepoint.
    driver = _driver(connection)
    # Outside of a transaction a savepoint would be one, and its release a commit.
    if not driver.in_transaction:
        raise WriteConflictError
    driver.execute("SAVEPOINT one_of_batch")
    try:
        yield
    except BaseException:
        # After an error such as a full disk, SQLite has rolled back the whole transaction.
        if driver.in_transaction:
            driver.execute("ROLLBACK TO one_of_batch")
        raise
    finally:
        if driver.in_transaction:
            driver.execute("RELEASE one_of_batch")


def _configure(connection: DBAPIConnection, _: object) -> None:
    # The driver's own transaction control does not cover SELECT and DDL, so _begin replaces it.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: SyncConnection) -> None:
    # Lock now: SQLite does not let a transaction that has already read wait for the lock.
    if IMMEDIATE in connection.get_execution_options():
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _driver(connection: SyncConnection) -> Any:  # noqa: ANN401  # a connection of sqlite3
    return connection.connection.dbapi_connection


def _wait_and_begin(connection: SyncConnection, seconds: float) -> RootTransaction:
    _set_busy_timeout(connection, seconds)
    try:
        return connection.begin()
    finally:
        _set_busy_timeout(connection, 0)


def _set_busy_timeout(connection: SyncConnection, seconds: float) -> None:
    # By the driver: a statement by SQLAlchemy would begin a transaction.
    _driver(connection).execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def _commit(transaction: RootTransaction) -> None:
    # After an error such as a full disk SQLite itself rolls back, and the driver's commit would do nothing.
    if not _driver(transaction.connection).in_transaction:
        raise WriteConflictError
    transaction.commit()


def _is_busy(error: DBAPIError) -> bool:
    return _error_name(error).startswith("SQLITE_BUSY")


def _error_name(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", ""))
