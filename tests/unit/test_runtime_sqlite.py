"""SQLite only: its settings, its single writer, its statements, errors in its URL. tests/services covers the rest."""

import gc
import sqlite3
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, insert, select, text, update
from sqlalchemy.exc import InvalidRequestError

from services.runtime.config import ConfigError
from services.runtime.storage import Database, DatabaseBusyError
from services.runtime.storage.database import open_database
from services.runtime.storage.statements import MAX_COMPILED

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("numbers", sa.Column("a", sa.Integer))
"""


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "0001_numbers.py").write_text(MIGRATION, encoding="utf-8")
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
async def database(file: Path, versions: Path) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite:///{file}?timeout=0.1", versions)
    yield opened
    await opened.close()


async def pragma(database: Database, name: str) -> object:
    async with database.read() as connection:
        return await connection.scalar(text(f"PRAGMA {name}"))


async def test_commits_are_durable_and_foreign_keys_are_enforced(database: Database) -> None:
    assert await pragma(database, "journal_mode") == "wal"
    assert await pragma(database, "synchronous") == 2  # FULL: written to disk before the commit returns
    assert await pragma(database, "foreign_keys") == 1
    assert await pragma(database, "busy_timeout") == 100


async def test_the_database_is_busy_while_another_process_holds_a_transaction(database: Database, file: Path) -> None:
    async def insert() -> None:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO numbers VALUES (1)"))

    async def count() -> object:
        async with database.read() as connection:
            return await connection.scalar(text("SELECT count(*) FROM numbers"))

    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusyError):
        await insert()
    assert await count() == 0
    other.execute("ROLLBACK")
    other.close()
    await insert()
    assert await count() == 1


async def test_statements_that_are_built_for_one_call_do_not_pile_up(database: Database) -> None:
    async with database.read() as connection:
        first = text("SELECT 1")
        assert await connection.scalar(first) == 1
        kept = weakref.ref(first)
        del first
        for _ in range(MAX_COMPILED):
            await connection.scalar(text("SELECT 2"))
    gc.collect()
    assert kept() is None


async def test_an_insert_sets_the_columns_that_it_has_values_for(database: Database) -> None:
    numbers = Table("numbers", MetaData(), Column("a", Integer), Column("b", Integer, server_default="7"))
    insert_number = insert(numbers)
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE numbers ADD b INTEGER DEFAULT 7"))
        await connection.execute(insert_number, {"a": 1})
        await connection.execute(insert_number, {"a": 2, "b": 2})
        await connection.execute(insert_number, {"b": 3, "a": 3})
        assert await connection.execute(select(numbers).order_by(numbers.c.a)) == [(1, 7), (2, 2), (3, 3)]


async def test_an_update_does_not_set_its_key(database: Database) -> None:
    """With a key in it, even an unchanged one, SQLite would read every table that refers to the row."""
    numbers = Table("numbers", MetaData(), Column("a", Integer, primary_key=True), Column("b", Integer))
    change = update(numbers).where(numbers.c.a == bindparam("key"))
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE numbers ADD b INTEGER"))
        await connection.execute(insert(numbers), {"a": 1, "b": 1})
        with pytest.raises(ValueError, match="an UPDATE of numbers sets its key: a"):
            await connection.execute(change, {"key": 1, "a": 1, "b": 2})
        await connection.execute(change, {"key": 1, "b": 3})
        assert await connection.execute(select(numbers)) == [(1, 3)]


async def test_a_statement_without_one_of_its_parameters_fails(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(InvalidRequestError, match="'a'"):
            await connection.scalar(text("SELECT :a + :b"), {"b": 1})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:swordfish@host/db",
        "postgresql://user:swordfish@host:port/db",
        "postgresql+psycopg://user:swordfish@/db?host=/nowhere&password=swordfish",
    ],
)
async def test_an_error_does_not_contain_the_password_of_the_url(url: str, versions: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        await open_database(url, versions)
    assert "swordfish" not in str(caught.value)
