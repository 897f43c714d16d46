"""A connection to PostgreSQL that sends any number of statements in one round trip, with libpq's pipeline mode.

psycopg has pipelines too. They send each statement by itself and wait for the socket in between, which takes three
times as long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import AsyncConnection, OperationalError
from psycopg.abc import Buffer, PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready, Wait

from services.runtime.storage.statements import Value

Command: TypeAlias = tuple[str, Sequence[Value]]
"""SQL with placeholders $1, $2, …, and their values."""

# A service has fewer. It limits what the server remembers for a connection if SQL is built again for each call.
MAX_PREPARED = 200


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a command: its rows, the names of their columns, how many rows it has changed, and its tag."""

    rows: Sequence[Sequence[Value]]
    columns: Iterable[str]
    rowcount: int
    tag: str


@dataclass(frozen=True, slots=True)
class _Dumped:
    """A command as libpq sends it."""

    sql: bytes
    values: Sequence[Buffer | None]
    types: tuple[int, ...]
    formats: Sequence[int] | None


class Session:
    """A connection of psycopg, and the statements that its server has prepared."""

    def __init__(self, driver: AsyncConnection) -> None:
        self.driver = driver
        self._adapter = Transformer(driver)
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._names = 0

    async def send(self, commands: Iterable[Command]) -> Result:
        """Execute commands in one round trip, and return the result of the last one.

        After one that fails none is executed. Raises its error, one of psycopg.
        """
        dumped = [self._dump(sql, values) for sql, values in commands]
        async with self.driver.lock:
            results = await self.driver.wait(self._exchange(dumped))
        return self._load(results[-1])

    def _dump(self, sql: str, values: Sequence[Value]) -> _Dumped:
        adapter = self._adapter
        if not values:
            return _Dumped(sql.encode(), (), (), None)
        buffers = adapter.dump_sequence(values, [PyFormat.AUTO] * len(values))
        return _Dumped(sql.encode(), buffers, tuple(adapter.types or ()), adapter.formats)

    def _load(self, result: PGresult) -> Result:
        rows: Sequence[Sequence[Value]] = ()
        if result.ntuples:
            self._adapter.set_pgresult(result)
            rows = self._adapter.load_rows(0, result.ntuples, tuple)
        columns = ((result.fname(number) or b"").decode() for number in range(result.nfields))
        return Result(rows, columns, result.command_tuples or 0, (result.command_status or b"").decode())

    def _exchange(self, commands: Sequence[_Dumped]) -> PQGen[list[PGresult]]:
        """Send commands, and return all results. Yields what it waits for, as psycopg's `wait` expects."""
        connection = self.driver.pgconn
        new: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        try:
            connection.enter_pipeline_mode()
            for command in commands:
                self._enqueue(command, new)
            connection.pipeline_sync()
            while connection.flush():
                # The server reads no further commands as long as the results of the first ones are not read.
                if (yield Wait.RW) != Ready.W:
                    connection.consume_input()
            results = yield from self._read()
            connection.exit_pipeline_mode()
        except BaseException:
            # The state of the connection is unknown.
            connection.finish()
            raise
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise error_from_result(result, encoding=self.driver.info.encoding)
        self._prepared |= new
        return results

    def _enqueue(self, command: _Dumped, new: dict[tuple[bytes, tuple[int, ...]], bytes]) -> None:
        """Add a command to the pipeline. One that is new is prepared first, and added to `new`."""
        connection = self.driver.pgconn
        key = (command.sql, command.types)
        name = self._prepared.get(key) or new.get(key)
        if name is None and len(self._prepared) + len(new) < MAX_PREPARED:
            self._names += 1
            name = new[key] = f"statement_{self._names}".encode()
            connection.send_prepare(name, command.sql, param_types=command.types)
        if name is None:
            types, formats = command.types, command.formats
            connection.send_query_params(command.sql, command.values, param_types=types, param_formats=formats)
        else:
            connection.send_query_prepared(name, command.values, param_formats=command.formats)

    def _read(self) -> PQGen[list[PGresult]]:
        """Read results up to the end of the pipeline."""
        connection = self.driver.pgconn
        results: list[PGresult] = []
        while True:
            while connection.is_busy():
                yield Wait.R
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                # The end of the results of one command, unless the connection is lost.
                if connection.status == ConnStatus.BAD:
                    raise OperationalError("the connection is lost")
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return results
            else:
                results.append(result)
