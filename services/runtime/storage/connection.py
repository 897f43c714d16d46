"""The connection of a transaction, the same for every database."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from sqlalchemy import Executable

from services.runtime.storage.statements import Rows, Value

Parameters: TypeAlias = Mapping[str, Value] | Sequence[Mapping[str, Value]]
NO_PARAMETERS: Mapping[str, Value] = {}


class Connection(Protocol):
    """Executes the statements of one transaction.

    SQLAlchemy needs a hundred times as long to compile a statement as a driver to execute it. So build a statement
    once, in a module, with `bindparam` for its values, and pass the values as `parameters`.
    """

    async def execute(self, statement: Executable, parameters: Mapping[str, Value] = NO_PARAMETERS, /) -> Rows:
        """Execute a statement, and return its rows."""

    async def scalar(self, statement: Executable, parameters: Mapping[str, Value] = NO_PARAMETERS, /) -> Value:
        """Execute a query, and return the first column of its first row; None if it has no rows."""

    async def defer(self, statement: Executable, parameters: Parameters, /) -> None:
        """Execute a statement whose result is not needed: once, or once for each mapping in a list of parameters.

        PostgreSQL gets it together with the next `execute`, or with the commit, which also raises its errors.
        """

    async def lock_name(self, name: str, /) -> None:
        """Lock `name` until the transaction ends, before its next statement: for what has no row yet to lock.

        The next statement waits for another transaction that holds it. SQLite has a single writer anyway.
        """

    def begin_nested(self) -> AbstractAsyncContextManager[None]:
        """Open a savepoint. An exception in its block undoes the statements of the block, not the transaction."""
