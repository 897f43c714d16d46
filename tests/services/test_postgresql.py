"""PostgreSQL only: permissions, locks between transactions, and errors."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from services.runtime.events import inbox
from services.runtime.storage import (
    Connection,
    Database,
    DatabaseBusyError,
    DatabaseUnavailableError,
    WriteConflictError,
)
from services.runtime.storage.database import open_database
from services.runtime.storage.postgresql import PostgreSQL
from services.runtime.storage.session import MAX_PREPARED
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from tests.support import postgresql
from tests.support.clock import eventually
from tests.support.databases import connect, query
from tests.support.errors import refused
from tests.support.metrics import value as metric
from tests.support.postgresql import Server
from tests.support.starters import Start

MIGRATION = """
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE numbers (id INTEGER PRIMARY KEY, value INTEGER)")
    op.execute("INSERT INTO numbers VALUES (1, 0), (2, 0)")
"""
# Longer than a transaction that waits for no lock.
TRANSACTION_SECONDS = 0.3


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "0001_numbers.py").write_text(MIGRATION, encoding="utf-8")
    return folder


@pytest.fixture
def url(server: Server, tmp_path: Path) -> str:
    return server.url(tmp_path, "test")


@pytest.fixture
async def replicas(url: str, versions: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Open one database twice, as two processes do: lock_timeout is 2 s, idle transactions are ended after 1 s."""
    # PostgreSQL finds a deadlock after 1 s by default.
    options = {"options": "-c lock_timeout=2s -c idle_in_transaction_session_timeout=1s"}
    url = make_url(url).update_query_dict(options, append=True).render_as_string(hide_password=False)
    opened = await open_database(url, versions), await open_database(url, versions)
    yield opened
    for database in opened:
        await database.close()


async def increment(connection: Connection, row: int = 1) -> None:
    """Read and write a row. It is locked, as a shared write requires."""
    locked = text("SELECT value FROM numbers WHERE id = :id FOR UPDATE")
    value = await connection.scalar(locked, {"id": row})
    await connection.execute(text("UPDATE numbers SET value = :value WHERE id = :id"), {"id": row, "value": value + 1})


async def lock(connection: Connection, name: str) -> None:
    """Lock a name now. By itself it is locked together with the next statement."""
    await connection.lock_name(name)
    await connection.scalar(text("SELECT 1"))


async def write(database: Database, row: int = 1, *, shared: bool) -> None:
    async with database.write(shared=shared) as connection:
        await increment(connection, row)


async def value(database: Database, row: int = 1) -> object:
    async with database.read() as connection:
        return await connection.scalar(text("SELECT value FROM numbers WHERE id = :id"), {"id": row})


def login(url: str, database: str) -> None:
    """Log in to a database with the role and password of a URL."""
    own = make_url(url)
    psycopg.connect(host=str(own.query["host"]), user=own.username, password=own.password, dbname=database).close()


