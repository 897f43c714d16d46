"""PostgreSQL: one server for all services; each has its own database and role.

Transactions are READ COMMITTED and lock before they read: one that waited for a lock sees what was committed before it.
SERIALIZABLE would abort one of two conflicting transactions, and the service would have to retry it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
from prometheus_client import Metric
from sqlalchemy import URL, Executable, NullPool, create_engine
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.exc import DBAPIError

from services.runtime.storage.connection import NO_PARAMETERS, Parameters
from services.runtime.storage.failures import DatabaseBusyError, DatabaseUnavailableError, WriteConflictError
from services.runtime.storage.pool import Pool
from services.runtime.storage.session import Command, Result, Session
from services.runtime.storage.statements import Rows, Statements, Value
from services.runtime.storage.waits import Waits, collect_waits

# How long a transaction waits for a connection, and for a lock. Our transactions take milliseconds.
BUSY_TIMEOUT_SECONDS = 5
# When the server aborts an idle transaction: its process is frozen or cut off, and others need its locks.
IDLE_TIMEOUT_SECONDS = 10
# How long it takes to notice a server that vanished without closing its connections.
TCP_TIMEOUT_SECONDS = 10
# A connection that was idle for longer is checked before a transaction starts on it.
IDLE_SECONDS = 1

BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
BEGIN_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED"
# Advisory locks, held until their transaction ends. They have two numbers, so those of names, which have one, differ.
LOCK_EXCLUSIVE = "SELECT pg_advisory_xact_lock(0, 0)"
LOCK_SHARED = "SELECT pg_advisory_xact_lock_shared(0, 0)"
LOCK_MIGRATIONS = "SELECT pg_advisory_xact_lock(0, 1)"
LOCK_NAME = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"

# SQLSTATEs and classes of them.
LOCK_NOT_AVAILABLE = "55P03"
CONFLICT = ("40001", "40P01")  # serialization failure, deadlock
# Connection failure, insufficient resources, operator intervention, idle-in-transaction timeout.
UNAVAILABLE = ("08", "53", "57P", "25P03")
# What the URL names is wrong: authorization, database, privileges.
WRONG_URL = ("28", "3D", "42501")


class PostgreSQL:
    """One database on a server."""

    def __init__(self, url: URL, idle_seconds: float = IDLE_SECONDS) -> None:
        """Create it; nothing is opened. Connections that were idle for longer than `idle_seconds` are checked."""
        self.url = url
        # $1 instead of %s: the driver need not translate it.
        dialect: Any = url.get_dialect()
        statements = dialect(dbapi=psycopg, paramstyle="numeric_dollar")
        _, arguments = statements.create_connect_args(_with_defaults(url))
        self._statements = Statements(statements)
        self._pool = Pool(arguments, BUSY_TIMEOUT_SECONDS, idle_seconds)
        # A writer that waits here holds no connection that a reader could use.
        self._write_lock = asyncio.Lock()
        self._waits = Waits("write")

    @asynccontextmanager
    async def read(self, *, snapshot: bool) -> AsyncIterator["Connection"]:
        """Open a transaction that reads one snapshot of the database; or, if it may, one for each statement."""
        async with self._pool.session() as session:
            # The pool ends the transaction. There is nothing to commit.
            yield Connection(session, self._statements, *[BEGIN_READ] if snapshot else [])

    @asynccontextmanager
    async def write(self, *, shared: bool) -> AsyncIterator["Connection"]:
        """Open a transaction that may write: exclusive, or concurrent with other `shared` ones."""
        async with AsyncExitStack() as stack:
            if not shared:
                with self._waits.wait():
                    await stack.enter_async_context(self._write_lock)
            session = await stack.enter_async_context(self._pool.session())
            connection = Connection(session, self._statements, BEGIN_WRITE, LOCK_SHARED if shared else LOCK_EXCLUSIVE)
            yield connection
            await connection.commit()

    async def scan(self, statement: Executable) -> Rows:
        """Execute a query that may read a whole table. The server does the work."""
        async with self.read(snapshot=False) as connection:
            return await connection.execute(statement)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of the connections."""
        yield from self._pool.collect()
        yield from collect_waits([self._pool.waits, self._waits])

    def migrate(self, work: Callable[[SyncConnection], None]) -> None:
        """Run `work` in the transaction of the migrations."""
        engine = create_engine(_with_defaults(self.url), poolclass=NullPool, hide_parameters=True)
        with engine.begin() as connection:
            # Another process may migrate for long. Waiting for table locks must be short: calls would queue behind it.
            for sql in ("SET LOCAL lock_timeout = 0", LOCK_MIGRATIONS, "SET LOCAL lock_timeout TO DEFAULT"):
                connection.exec_driver_sql(sql)
            work(connection)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    def failure(self, error: BaseException) -> Exception | None:
        """Return the failure of the database that caused `error`; None if the statement is to blame."""
        state = _sqlstate(error)
        if state == LOCK_NOT_AVAILABLE:
            return DatabaseBusyError()
        if state in CONFLICT:
            return WriteConflictError()
        # An error without SQLSTATE comes from the connection, not from the server.
        lost = isinstance(_cause(error), psycopg.OperationalError) and not state
        return DatabaseUnavailableError() if lost or state.startswith(UNAVAILABLE) else None

    def is_unusable(self, error: BaseException) -> bool:
        """Return whether `error` means that the database cannot be used at all, for example because of its URL."""
        state = _sqlstate(error)
        return not state or state.startswith(WRONG_URL) or self.failure(error) is not None


