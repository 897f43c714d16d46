"""SQLite: transactions that wait at the same time share a commit, and still succeed or fail alone."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from services.runtime.storage import Connection, Database, WriteConflictError
from services.runtime.storage.database import open_database
from tests.support.clock import eventually

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("numbers", sa.Column("a", sa.Integer, primary_key=True))
"""
INSERT = text("INSERT INTO numbers VALUES (:a)")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "0001_numbers.py").write_text(MIGRATION, encoding="utf-8")
    opened = await open_database(f"sqlite:///{tmp_path}/test.db", versions)
    yield opened
    await opened.close()


def commits(folder: Path) -> int:
    """Return the number of commits in the database's WAL: the frames that say how large the database is after them.

    https://www.sqlite.org/fileformat2.html#walformat
    """
    wal = (folder / "test.db-wal").read_bytes()
    page_size = int.from_bytes(wal[8:12])
    frames = range(32, len(wal), 24 + page_size)
    return sum(wal[start + 4 : start + 8] != bytes(4) for start in frames)


async def insert(database: Database, number: int) -> None:
    async with database.write() as connection:
        await connection.execute(INSERT, {"a": number})


async def numbers(database: Database) -> list[int]:
    async with database.read() as connection:
        return [row.a for row in await connection.execute(text("SELECT a FROM numbers ORDER BY a"))]


async def test_writers_that_wait_at_the_same_time_share_a_commit(database: Database, tmp_path: Path) -> None:
    await insert(database, 0)
    before = commits(tmp_path)
    await asyncio.gather(*(insert(database, number) for number in range(1, 21)))
    assert commits(tmp_path) == before + 1
    assert await numbers(database) == [*range(21)]


async def test_a_writer_that_fails_takes_nothing_from_those_that_share_its_commit(
    database: Database, tmp_path: Path
) -> None:
    await insert(database, 0)
    before = commits(tmp_path)
    results = await asyncio.gather(*(insert(database, number) for number in (1, 2, 1, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), IntegrityError, type(None)]
    assert (await numbers(database), commits(tmp_path)) == ([0, 1, 2, 3], before + 1)


async def test_no_writer_succeeds_in_a_transaction_that_sqlite_has_rolled_back(database: Database) -> None:
    """As after a full disk, when SQLite rolls back by itself."""

    async def roll_back() -> None:
        async with database.write() as connection:
            await connection.execute(text("ROLLBACK"))
            raise OSError("disk full")

    results = await asyncio.gather(insert(database, 1), roll_back(), insert(database, 2), return_exceptions=True)
    assert [type(result) for result in results] == [WriteConflictError, OSError, WriteConflictError]
    assert await numbers(database) == []
    await insert(database, 3)
    assert await numbers(database) == [3]


async def test_a_savepoint_that_fails_raises_an_error_of_sqlalchemy(database: Database) -> None:
    """The consumer of events ends its run on it; it would take an error of the driver for a fault of the event."""

    async def release_too_often(connection: Connection) -> None:
        async with connection.begin_nested():
            for _ in range(2):
                await connection.execute(text("RELEASE block"))

    async with database.write() as connection:
        with pytest.raises(OperationalError, match="no such savepoint"):
            await release_too_often(connection)
        # The savepoint of the writer, which the test has released too.
        await connection.execute(text("SAVEPOINT block"))


async def test_a_reader_whose_transaction_sqlite_has_ended_gets_its_own_error(database: Database) -> None:
    async def fail() -> None:
        async with database.read() as connection:
            await connection.execute(text("ROLLBACK"))
            raise OSError("cannot read the file")

    with pytest.raises(OSError, match="cannot read"):
        await fail()
    assert await numbers(database) == []


async def test_a_writer_waits_for_another_process_while_readers_and_the_loop_go_on(
    database: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writers = [asyncio.create_task(insert(database, number)) for number in range(3)]
    for _ in range(10):
        assert await numbers(database) == []
        await asyncio.sleep(0)
    assert not any(writer.done() for writer in writers)
    other.execute("ROLLBACK")
    other.close()
    await asyncio.gather(*writers)
    assert await numbers(database) == [0, 1, 2]


async def test_a_writer_that_is_cancelled_while_it_waits_leaves_the_next_one_its_turn(
    database: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cancelled = asyncio.create_task(insert(database, 1))
    waiting = asyncio.create_task(insert(database, 2))
    await asyncio.sleep(0)
    cancelled.cancel()
    other.execute("ROLLBACK")
    other.close()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await waiting
    assert await numbers(database) == [2]


async def test_a_writer_that_is_cancelled_during_the_commit_takes_it_from_no_other(database: Database) -> None:
    writers = [asyncio.create_task(insert(database, number)) for number in range(3)]
    # All have written, and the commit is running or about to start.
    await asyncio.sleep(0)
    writers[1].cancel()
    results = await asyncio.gather(*writers, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert (results[0], results[2]) == (None, None)
    async for attempt in eventually():
        with attempt:
            assert await numbers(database) == [0, 1, 2]
