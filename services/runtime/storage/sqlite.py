"""SQLite, the embedded default: one file per service, which processes on one machine may share.

Statements run on the event loop: they take microseconds, and a thread would cost more than the statement. What waits
for the disk or for another process runs in a thread: a commit, and the lock of a writer that another process holds.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import Metric
from sqlalchemy import URL, Executable, NullPool, create_engine, event
from sqlalchemy import Connection as SyncConnection
from typing_extensions import override

from services.runtime.config import ConfigError
from services.runtime.storage.connection import NO_PARAMETERS, Parameters
from services.runtime.storage.failures import DatabaseBusyError, WriteConflictError
from services.runtime.storage.statements import Rows, Statement, Statements, Value
from services.runtime.storage.waits import Waits, collect_waits

DRIVER = "sqlite"
# What older releases called it. During a rollout both get the same URL.
OLDER_DRIVER = "sqlite+aiosqlite"
# How long SQLite waits for the write transaction of another process. Ours take milliseconds.
BUSY_TIMEOUT_SECONDS = 5.0
# Errors of the file, its folder or its contents, rather than of a statement.
UNUSABLE = ("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_IOERR")
BEGIN = "BEGIN IMMEDIATE"
"""Begins a write, and locks at once: SQLite does not let a transaction that has already read wait for the lock."""

ResultT = TypeVar("ResultT")


class SQLite:
    """One database file."""

    def __init__(self, url: URL) -> None:
        """Create it; nothing is opened. Raises ConfigError if the URL names no file."""
        if url.database in (None, "", ":memory:"):
            raise ConfigError("DATABASE_URL: a SQLite database needs a file; data in memory would be lost")
        self._path = Path(str(url.database))
        self.url = url.set(drivername=DRIVER)
        dialect: Any = self.url.get_dialect()
        self._dialect = dialect(dbapi=sqlite3)
        self._statements = Statements(self._dialect)
        self._writer = Writer(self._connect, self._statements)
        self._idle_readers: list[sqlite3.Connection] = []

    def read(self, *, snapshot: bool) -> AbstractAsyncContextManager["Connection"]:
        """Open a transaction that reads one snapshot of the database. Here that costs next to nothing."""
        del snapshot
        return Read(self._connect, self._statements, self._idle_readers)

    def write(self, *, shared: bool) -> AbstractAsyncContextManager["Connection"]:
        """Open a transaction that may write. SQLite has no concurrent writers, so `shared` makes no difference."""
        del shared
        return self._writer.transaction()

    async def scan(self, statement: Executable) -> Rows:
        """Execute a query that may read a whole table, in a thread with a connection that only it uses."""
        compiled = self._statements.get(statement, NO_PARAMETERS)
        sql, values = compiled.bind(NO_PARAMETERS)

        def run() -> Rows:
            with closing(self._connect()) as driver:
                cursor = driver.execute(sql, values)
                return _rows(compiled, cursor)

        try:
            return await asyncio.to_thread(run)
        except sqlite3.Error as error:
            self._statements.raise_error(error, sql)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of the writer. Readers wait for nothing."""
        return collect_waits([self._writer.waits])

    def migrate(self, work: Callable[[SyncConnection], None]) -> None:
        """Run `work` in the transaction of the migrations."""
        # A lock file, because SQLite's locks come too late: the switch to WAL fails if two processes try it at once.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(self._path.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            engine = create_engine(self.url, creator=self._connect, poolclass=NullPool, hide_parameters=True)
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(BEGIN))
            with engine.begin() as connection:
                work(connection)

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.close()
        for connection in self._idle_readers:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        arguments, options = self._dialect.create_connect_args(self.url)
        # One thread at a time uses a connection, but not always the same one. No isolation level: the driver's own
        # control of transactions does not cover SELECT and DDL.
        options |= {"check_same_thread": False, "isolation_level": None}
        connection: sqlite3.Connection = sqlite3.connect(*arguments, **{"timeout": BUSY_TIMEOUT_SECONDS, **options})
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def failure(self, error: BaseException) -> Exception | None:
        """Return the failure of the database that caused `error`; None if the statement is to blame."""
        return DatabaseBusyError() if _is_busy(error) else None

    def is_unusable(self, error: BaseException) -> bool:
        """Return whether `error` means that the database file cannot be used at all."""
        return _error_name(error).startswith(UNUSABLE)


