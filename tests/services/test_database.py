"""Transactions and migrations are atomic, even if they are interrupted, and migrations run once. On each backend."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, bindparam, column, inspect, select, table, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from services.runtime.storage import Connection, Database, UtcDateTime
from services.runtime.storage.database import open_database
from tests.support.clock import Stopwatch
from tests.support.databases import Databases, connect

MIGRATION = '''
"""Create a table."""
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("pairs", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer, sa.CheckConstraint("b >= 0")))
'''
BROKEN = """
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("INSERT INTO pairs VALUES (1, 1)")
    op.execute("CREATE TABLE half (a INTEGER)")
    op.execute("SELECT * FROM nowhere")
"""
NEWER = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("triples", sa.Column("a", sa.Integer))
"""


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "100% versions"
    folder.mkdir()
    (folder / "0001_pairs.py").write_text(MIGRATION, encoding="utf-8")
    return folder


@pytest.fixture
def url(storage: Databases, tmp_path: Path) -> str:
    return storage.url(tmp_path / "new" / "folder", "test")


@pytest.fixture
async def database(url: str, versions: Path) -> AsyncIterator[Database]:
    opened = await open_database(url, versions)
    yield opened
    await opened.close()


async def insert(database: Database, a: int, b: int) -> None:
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO pairs VALUES (:a, :a)"), {"a": a})
        await connection.execute(text("UPDATE pairs SET b = :b WHERE a = :a"), {"a": a, "b": b})


async def rows(database: Database) -> list[tuple[int, int]]:
    async with database.read() as connection:
        return [(row.a, row.b) for row in await connection.execute(text("SELECT a, b FROM pairs ORDER BY a"))]


