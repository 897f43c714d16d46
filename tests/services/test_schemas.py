"""Each service's migrations make the tables that its code speaks of, on every database: neither more nor less."""

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect

from services.runtime.events.inbox import inbox
from services.runtime.events.outbox import lease, outbox
from services.runtime.storage.database import open_database
from services.runtime.storage.idempotency import requests
from tests.services.databases import Databases

SERVICES = Path(__file__).parent.parent.parent / "services"
STORES = sorted(store.parent for store in SERVICES.glob("*/store.py"))


@pytest.mark.parametrize("folder", STORES, ids=lambda folder: str(folder.name))
async def test_migrations_and_tables_agree(folder: Path, storage: Databases, tmp_path: Path) -> None:
    tables: MetaData = importlib.import_module(f"services.{folder.name}.store").metadata
    database = await open_database(storage.url(tmp_path, folder.name), folder / "migrations")

    def difference(connection: Connection) -> list[object]:
        wanted = MetaData()
        for table in tables.tables.values():
            table.to_metadata(wanted)
        # Not every service has all of the runtime's tables: one whose writes carry no request_id keeps none of them.
        made = inspect(connection).get_table_names()
        for table in (requests, inbox, outbox, lease):
            if table.name in made:
                table.to_metadata(wanted)
        return list(compare_metadata(MigrationContext.configure(connection), wanted))

    async with database.read() as connection:
        found = await connection.run_sync(difference)
    await database.close()
    assert found == []
