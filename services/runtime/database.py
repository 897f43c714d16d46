"""A service's own database: transactions and migrations, the same on SQLite and on PostgreSQL."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.runtime import postgresql, sqlite
from services.runtime.config import ConfigError
from services.runtime.failures import DatabaseBusyError

ENVIRONMENT = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


class Kind(Protocol):
    """What differs between databases: SQLite and PostgreSQL."""

    engine: AsyncEngine

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Begin a transaction that sees one state of the database."""

    def write(self, *, shared: bool) -> AbstractAsyncContextManager[AsyncConnection]:
        """Begin a transaction that may write: alone in the database, or beside others that are `shared`."""

    def migrate(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Begin the transaction of the migrations; processes that do so at the same time take turns."""

    def failure(self, error: DBAPIError) -> Exception | None:
        """Answer what has befallen the transaction; None if one of its statements is at fault."""

    def is_unusable(self, error: DBAPIError) -> bool:
        """Answer whether the database itself, or the URL's way to it, is at fault."""


class Database:
    """Transactions on one database. `read` and `write` commit at the end of their block and roll back if it raises.

    Both raise DatabaseBusyError, WriteConflictError and DatabaseUnavailableError.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._after_write: list[Callable[[], None]] = []

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that sees one state of the database, and changes nothing."""
        with self._told():
            async with self._kind.read() as connection:
                yield connection

    @asynccontextmanager
    async def write(self, *, shared: bool = False) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that may change the database; the only such one, in whatever process.

        A `shared` one runs beside other shared ones where the database can do so. It decides by rows that it has locked
        (`with_for_update`, in an order that all keep to) and by names that it holds (`hold`), and by nothing else.
        """
        with self._told():
            async with self._kind.write(shared=shared) as connection:
                yield connection
        for call in self._after_write:
            call()

    def after_write(self, call: Callable[[], None]) -> None:
        """Have `call` called after each commit of a `write` of this process; it must not raise."""
        self._after_write.append(call)

    async def close(self) -> None:
        """Close every connection."""
        await self._kind.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise DatabaseBusyError from error
        except DBAPIError as error:
            failure = self._kind.failure(error)
            if failure is None:
                raise
            raise failure from error


async def open_database(url: str, versions: Path) -> Database:
    """Open the database at `url` and bring it to the newest of the migrations in the folder `versions`.

    One that newer code has brought further stays as it is.
    Processes that do so at the same time take turns. Raises ConfigError if the database cannot be used.
    """
    kind = _kind(url)
    try:
        async with kind.migrate() as connection:
            await connection.run_sync(_migrate, versions)
    except (DBAPIError, OSError) as error:
        await kind.engine.dispose()
        if isinstance(error, DBAPIError) and not kind.is_unusable(error):
            raise
        cause = error.orig if isinstance(error, DBAPIError) else error
        # The query may hold secrets, as the password may.
        told = kind.engine.url.set(query={}).render_as_string()
        raise ConfigError(f"DATABASE_URL: cannot use {told}: {' '.join(str(cause).split())}") from error
    except BaseException:
        await kind.engine.dispose()
        raise
    return Database(kind)


def _kind(text: str) -> Kind:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password and is therefore not repeated.
        forms = f"{sqlite.DRIVER}:///<path> or {postgresql.DRIVER}://<role>:<password>@<host>/<database>"
        raise ConfigError(f"DATABASE_URL: not a URL of the form {forms}") from error
    if url.drivername == sqlite.DRIVER:
        return sqlite.SQLite(url)
    if url.drivername == postgresql.DRIVER:
        return postgresql.PostgreSQL(url)
    supported = f"{sqlite.DRIVER} and {postgresql.DRIVER} are"
    raise ConfigError(f"DATABASE_URL: {url.drivername} is not supported, {supported}")


def _migrate(connection: Connection, versions: Path) -> None:
    config = Config()
    for name, value in {
        "script_location": str(ENVIRONMENT),
        "version_locations": str(versions),
        "path_separator": "newline",
    }.items():
        config.set_main_option(name, value.replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    reached = set(MigrationContext.configure(connection).get_current_heads())
    # During a rollout, and after one that was taken back, older code starts on what newer code has migrated: migrations
    # only add what older code can do without, so there is nothing to be done.
    if reached <= known:
        command.upgrade(config, "head")
    else:
        logger.warning("the database was migrated by newer code", extra={"revisions": sorted(reached - known)})