async def test_a_transaction_that_raises_changes_nothing(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await insert(database, 1, -1)
    assert await rows(database) == []


INSERT_PAIR = text("INSERT INTO pairs VALUES (:a, :b)")


async def test_a_deferred_statement_takes_effect_before_the_next_one_and_with_the_commit(database: Database) -> None:
    async with database.write() as connection:
        await connection.defer(INSERT_PAIR, [{"a": 1, "b": 1}, {"a": 2, "b": 2}])
        assert await connection.scalar(text("SELECT count(*) FROM pairs")) == 2
        await connection.defer(INSERT_PAIR, {"a": 3, "b": 3})
    assert await rows(database) == [(1, 1), (2, 2), (3, 3)]


async def test_a_deferred_statement_that_fails_fails_its_transaction(database: Database) -> None:
    async def insert_two() -> None:
        async with database.write() as connection:
            await connection.defer(INSERT_PAIR, {"a": 1, "b": -1})
            await connection.defer(INSERT_PAIR, {"a": 2, "b": 2})

    with pytest.raises(IntegrityError):
        await insert_two()
    assert await rows(database) == []
    await insert(database, 3, 3)
    assert await rows(database) == [(3, 3)]


async def test_a_statement_that_fails_in_a_savepoint_takes_only_the_savepoint_with_it(database: Database) -> None:
    async def insert_two(connection: Connection) -> None:
        async with connection.begin_nested():
            await connection.defer(INSERT_PAIR, {"a": 2, "b": 2})
            await connection.defer(INSERT_PAIR, {"a": 3, "b": -3})

    async with database.write() as connection:
        await connection.defer(INSERT_PAIR, {"a": 1, "b": 1})
        with pytest.raises(IntegrityError):
            await insert_two(connection)
        await connection.defer(INSERT_PAIR, {"a": 4, "b": 4})
    assert await rows(database) == [(1, 1), (4, 4)]


async def test_a_list_as_a_parameter_may_have_any_length(database: Database) -> None:
    for number in range(3):
        await insert(database, number, number)
    pairs = table("pairs", column("a", Integer))
    among = select(pairs).where(pairs.c.a.in_(bindparam("some", expanding=True))).order_by(pairs.c.a)
    async with database.read() as connection:
        for some in ([], [1], [0, 2], [0, 1, 2], [1]):
            assert [row.a for row in await connection.execute(among, {"some": some})] == some
        assert await connection.execute(among, {"some": [7]}) == []


async def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    await insert(database, 1, 1)
    async with database.read() as connection:
        before = await connection.scalar(text("SELECT count(*) FROM pairs"))
        await insert(database, 2, 2)
        assert await connection.scalar(text("SELECT count(*) FROM pairs")) == before == 1
    assert len(await rows(database)) == 2


async def test_read_then_write_in_one_transaction_loses_no_update(database: Database, url: str, versions: Path) -> None:
    await insert(database, 1, 0)
    replica = await open_database(url, versions)

    async def increment(opened: Database) -> None:
        async with opened.write() as connection:
            b = await connection.scalar(text("SELECT b FROM pairs"))
            await connection.execute(text("UPDATE pairs SET b = :b"), {"b": b + 1})

    await asyncio.gather(*(increment(opened) for opened in (database, replica) for _ in range(20)))
    assert await rows(database) == [(1, 40)]
    await replica.close()


async def test_times_and_amounts_are_read_as_they_were_written(database: Database, url: str) -> None:
    stored = Table("stored", MetaData(), Column("time", UtcDateTime), Column("cents", BigInteger))
    tokyo = datetime(2026, 11, 23, 3, 14, 15, 926535, timezone(timedelta(hours=9)))
    with connect(url) as setup:
        stored.create(setup)
    async with database.write() as connection:
        await connection.execute(stored.insert(), {"time": tokyo, "cents": 2**53 + 1})
    async with database.read() as connection:
        [row] = await connection.execute(select(stored))
    assert (row.time, row.time.utcoffset(), row.cents) == (tokyo, timedelta(), 2**53 + 1)


async def test_writers_that_are_cancelled_leave_complete_rows_and_a_working_database(
    database: Database,
) -> None:
    generator = random.Random(7)  # noqa: S311  # times, not secrets
    stopwatch = Stopwatch()
    await insert(database, 999, 1999)
    duration = stopwatch.elapsed()

    async def attempt(number: int) -> bool:
        writer = asyncio.create_task(insert(database, number, number + 1000))
        await duration.sleep(generator.uniform(0, 5))
        writer.cancel()
        await asyncio.wait([writer])
        return writer.cancelled()

    cancelled = 0
    for number in range(0, 150, 3):
        cancelled += sum(await asyncio.gather(*(attempt(number + offset) for offset in range(3))))
    await insert(database, 1000, 2000)
    complete = await rows(database)
    assert all(b == a + 1000 for a, b in complete)
    # How many depends on the machine. One that is cancelled during its commit has written its row all the same.
    assert cancelled > 0
    assert len(complete) >= 152 - cancelled


async def test_many_processes_open_a_database_and_it_is_migrated_once(url: str, versions: Path) -> None:
    databases = await asyncio.gather(*(asyncio.to_thread(asyncio.run, open_and_read(url, versions)) for _ in range(6)))
    assert databases == [[]] * 6


async def open_and_read(url: str, versions: Path) -> list[tuple[int, int]]:
    """Open the database, read its rows and close it, in a separate event loop."""
    database = await open_database(url, versions)
    try:
        return await rows(database)
    finally:
        await database.close()


async def test_opening_again_keeps_the_data(url: str, versions: Path, database: Database) -> None:
    await insert(database, 1, 2)
    assert await open_and_read(url, versions) == [(1, 2)]


async def test_a_migration_that_fails_leaves_the_database_as_it_was(
    url: str, versions: Path, database: Database
) -> None:
    (versions / "0002_broken.py").write_text(BROKEN, encoding="utf-8")
    with pytest.raises(DatabaseError, match="nowhere"):
        await open_database(url, versions)
    assert await rows(database) == []
    with connect(url) as reader:
        assert sorted(inspect(reader).get_table_names()) == ["alembic_version", "pairs"]
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "0001"


async def test_older_code_works_on_a_database_that_newer_code_has_migrated(
    url: str, versions: Path, database: Database
) -> None:
    await insert(database, 1, 2)
    (versions / "0002_newer.py").write_text(NEWER, encoding="utf-8")
    await (await open_database(url, versions)).close()
    (versions / "0002_newer.py").unlink()
    older = await open_database(url, versions)
    await insert(older, 3, 4)
    assert await rows(older) == [(1, 2), (3, 4)]
    async with older.read() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "0002"
    await older.close()