class Connection:
    """The connection of one transaction: what storage/connection.py describes.

    Statements that are deferred are sent together with the next one whose result is needed, or with the commit: one
    round trip. Each still sees what was committed before it started.
    """

    def __init__(self, session: Session, statements: Statements, *beginning: str) -> None:
        """Create it. `beginning` is the SQL that begins the transaction; without any, each statement is one."""
        self._session = session
        self._statements = statements
        self._deferred: list[Command] = [(sql, ()) for sql in beginning]

    async def execute(self, statement: Executable, parameters: Mapping[str, Value] = NO_PARAMETERS, /) -> Rows:
        """Execute a statement, and return its rows."""
        compiled = self._statements.get(statement, parameters)
        result = await self._send(compiled.bind(parameters))
        return Rows(compiled.rows(result.columns, result.rows) if result.rows else (), result.rowcount)

    async def scalar(self, statement: Executable, parameters: Mapping[str, Value] = NO_PARAMETERS, /) -> Value:
        """Execute a query, and return the first column of its first row; None if it has no rows."""
        rows = await self.execute(statement, parameters)
        return rows[0][0] if rows else None

    async def defer(self, statement: Executable, parameters: Parameters, /) -> None:
        """Execute a statement whose result is not needed, together with the next one or with the commit."""
        for mapping in [parameters] if isinstance(parameters, Mapping) else parameters:
            self._deferred.append(self._statements.get(statement, mapping).bind(mapping))

    async def lock_name(self, name: str, /) -> None:
        """Lock `name` until the transaction ends, before its next statement."""
        self._deferred.append((LOCK_NAME, [name]))

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        """Open a savepoint. An exception in its block undoes the statements of the block, not the transaction."""
        # At once: what is deferred belongs to the transaction, and its errors too.
        await self._send(("SAVEPOINT block", ()))
        try:
            yield
            await self._send(("RELEASE block", ()))
        except BaseException:
            self._deferred.clear()
            await self._send(("ROLLBACK TO block", ()), ("RELEASE block", ()))
            raise

    async def commit(self) -> None:
        """Send what is deferred, and commit. Raises WriteConflictError if the server has rolled back instead."""
        # If a statement has failed, COMMIT rolls back, and reports that only by its tag.
        if (await self._send(("COMMIT", ()))).tag != "COMMIT":
            raise WriteConflictError

    async def _send(self, *commands: Command) -> Result:
        """Send what is deferred and these commands, and wait for them. Return the result of the last one."""
        batch = [*self._deferred, *commands]
        self._deferred.clear()
        try:
            return await self._session.send(batch)
        except psycopg.Error as error:
            self._statements.raise_error(error, "; ".join(sql for sql, _ in batch))


def _with_defaults(url: URL) -> URL:
    """Return the URL with defaults for the libpq connection settings that it does not set."""
    settings = {
        "connect_timeout": str(BUSY_TIMEOUT_SECONDS),
        "keepalives_idle": str(BUSY_TIMEOUT_SECONDS),
        "tcp_user_timeout": str(TCP_TIMEOUT_SECONDS * 1000),
    }
    options = f"-c lock_timeout={BUSY_TIMEOUT_SECONDS}s -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_SECONDS}s"
    own_options = url.normalized_query.get("options", ())
    return url.set(query={**settings, **url.query, "options": " ".join([options, *own_options])})


def _cause(error: BaseException) -> BaseException | None:
    """Return the driver's error if `error` is SQLAlchemy's error for it."""
    return error.orig if isinstance(error, DBAPIError) else error


def _sqlstate(error: BaseException) -> str:
    """Return the SQLSTATE, five characters of which the first two are the class; "" if there is none."""
    return getattr(_cause(error), "sqlstate", None) or ""
