"""A service's database: transactions and migrations, the same on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol

from prometheus_client import Counter, Metric
from sqlalchemy import URL, Executable, make_url
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from typing_extensions import override

from services.runtime.config import ConfigError
from services.runtime.storage import sqlite
from services.runtime.storage.connection import Connection
from services.runtime.storage.failures import DatabaseBusyError, DatabaseUnavailableError, WriteConflictError
from services.runtime.storage.revisions import migrate
from services.runtime.storage.statements import Rows

POSTGRESQL = "postgresql+psycopg"
REASONS = {DatabaseBusyError: "busy", WriteConflictError: "conflict", DatabaseUnavailableError: "unavailable"}
FAILURES = Counter("storage_failures", "Transactions that failed because of the database.", ["reason"])
for reason in REASONS.values():
    FAILURES.labels(reason)


class Backend(Protocol):
    """What differs between SQLite and PostgreSQL."""

    url: URL

    def read(self, *, snapshot: bool) -> AbstractAsyncContextManager[Connection]:
        """Open a transaction that reads one snapshot of the database; or, if it may, one for each statement."""

    def write(self, *, shared: bool) -> AbstractAsyncContextManager[Connection]:
        """Open a transaction that may write: exclusive, or concurrent with other `shared` ones."""

    async def scan(self, statement: Executable) -> Rows:
        """Execute a query that may read a whole table, without delaying other transactions."""

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of the connections."""

    def migrate(self, work: Callable[[SyncConnection], None]) -> None:
        """Run `work` in the transaction of the migrations. Only one process at a time has it."""

    async def close(self) -> None:
        """Close all connections."""

    def failure(self, error: BaseException) -> Exception | None:
        """Return the failure of the database that caused `error`; None if the statement is to blame."""

    def is_unusable(self, error: BaseException) -> bool:
        """Return whether `error` means that the database cannot be used at all, for example because of its URL."""


class Database:
    """Transactions on one database. `read` and `write` commit at the end of their block and roll back if it raises.

    Both raise DatabaseBusyError, WriteConflictError and DatabaseUnavailableError.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._after_write: list[Callable[[], None]] = []

    def read(self, *, snapshot: bool = True) -> AbstractAsyncContextManager[Connection]:
        """Open a read-only transaction on one snapshot of the database.

        Without `snapshot`, each statement may see another one. That is enough for a single statement, and saves a round
        trip to PostgreSQL.
        """
        return _Transaction(self._backend, self._backend.read(snapshot=snapshot))

    def write(self, *, shared: bool = False) -> AbstractAsyncContextManager[Connection]:
        """Open a transaction that may write; no other process writes at the same time.

        `shared` transactions run concurrently if the database can do so. They must base decisions only on rows that
        they locked (`with_for_update`, always in the same order) and on names that they locked (`lock_name`).
        """
        return _Transaction(self._backend, self._backend.write(shared=shared), self._after_write)

    async def scan(self, statement: Executable) -> Rows:
        """Execute a query that may read a whole table, for a metric, without delaying other transactions."""
        try:
            return await self._backend.scan(statement)
        except Exception as error:
            raise_failure(self._backend, error)
            raise

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of the connections."""
        return self._backend.collect()

    def after_write(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each `write` that this process commits. It must not raise."""
        self._after_write.append(callback)

    async def close(self) -> None:
        """Close all connections."""
        await self._backend.close()


class _Transaction(AbstractAsyncContextManager[Connection]):
    """A transaction of a backend. Translates the failures of the database, and calls `after` once it is committed."""

    def __init__(
        self,
        backend: Backend,
        transaction: AbstractAsyncContextManager[Connection],
        after: Iterable[Callable[[], None]] = (),
    ) -> None:
        self._backend = backend
        self._transaction = transaction
        self._after = after

    @override
    async def __aenter__(self) -> Connection:
        try:
            return await self._transaction.__aenter__()
        except Exception as error:
            raise_failure(self._backend, error)
            raise

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._transaction.__aexit__(kind, error, traceback)
        except Exception as failure:
            raise_failure(self._backend, failure)
            raise
        if error is not None:
            raise_failure(self._backend, error)
            return
        for callback in self._after:
            callback()


def raise_failure(backend: Backend, error: BaseException) -> None:
    """Raise the failure of the database that caused `error`, if there is one, and count it."""
    failure = backend.failure(error)
    if failure is not None:
        FAILURES.labels(REASONS[type(failure)]).inc()
        raise failure from error


async def open_database(url: str, versions: Path) -> Database:
    """Open the database at `url` and run the migrations in the folder `versions` that it lacks.

    A database that newer code has migrated further stays as it is. Raises ConfigError if the database cannot be used.
    """
    backend = _backend(url)
    try:
        # In a thread, because another process may migrate at this moment.
        await asyncio.to_thread(backend.migrate, lambda connection: migrate(connection, versions))
    except (DBAPIError, OSError) as error:
        await backend.close()
        if isinstance(error, DBAPIError) and not backend.is_unusable(error):
            raise
        cause = error.orig if isinstance(error, DBAPIError) else error
        # The query of the URL may hold secrets, as the password does.
        safe_url = backend.url.set(query={}).render_as_string()
        raise ConfigError(f"DATABASE_URL: cannot use {safe_url}: {' '.join(str(cause).split())}") from error
    except BaseException:
        await backend.close()
        raise
    return Database(backend)


def _backend(text: str) -> Backend:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password, so it is not repeated.
        forms = f"{sqlite.DRIVER}:///<path> or {POSTGRESQL}://<role>:<password>@<host>/<database>"
        raise ConfigError(f"DATABASE_URL: not a URL of the form {forms}") from error
    if url.drivername in {sqlite.DRIVER, sqlite.OLDER_DRIVER}:
        return sqlite.SQLite(url)
    if url.drivername == POSTGRESQL:
        # Imported here because a process with SQLite does not need the driver.
        from services.runtime.storage.postgresql import PostgreSQL  # noqa: PLC0415

        return PostgreSQL(url)
    supported = f"{sqlite.DRIVER} and {POSTGRESQL} are"
    raise ConfigError(f"DATABASE_URL: {url.drivername} is not supported, {supported}")
