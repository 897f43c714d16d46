"""PostgreSQL: one server for all services; each has its own database and role.

Transactions are READ COMMITTED and lock before they read: one that waited for a lock sees what was committed before it.
SERIALIZABLE would abort one of two conflicting transactions, and the service would have to retry it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, Executable, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, ExecutionContext
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from services.runtime.storage.connection import Parameters, ResultT, Rows
from services.runtime.storage.failures import DatabaseBusyError, DatabaseUnavailableError, WriteConflictError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

DRIVER = "postgresql+psycopg"
# Connections per process. The server's max_connections must be enough for all processes.
MAX_CONNECTIONS = 8
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
        """Create the engine. Connections that were idle for longer than `idle_seconds` are checked before use."""
        # Imported here because it imports SQLAlchemy's ORM, 45 ms and 6 MiB, which a process with SQLite does not need.
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        self.url = url
        self._engine = create_async_engine(
            _with_defaults(url),
            # The driver would send BEGIN alone; `_execute` sends it together with the locks of the transaction.
            isolation_level="AUTOCOMMIT",
            pool_size=MAX_CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY_TIMEOUT_SECONDS,
            # Error texts go to the log; the data of callers must not.
            hide_parameters=True,
        )
        event.listen(self._engine.sync_engine, "do_execute_no_params", _execute_several)
        event.listen(self._engine.sync_engine, "checkin", _note_use)
        event.listen(self._engine.sync_engine, "checkout", _check(self._engine.sync_engine, idle_seconds))
        # A writer that waits here holds no connection that a reader could use.
        self._write_lock = asyncio.Lock()

    @asynccontextmanager
    async def read(self, *, snapshot: bool) -> AsyncIterator["AsyncConnection"]:
        """Open a transaction that reads one snapshot of the database; or, if it may, one for each statement."""
        async with self._engine.begin() as connection:
            if snapshot:
                await _execute(connection, BEGIN_READ)
            yield connection

    @asynccontextmanager
    async def write(self, *, shared: bool) -> AsyncIterator["WriteConnection"]:
        """Open a transaction that may write: exclusive, or concurrent with other `shared` ones."""
        if shared:
            async with self._engine.begin() as connection:
                yield WriteConnection(connection, LOCK_SHARED)
        else:
            async with self._write_lock, self._engine.begin() as connection:
                writer = WriteConnection(connection, LOCK_EXCLUSIVE)
                await writer.begin()
                yield writer

    @asynccontextmanager
    async def migrate(self) -> AsyncIterator["WriteConnection"]:
        """Open the transaction of the migrations."""
        async with self._engine.begin() as connection:
            # Another process may migrate for long. Waiting for table locks must be short: calls would queue behind it.
            lock = f"SET LOCAL lock_timeout = 0; {LOCK_MIGRATIONS}; SET LOCAL lock_timeout TO DEFAULT"
            yield WriteConnection(connection, lock)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    def failure(self, error: DBAPIError) -> Exception | None:
        """Return the failure of the database that caused `error`; None if the statement is to blame."""
        state = _sqlstate(error)
        if state == LOCK_NOT_AVAILABLE:
            return DatabaseBusyError()
        if state in CONFLICT:
            return WriteConflictError()
        # An error without SQLSTATE comes from the connection, not from the server.
        lost = error.connection_invalidated or (isinstance(error, OperationalError) and not state)
        return DatabaseUnavailableError() if lost or state.startswith(UNAVAILABLE) else None

    def is_unusable(self, error: DBAPIError) -> bool:
        """Return whether `error` means that the database cannot be used at all, for example because of its URL."""
        state = _sqlstate(error)
        return not state or state.startswith(WRONG_URL) or self.failure(error) is not None


class WriteConnection:
    """The connection of a transaction that may write: what storage/connection.py describes.

    The transaction begins, and takes its `lock`, with its first statement. If that locks a name, the three are one
    round trip. Each statement still sees what was committed before it started.
    """

    def __init__(self, connection: "AsyncConnection", lock: str) -> None:
        self._connection = connection
        self._beginning = [BEGIN_WRITE, lock]

    async def begin(self, *further: str) -> None:
        """Start the transaction unless it has started, and execute further SQL, which returns nothing."""
        statements, self._beginning = [*self._beginning, *further], []
        if statements:
            await _execute(self._connection, *statements)

    async def lock_name(self, name: str) -> None:
        """Lock `name` until the transaction ends, waiting for another transaction that holds it."""
        # In hexadecimal digits, because SQL that has several statements cannot have parameters.
        name_sql = f"convert_from(decode('{name.encode().hex()}', 'hex'), 'UTF8')"
        await self.begin(f"SELECT pg_advisory_xact_lock(hashtextextended({name_sql}, 0))")

    async def execute(self, statement: Executable, parameters: Parameters | None = None, /) -> Rows:
        """Execute a statement with its parameters, or once for each mapping in a list of them."""
        await self.begin()
        return await self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Any:  # noqa: ANN401  # any column
        """Execute a query, and return the first column of its first row; None if it has no rows."""
        await self.begin()
        return await self._connection.scalar(statement, parameters)

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        """Open a savepoint. An exception in its block undoes the statements of the block, not the transaction."""
        await self.begin()
        async with self._connection.begin_nested():
            yield

    async def run_sync(self, work: Callable[..., ResultT], /, *args: Any) -> ResultT:  # noqa: ANN401  # those of `work`
        """Run `work` with SQLAlchemy's synchronous connection, for example a migration, and return its result."""
        await self.begin()
        return await self._connection.run_sync(work, *args)


async def _execute(connection: "AsyncConnection", *statements: str) -> None:
    """Execute SQL without parameters, in one round trip."""
    await connection.exec_driver_sql("; ".join(statements), execution_options={"no_parameters": True})


def _execute_several(_cursor: DBAPICursor, sql: str, context: ExecutionContext) -> bool:
    """Execute SQL that may have several statements: SQLAlchemy calls this for what `_execute` sends."""
    connection: Any = context.root_connection.connection.dbapi_connection
    # The driver would prepare SQL that is often executed. Only a single statement can be prepared.
    connection.run_async(lambda driver: driver.execute(sql, prepare=False))
    return True


def _note_use(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info["last_use"] = time.monotonic()


def _check(engine: Engine, idle_seconds: float) -> Callable[[DBAPIConnection, ConnectionPoolEntry, object], None]:
    """Return what checks a connection that was idle before a transaction starts on it.

    A restart of the server or a firewall may have cut it. To check each time would cost a round trip per transaction.
    A connection that is cut within `idle_seconds` of its last use fails its next call, as one that is cut during the
    call does: with DatabaseUnavailableError, after which SQLAlchemy replaces all connections that are as old.
    """

    def check(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
        last_use = entry.info.get("last_use")
        if last_use is None or time.monotonic() - last_use <= idle_seconds:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    return check


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


def _sqlstate(error: DBAPIError) -> str:
    """Return the SQLSTATE, five characters of which the first two are the class; "" if there is none."""
    return getattr(error.orig, "sqlstate", None) or ""
