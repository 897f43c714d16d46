"""Statements of SQLAlchemy, compiled once for a database and executed by its driver.

SQLAlchemy itself needs several times as long to execute a simple statement as the driver.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NoReturn, Self, TypeAlias

from sqlalchemy import Dialect, Executable
from sqlalchemy.exc import DBAPIError

# More than a service has. It limits the memory that statements take which are built again for each call.
MAX_COMPILED = 500

Row: TypeAlias = Any
"""A row of a result: a named tuple, with a field for each column."""
Value: TypeAlias = Any
Convert: TypeAlias = Callable[[Value], Value]


class Rows(list[Row]):
    """The rows of a result."""

    def __init__(self, rows: Iterable[Row], rowcount: int) -> None:
        super().__init__(rows)
        self.rowcount = rowcount
        """How many rows an INSERT, UPDATE or DELETE has changed."""

    def one_or_none(self) -> Row | None:
        """Return the only row; None if there is none. Raises ValueError if there are several."""
        if not self:
            return None
        [row] = self
        return row


class Statements:
    """The statements of a database. Each is compiled when it is executed for the first time."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled = lru_cache(MAX_COMPILED)(partial(Statement, dialect))

    def get(self, statement: Executable, parameters: Mapping[str, Value]) -> "Statement":
        """Return a statement, compiled for parameters of these names: INSERT and UPDATE set these columns."""
        return self._compiled(statement, *parameters)

    def raise_error(self, error: Exception, sql: str) -> NoReturn:
        """Raise an error of the driver as the error of `sqlalchemy.exc` that stands for it on every database."""
        driver: Any = self._dialect.loaded_dbapi
        # Error texts go to the log; the data of callers must not.
        raised: Any = DBAPIError.instance(sql, None, error, driver.Error, hide_parameters=True, dialect=self._dialect)
        raise raised from error


class Statement:
    """A compiled statement."""

    def __init__(self, dialect: Dialect, statement: Any, *names: str) -> None:  # noqa: ANN401  # an Executable that can be compiled
        """Compile a statement for parameters of these names. Raises ValueError if an UPDATE would set a key."""
        _check_keys(statement, names)
        # for_executemany: INSERT does not return the key that the database has generated.
        self._dialect = dialect
        self._compiled = statement.compile(dialect=dialect, column_keys=[*names] or None, for_executemany=True)
        binds = self._compiled.binds
        self._lists = [name for name in names if name in binds and binds[name].expanding]
        self._variants: dict[tuple[int, ...], _Variant] = {}
        self._row: Callable[[Iterable[Value]], Row] | None = None
        columns = getattr(statement, "selected_columns", ())
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._converted = [(index, convert) for index, convert in enumerate(processors) if convert]

    def bind(self, parameters: Mapping[str, Value]) -> tuple[str, list[Value]]:
        """Return the SQL, and the values of its placeholders. A list, which follows IN, has one for each entry."""
        if self._lists:
            parameters = {**parameters, **{name: _fill_up(parameters[name]) for name in self._lists}}
        lengths = tuple([len(parameters[name]) for name in self._lists])
        variant = self._variants.get(lengths)
        if variant is None:
            variant = self._variants[lengths] = _Variant.of(self._compiled, self._dialect, parameters)
        return variant.sql, variant.bind(parameters)

    def rows(self, columns: Iterable[str], fetched: Sequence[Sequence[Value]]) -> list[Row]:
        """Return the rows that the driver has fetched. `columns` are the names of their columns."""
        if self._row is None:
            # The columns of SQL that was written as text are known only now.
            row_type: Any = namedtuple("Row", [*columns], rename=True)  # type: ignore[misc]  # noqa: PYI024  # as above
            self._row = row_type._make
        if not self._converted:
            return [*map(self._row, fetched)]
        rows = []
        for values in map(list, fetched):
            for index, convert in self._converted:
                values[index] = convert(values[index])
            rows.append(self._row(values))
        return rows


def _check_keys(statement: Any, names: Iterable[str]) -> None:  # noqa: ANN401  # as above
    # A key that is set to its old value looks harmless. SQLite then reads every table that refers to it, to the end.
    if getattr(statement, "is_update", False):
        keys = {column.name for column in statement.table.primary_key}.intersection(names)
        if keys:
            raise ValueError(f"an UPDATE of {statement.table.name} sets its key: {', '.join(sorted(keys))}")


def _fill_up(values: Sequence[Value]) -> Sequence[Value]:
    """Repeat the last value of a list up to the next power of two, so that its statement has few variants."""
    missing = (1 << (len(values) - 1).bit_length()) - len(values) if values else 0
    return [*values, *[*values[-1:]] * missing]


@dataclass(frozen=True, slots=True)
class _Variant:
    """The SQL of a statement for lists of certain lengths, and where its values come from."""

    sql: str
    constants: Sequence[Value]
    """A value for each placeholder. Those that are in `sources` are replaced."""
    sources: Sequence[tuple[int, str, int | None, Convert | None]]
    """(placeholder, parameter, index in the parameter if it is a list, conversion for the driver)."""

    @classmethod
    def of(cls, compiled: Any, dialect: Dialect, parameters: Mapping[str, Value]) -> Self:  # noqa: ANN401  # SQLCompiler, which declares less
        """Expand a compiled statement for parameters like these. SQLAlchemy reports those that are missing."""
        state = compiled.construct_expanded_state(parameters)
        lists = {
            expanded: (name, index)
            for name, entries in state.parameter_expansion.items()
            for index, expanded in enumerate(entries)
        }
        constants: list[Value] = []
        sources: list[tuple[int, str, int | None, Convert | None]] = []
        for position, placeholder in enumerate(state.positiontup):
            name, index = lists.get(placeholder, (placeholder, None))
            convert = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            if name in parameters:
                constants.append(None)
                sources.append((position, name, index, convert))
            else:
                value = state.parameters[placeholder]
                constants.append(convert(value) if convert else value)
        return cls(state.statement, constants, sources)

    def bind(self, parameters: Mapping[str, Value]) -> list[Value]:
        """Return the values of the placeholders."""
        values = [*self.constants]
        for position, name, index, convert in self.sources:
            value = parameters[name] if index is None else parameters[name][index]
            values[position] = value if convert is None else convert(value)
        return values
