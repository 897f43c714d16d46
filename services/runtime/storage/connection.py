"""The connection of a transaction, the same for every database."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import CursorResult, Executable

Parameters: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Rows: TypeAlias = CursorResult[*tuple[Any, ...]]
ResultT = TypeVar("ResultT")


class Connection(Protocol):
    """Executes the statements of one transaction.

    SQLAlchemy needs ten times as long to build a statement as to execute one that it knows. So build a statement once,
    in a module, with `bindparam` for its values, and pass the values as `parameters`.
    """

    async def execute(self, statement: Executable, parameters: Parameters | None = None, /) -> Rows:
        """Execute a statement with its parameters, or once for each mapping in a list of them."""

    async def scalar(self, statement: Executable, parameters: Mapping[str, Any] | None = None, /) -> Any:  # noqa: ANN401  # any column
        """Execute a query, and return the first column of its first row; None if it has no rows."""

    def begin_nested(self) -> AbstractAsyncContextManager[Any]:
        """Open a savepoint. An exception in its block undoes the statements of the block, not the transaction."""

    async def run_sync(self, work: Callable[..., ResultT], /, *args: Any) -> ResultT:  # noqa: ANN401  # those of `work`
        """Run `work` with SQLAlchemy's synchronous connection, for example a migration, and return its result."""
