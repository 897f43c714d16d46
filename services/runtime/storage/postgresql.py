"""PostgreSQL: one server for all services; each has its own database and role.

Transactions are READ COMMITTED and lock before they read: one that waited for a lock sees what was committed before it.
SERIALIZABLE would abort one of two conflicting transactions, and the service would have to retry it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.runtime.storage.failures import DatabaseBusyError, DatabaseUnavailableError, WriteConflictError

DRIVER = "postgresql+psycopg"
# Connections per process. The server's max_connections must be enough for all processes.
MAX_CONNECTIONS = 8
# How long a transaction waits for a connection, and for a lock. Our transactions take milliseconds.
BUSY_TIMEOUT_SECONDS = 5
# When the server aborts an idle transaction: its process is frozen or cut off, and others need its locks.
IDLE_TIMEOUT_SECONDS = 10
# How long it takes to notice a server that vanished without closing its connections.
TCP_TIMEOUT_SECONDS = 10

# Advisory locks, held until their transaction ends. They have two numbers, so `lock_name`'s, which have one, differ.
LOCK_EXCLUSIVE = text("SELECT pg_advisory_xact_lock(0, 0)")
LOCK_SHARED = text("SELECT pg_advisory_xact_lock_shared(0, 0)")
LOCK_MIGRATIONS = text("SELECT pg_advisory_xact_lock(0, 1)")

# SQLSTATEs and classes of them.
LOCK_NOT_AVAILABLE = "55P03"
CONFLICT = ("40001", "40P01")  # serialization failure, deadlock
# Connection failure, insufficient resources, operator intervention, idle-in-transaction timeout.
UNAVAILABLE = ("08", "53", "57P", "25P03")
# What the URL names is wrong: authorization, database, privileges.
WRONG_URL = ("28", "3D", "42501")


class PostgreSQL:
    """One database on a server."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = create_async_engine(
            _with_defaults(url),
            isolation_level="READ COMMITTED",
            pool_size=MAX_CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY_TIMEOUT_SECONDS,
            # Notice a connection that a server restart or a firewall has cut before a transaction starts on it.
            pool_pre_ping=True,
            # Error texts go to the log; the data of callers must not.
            hide_parameters=True,
        )
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        # A writer that waits here holds no connection that a reader could use.
        self._write_lock = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that reads one snapshot of the database."""
        async with self._reader.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, shared: bool) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write: exclusive, or concurrent with other `shared` ones."""
        if shared:
            async with self._engine.begin() as connection:
                await connection.execute(LOCK_SHARED)
                yield connection
        else:
            async with self._write_lock, self._engine.begin() as connection:
                await connection.execute(LOCK_EXCLUSIVE)
                yield connection

    @asynccontextmanager
    async def migrate(self) -> AsyncIterator[AsyncConnection]:
        """Open the transaction of the migrations."""
        async with self._engine.begin() as connection:
            # Another process may migrate for long. Waiting for table locks must be short: calls would queue behind it.
            await connection.execute(text("SET LOCAL lock_timeout = 0"))
            await connection.execute(LOCK_MIGRATIONS)
            await connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
            yield connection

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
