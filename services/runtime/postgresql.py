"""PostgreSQL: one server for all services, where each has a database and a role of its own.

Transactions are READ COMMITTED and take their locks before they read: whoever has waited sees what those before it
committed. SERIALIZABLE would end one of two that meet, and somebody would have to begin it again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.runtime.failures import DatabaseBusyError, DatabaseUnavailableError, WriteConflictError

DRIVER = "postgresql+psycopg"
# How many connections one process holds at most: the server's max_connections must do for all processes.
CONNECTIONS = 8
# How long a transaction waits for a connection, and for another transaction's lock; ours last milliseconds.
BUSY_SECONDS = 5
# When the server ends a transaction that asks for nothing: its process is frozen or cut off, and others need its locks.
IDLE_SECONDS = 10
# How long a server that has vanished without a word goes unnoticed.
GONE_SECONDS = 10

# Advisory locks, held until their transaction ends. Those of `hold` have one number and are therefore others.
ALONE = text("SELECT pg_advisory_xact_lock(0, 0)")
BESIDE_OTHERS = text("SELECT pg_advisory_xact_lock_shared(0, 0)")
MIGRATING = text("SELECT pg_advisory_xact_lock(0, 1)")
NAME = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")

LOCK_NOT_HAD = "55P03"
IN_EACH_OTHERS_WAY = ("40001", "40P01")  # serialization failure, deadlock
# Connections, resources, an operator's intervention; a transaction that was idle for too long.
AWAY = ("08", "53", "57P", "25P03")
# Whom and what the URL names: authorization, database, privileges.
NOT_OURS = ("28", "3D", "42501")


class PostgreSQL:
    """One database of a server."""

    def __init__(self, url: URL) -> None:
        self.engine = create_async_engine(
            _with_defaults(url),
            isolation_level="READ COMMITTED",
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
            # A connection that a server's restart or a firewall has cut is noticed before a transaction begins on it.
            pool_pre_ping=True,
            # An error's text goes to the log; what callers sent does not.
            hide_parameters=True,
        )
        self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        # Writers that wait for their turn here hold no connection that a reader could use.
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that sees one state of the database."""
        async with self._reader.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, shared: bool) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that may write: alone in the database, or beside others that are `shared`."""
        if shared:
            async with self.engine.begin() as connection:
                await connection.execute(BESIDE_OTHERS)
                yield connection
        else:
            async with self._turn, self.engine.begin() as connection:
                await connection.execute(ALONE)
                yield connection

    @asynccontextmanager
    async def migrate(self) -> AsyncIterator[AsyncConnection]:
        """Begin the transaction of the migrations."""
        async with self.engine.begin() as connection:
            # Another process's migrations may take long. Their own locks may not: calls would wait behind them.
            await connection.execute(text("SET LOCAL lock_timeout = 0"))
            await connection.execute(MIGRATING)
            await connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
            yield connection

    def failure(self, error: DBAPIError) -> Exception | None:
        """Answer what has befallen the transaction; None if one of its statements is at fault."""
        state = _state(error)
        if state == LOCK_NOT_HAD:
            return DatabaseBusyError()
        if state in IN_EACH_OTHERS_WAY:
            return WriteConflictError()
        # What has no SQLSTATE was not said by the server, but by the connection's end.
        lost = error.connection_invalidated or (isinstance(error, OperationalError) and not state)
        return DatabaseUnavailableError() if lost or state.startswith(AWAY) else None

    def is_unusable(self, error: DBAPIError) -> bool:
        """Answer whether the database itself, or the URL's way to it, is at fault."""
        state = _state(error)
        return not state or state.startswith(NOT_OURS) or self.failure(error) is not None


async def hold(connection: AsyncConnection, name: str) -> None:
    """Hold `name` until the transaction ends; wait while another one holds it. For what has no row yet to be locked.

    Elsewhere than on PostgreSQL nothing needs to be done: a transaction that writes is alone there.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(NAME, {"name": name})


def _with_defaults(url: URL) -> URL:
    """Answer the URL with the connection settings that it leaves open, as libpq calls them."""
    settings = {
        "connect_timeout": str(BUSY_SECONDS),
        "keepalives_idle": str(BUSY_SECONDS),
        "tcp_user_timeout": str(GONE_SECONDS * 1000),
    }
    options = f"-c lock_timeout={BUSY_SECONDS}s -c idle_in_transaction_session_timeout={IDLE_SECONDS}s"
    given = url.normalized_query.get("options", ())
    return url.set(query={**settings, **url.query, "options": " ".join([options, *given])})


def _state(error: DBAPIError) -> str:
    """Answer the SQLSTATE, five characters of which the first two are the class; "" if there is none."""
    return getattr(error.orig, "sqlstate", None) or ""