def test_a_role_cannot_log_in_to_the_database_of_another(server: Server, tmp_path: Path) -> None:
    one, other = server.url(tmp_path / "one", "catalog"), server.url(tmp_path / "other", "payments")
    login(one, str(make_url(one).database))
    for database in (str(make_url(other).database), "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            login(one, database)


@pytest.mark.parametrize(
    "statement", ["CREATE DATABASE mine", "CREATE ROLE mine", "CREATE SCHEMA mine", "SELECT * FROM pg_authid"]
)
def test_a_role_has_no_permissions_except_to_create_tables(url: str, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        query(url, statement)


def test_creating_a_database_again_changes_the_password_and_keeps_the_data(server: Server, url: str) -> None:
    own = make_url(url)
    query(url, "CREATE TABLE kept AS SELECT 1 AS a")
    server.create_database(str(own.username), "another")
    assert query(own.set(password="another").render_as_string(hide_password=False), "SELECT a FROM kept") == [(1,)]  # noqa: S106  # no real password
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        login(url, str(own.database))


@pytest.mark.parametrize(
    "wrong",
    [{"password": "wrong"}, {"database": "postgres"}, {"query": {"host": "/nowhere"}}],
    ids=lambda wrong: str(*wrong),
)
def test_a_process_without_access_to_its_database_reports_one_line(
    start: Start, url: str, wrong: dict[str, str]
) -> None:
    bad = make_url(url).set(**wrong)  # type: ignore[arg-type]  # one of its fields
    process = start("inventory", {"DATABASE_URL": bad.render_as_string(hide_password=False)}, wait=False)
    assert process.wait() == 2
    assert process.errors().startswith("inventory: DATABASE_URL: cannot use postgresql+psycopg://")
    assert process.errors().count("\n") == 1, process.errors()
    assert str(bad.password) not in process.errors().replace("password", "")


async def test_a_read_transaction_cannot_write(replicas: tuple[Database, Database]) -> None:
    async with replicas[0].read() as connection:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await increment(connection)


async def test_a_transaction_that_goes_on_after_an_error_is_not_reported_as_committed(
    replicas: tuple[Database, Database],
) -> None:
    async def ignore_an_error() -> None:
        async with replicas[0].write(shared=True) as connection:
            await increment(connection)
            with pytest.raises(DBAPIError, match="division by zero"):
                await connection.scalar(text("SELECT 1 / 0"))

    with pytest.raises(WriteConflictError):
        await ignore_an_error()
    assert await value(replicas[0]) == 0


async def test_more_statements_than_the_server_prepares_are_executed(replicas: tuple[Database, Database]) -> None:
    async with replicas[0].read() as connection:
        for number in range(MAX_PREPARED + 5):
            assert await connection.scalar(text(f"SELECT {number} + CAST(:one AS INTEGER)"), {"one": 1}) == number + 1
        prepared = await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    assert prepared == MAX_PREPARED


async def test_a_batch_may_be_larger_than_the_buffers_of_the_connection(replicas: tuple[Database, Database]) -> None:
    async with replicas[0].write(shared=True) as connection:
        echo = text("SELECT CAST(:text AS TEXT)")
        await connection.defer(echo, [{"text": "x" * 1_000_000}] * 20)
        assert await connection.scalar(echo, {"text": "last"}) == "last"


async def test_a_statement_that_cannot_be_prepared_or_sent_leaves_the_connection_usable(
    replicas: tuple[Database, Database],
) -> None:
    async def execute(statement: str, **parameters: object) -> object:
        async with replicas[0].read(snapshot=False) as connection:
            return await connection.scalar(text(statement), parameters)

    with pytest.raises(ProgrammingError, match="syntax error"):
        await execute("SELEC 1")
    with pytest.raises(ProgrammingError, match="cannot adapt"):
        await execute("SELECT :a", a=object())
    assert await execute("SELECT pg_backend_pid()") == await execute("SELECT pg_backend_pid()")


async def test_shared_writes_run_in_parallel_but_an_exclusive_write_waits_for_them(
    replicas: tuple[Database, Database],
) -> None:
    one, other = replicas
    async with one.write(shared=True) as connection:
        await increment(connection, row=1)
        await write(other, row=2, shared=True)
        exclusive = asyncio.create_task(write(other, row=2, shared=False))
        await asyncio.sleep(TRANSACTION_SECONDS)
        assert not exclusive.done()
    await exclusive
    assert (await value(one, 1), await value(one, 2)) == (1, 2)


async def test_shared_writes_that_lock_their_row_lose_no_update(replicas: tuple[Database, Database]) -> None:
    await asyncio.gather(*(write(database, shared=True) for database in replicas for _ in range(20)))
    assert await value(replicas[0]) == 40


async def test_a_name_is_locked_by_one_transaction_at_a_time(replicas: tuple[Database, Database]) -> None:
    async def lock_in_other(name: str) -> None:
        async with replicas[1].write(shared=True) as connection:
            await lock(connection, name)

    async with replicas[0].write(shared=True) as connection:
        await lock(connection, "request-1")
        await lock_in_other("request-2")
        second = asyncio.create_task(lock_in_other("request-1"))
        await asyncio.sleep(TRANSACTION_SECONDS)
        assert not second.done()
    await second


async def test_a_locked_name_may_have_any_characters(replicas: tuple[Database, Database]) -> None:
    async with replicas[0].write(shared=True) as connection:
        await connection.lock_name("a'); SELECT 1/0 -- \\ ☕")
        assert await connection.scalar(text("SELECT value FROM numbers WHERE id = 1")) == 0


async def test_a_transaction_that_waited_for_a_name_sees_what_the_one_before_it_committed(
    replicas: tuple[Database, Database],
) -> None:
    async def read() -> object:
        async with replicas[1].write(shared=True) as connection:
            await connection.lock_name("request-1")
            return await connection.scalar(text("SELECT value FROM numbers WHERE id = 1"))

    async with replicas[0].write(shared=True) as connection:
        await lock(connection, "request-1")
        second = asyncio.create_task(read())
        await asyncio.sleep(TRANSACTION_SECONDS)
        await increment(connection)
    assert await second == 1


async def open_with_idle_seconds(seconds: float, url: str, versions: Path) -> Database:
    """Open the database; connections that were idle for `seconds` are checked before use."""
    await (await open_database(url, versions)).close()
    return Database(PostgreSQL(make_url(url), idle_seconds=seconds))


def cut_connections(url: str) -> None:
    """Terminate the connections to the database of `url`, as a restart of the server does."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert all(ended for (ended,) in query(url, f"SELECT pg_terminate_backend(pid, 5000) {others}"))


async def test_a_connection_that_was_cut_while_it_was_idle_is_replaced(url: str, versions: Path) -> None:
    database = await open_with_idle_seconds(0, url, versions)
    await write(database, shared=True)
    cut_connections(url)
    await write(database, shared=True)
    assert await value(database) == 2
    await database.close()


async def test_a_connection_that_is_cut_while_it_is_in_use_fails_one_call(url: str, versions: Path) -> None:
    database = await open_with_idle_seconds(3600, url, versions)
    await write(database, shared=True)
    cut_connections(url)
    with pytest.raises(DatabaseUnavailableError):
        await write(database, shared=True)
    await write(database, shared=True)
    assert await value(database) == 2
    await database.close()


async def test_an_event_that_two_transactions_receive_at_once_is_recorded_once(
    replicas: tuple[Database, Database], url: str
) -> None:
    async def record() -> bool:
        async with replicas[1].write(shared=True) as connection:
            return await inbox.record(connection, "event-1", "type")

    with connect(url) as setup:
        inbox.metadata.create_all(setup)
    async with replicas[0].write(shared=True) as connection:
        assert await inbox.record(connection, "event-1", "type")
        second = asyncio.create_task(record())
        await asyncio.sleep(TRANSACTION_SECONDS)
        assert not second.done()
    assert not await second


async def test_one_of_two_transactions_in_a_deadlock_fails_and_the_other_commits(
    replicas: tuple[Database, Database],
) -> None:
    both = asyncio.Barrier(2)

    async def write_both(database: Database, *rows: int) -> None:
        async with database.write(shared=True) as connection:
            await increment(connection, rows[0])
            await both.wait()
            await increment(connection, rows[1])

    results = await asyncio.gather(write_both(replicas[0], 1, 2), write_both(replicas[1], 2, 1), return_exceptions=True)
    assert {type(result) for result in results} == {WriteConflictError, type(None)}
    assert (await value(replicas[0], 1), await value(replicas[0], 2)) == (1, 1)


async def test_the_database_is_busy_if_a_lock_is_not_acquired_in_time(replicas: tuple[Database, Database]) -> None:
    async with replicas[0].write() as connection:
        waiting = asyncio.create_task(write(replicas[1], shared=True))
        while not waiting.done():
            # If it were idle for too long, the server would end it.
            await increment(connection)
            await asyncio.sleep(0.1)
        with pytest.raises(DatabaseBusyError):
            await waiting


async def test_a_transaction_of_a_frozen_process_releases_its_locks(replicas: tuple[Database, Database]) -> None:
    async def freeze() -> None:
        async with replicas[0].write() as connection:
            await increment(connection)
            await asyncio.sleep(1 + TRANSACTION_SECONDS)
            await write(replicas[1], shared=False)
            await increment(connection)

    with pytest.raises(DatabaseUnavailableError):
        await freeze()
    assert await value(replicas[0]) == 1
    await write(replicas[0], shared=False)


async def test_settings_in_the_url_override_defaults(url: str, versions: Path) -> None:
    database = await open_database(f"{url}&options=-c lock_timeout=7s -c TimeZone=Asia/Tokyo", versions)
    async with database.read() as connection:
        assert await connection.scalar(text("SHOW lock_timeout")) == "7s"
        assert await connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"
        assert await connection.scalar(text("SHOW TimeZone")) == "Asia/Tokyo"
    await database.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """Start a server for this test only."""
    programs = postgresql.programs()
    if programs is None:
        pytest.skip(postgresql.MISSING)
    started = Server(programs)
    yield started
    started.close()


async def test_calls_are_unavailable_while_the_server_is_down_and_its_crash_loses_no_data(
    start: Start, own_server: Server, tmp_path: Path
) -> None:
    process = start("inventory", {"DATABASE_URL": own_server.url(tmp_path, "inventory")})
    async with process.channel() as channel:
        stub = inventory_pb2_grpc.InventoryServiceStub(channel)
        read = inventory_pb2.GetStockRequest(name="stocks/p-0001")
        line = inventory_pb2.ReservationLine(product="products/p-0001", quantity=1)
        reserve = inventory_pb2.ReserveStockRequest(request_id="restart", lines=[line])
        response = await stub.ReserveStock(reserve)
        own_server.stop(signal.SIGQUIT)  # as a crash
        for call in (stub.GetStock(read), stub.ReserveStock(reserve)):
            error = await refused(call)
            assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        async for attempt in eventually():
            with attempt:
                assert (await asyncio.to_thread(metric, process, "metrics_failures_total", source="inventory") or 0) > 0
                assert await asyncio.to_thread(metric, process, "shop_products_out_of_stock") is None
        assert (await asyncio.to_thread(metric, process, "storage_failures_total", reason="unavailable") or 0) >= 2
        assert await asyncio.to_thread(metric, process, "storage_connections", state="idle") == 0
        own_server.start()
        assert await stub.ReserveStock(reserve) == response
        assert (await stub.GetStock(read)).stock.reserved == 1
        async for attempt in eventually():
            with attempt:
                assert await asyncio.to_thread(metric, process, "shop_stock_pieces", state="reserved") == 1


async def test_a_scrape_does_not_wait_for_a_table_that_is_locked(start: Start, url: str) -> None:
    process = start("payments", {"DATABASE_URL": url})
    with connect(url) as connection:
        connection.execute(text("BEGIN"))
        connection.execute(text("LOCK TABLE payments"))
        assert await asyncio.to_thread(metric, process, "process_open_fds") is not None
        assert await asyncio.to_thread(metric, process, "shop_payments_in_state", state="CAPTURED") is None
    async for attempt in eventually():
        with attempt:
            assert await asyncio.to_thread(metric, process, "shop_payments_in_state", state="CAPTURED") == 0