class Read(AbstractAsyncContextManager["Connection"]):
    """A transaction that reads. It takes a connection from `idle`, or opens one, and returns it there."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], statements: Statements, idle: list[sqlite3.Connection]
    ) -> None:
        self._connect = connect
        self._statements = statements
        self._idle = idle

    @override
    async def __aenter__(self) -> "Connection":
        self._driver = self._idle.pop() if self._idle else self._connect()
        self._driver.execute("BEGIN")
        return Connection(self._driver, self._statements)

    @override
    async def __aexit__(self, *_: object) -> None:
        try:
            # There is nothing to commit. After some errors SQLite has ended the transaction, and this does nothing.
            self._driver.rollback()
        finally:
            self._idle.append(self._driver)


class Writer:
    """The write transactions of a process, one after the other. Those that wait at the same time share one commit.

    A commit waits for the disk, so it costs more than most transactions. A transaction that waits for its turn joins
    the commit of the one before it. Each succeeds or fails alone, and ends only after its data is on the disk.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], statements: Statements) -> None:
        self._connect = connect
        self._statements = statements
        self._thread = ThreadPoolExecutor(1, "sqlite")
        # Fair: a commit takes its turn after the transactions that have waited longer.
        self._turn = asyncio.Lock()
        self.waits = Waits("write")
        self._driver: sqlite3.Connection | None = None
        self._batch: Batch | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Connection"]:
        """Open a transaction when it is its turn. At the end of the block wait until it is on the disk."""
        with self.waits.wait():
            batch = await self._take_turn()
        try:
            with _savepoint(batch.driver):
                yield Connection(batch.driver, self._statements)
        finally:
            self._turn.release()
        # A caller that leaves does not take the commit of the others with it.
        await asyncio.shield(batch.commit)

    async def close(self) -> None:
        """Wait for the last commit, and close the connection."""
        async with self._turn:
            if self._driver is not None:
                self._driver.close()
        self._thread.shutdown()

    async def _take_turn(self) -> "Batch":
        """Wait for the turn, and return the batch that is open then, or a new one."""
        await self._turn.acquire()
        try:
            if self._batch is None:
                self._batch = await self._begin()
        except BaseException:
            self._turn.release()
            raise
        return self._batch

    async def _begin(self) -> "Batch":
        if self._driver is None:
            self._driver = self._connect()
            self._busy_milliseconds = self._driver.execute("PRAGMA busy_timeout").fetchone()[0]
            _set_busy_timeout(self._driver, 0)
        driver = self._driver
        try:
            # Succeeds at once, unless another process writes at this moment.
            driver.execute(BEGIN)
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
            try:
                await self._in_thread(lambda: _wait_and_begin(driver, self._busy_milliseconds))
            except asyncio.CancelledError:
                driver.rollback()
                raise
        return Batch(driver, asyncio.create_task(self._commit(driver)))

    async def _commit(self, driver: sqlite3.Connection) -> None:
        async with self._turn:
            self._batch = None
            try:
                await self._in_thread(lambda: _commit(driver))
            except BaseException:
                # The state of the connection is unknown. To close it rolls back.
                self._driver = None
                driver.close()
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

    driver: sqlite3.Connection
    commit: asyncio.Task[None]
    """Ends when all of them are on the disk, or raises why none of them is."""


class Connection:
    """The connection of one transaction: what storage/connection.py describes, without waiting for anything."""

    def __init__(self, driver: sqlite3.Connection, statements: Statements) -> None:
        self._driver = driver
        self._statements = statements

    async def execute(self, statement: Executable, parameters: Mapping[str, Value] = NO_PARAMETERS, /) -> Rows:
        """Execute a statement, and return its rows."""
        compiled = self._statements.get(statement, parameters)
        sql, values = compiled.bind(parameters)
        try:
            return _rows(compiled, self._driver.execute(sql, values))
        except sqlite3.Error as error:
            self._statements.raise_error(error, sql)

    async def scalar(self, statement: Executable, parameters: Mapping[str, Value] = NO_PARAMETERS, /) -> Value:
        """Execute a query, and return the first column of its first row; None if it has no rows."""
        rows = await self.execute(statement, parameters)
        return rows[0][0] if rows else None

    async def defer(self, statement: Executable, parameters: Parameters, /) -> None:
        """Execute a statement whose result is not needed. SQLite has no round trip to save, so it runs at once."""
        for mapping in [parameters] if isinstance(parameters, Mapping) else parameters:
            await self.execute(statement, mapping)

    async def lock_name(self, name: str, /) -> None:
        """Return at once: SQLite has a single writer."""

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        """Open a savepoint. An exception in its block undoes the statements of the block, not the transaction."""
        try:
            with _savepoint(self._driver):
                yield
        except sqlite3.Error as error:
            self._statements.raise_error(error, "SAVEPOINT block")


def _rows(compiled: Statement, cursor: sqlite3.Cursor) -> Rows:
    fetched = cursor.fetchall()
    return Rows(compiled.rows((name for name, *_ in cursor.description), fetched) if fetched else (), cursor.rowcount)


@contextmanager
def _savepoint(driver: sqlite3.Connection) -> Iterator[None]:
    """Undo the statements of the block if it raises."""
    # Outside of a transaction a savepoint would be one, and its release a commit.
    if not driver.in_transaction:
        raise WriteConflictError
    driver.execute("SAVEPOINT block")
    try:
        yield
    except BaseException:
        # After an error such as a full disk, SQLite has rolled back the whole transaction.
        if driver.in_transaction:
            driver.execute("ROLLBACK TO block")
        raise
    finally:
        if driver.in_transaction:
            driver.execute("RELEASE block")


def _wait_and_begin(driver: sqlite3.Connection, milliseconds: int) -> None:
    _set_busy_timeout(driver, milliseconds)
    try:
        driver.execute(BEGIN)
    finally:
        _set_busy_timeout(driver, 0)


def _set_busy_timeout(driver: sqlite3.Connection, milliseconds: int) -> None:
    driver.execute(f"PRAGMA busy_timeout = {milliseconds}")


def _commit(driver: sqlite3.Connection) -> None:
    # After an error such as a full disk SQLite itself rolls back, and the driver's commit would do nothing.
    if not driver.in_transaction:
        raise WriteConflictError
    driver.commit()


def _is_busy(error: BaseException) -> bool:
    return _error_name(error).startswith("SQLITE_BUSY")


def _error_name(error: BaseException) -> str:
    """Return SQLite's name of an error of the driver, or of SQLAlchemy's error for it."""
    return str(getattr(getattr(error, "orig", error), "sqlite_errorname", ""))
