"""Each service's migrations create exactly the tables that its code declares, on every database."""

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect

from services.runtime.events.inbox import inbox
from services.runtime.events.outbox import lease, outbox
from services.runtime.storage.database import open_database
from services.runtime.storage.idempotency import requests
from services.runtime.storage.revisions import ALEMBIC_ENVIRONMENT, newest_revision
from tests.support.databases import Databases, connect

SERVICES = Path(__file__).parent.parent.parent / "services"
STORES = sorted(store.parent for store in SERVICES.glob("*/store.py"))


@pytest.mark.parametrize("folder", STORES, ids=lambda folder: str(folder.name))
async def test_migrations_and_tables_agree(folder: Path, storage: Databases, tmp_path: Path) -> None:
    tables: MetaData = importlib.import_module(f"services.{folder.name}.store").metadata
    url = storage.url(tmp_path, folder.name)
    await (await open_database(url, folder / "migrations")).close()

    def compare(connection: Connection) -> list[object]:
        expected = MetaData()
        for table in tables.tables.values():
            table.to_metadata(expected)
        # Not every service has all tables of the runtime: without writes it needs no table of requests.
        existing = inspect(connection).get_table_names()
        for table in (requests, inbox, outbox, lease):
            if table.name in existing:
                table.to_metadata(expected)
        return list(compare_metadata(MigrationContext.configure(connection), expected))

    with connect(url) as connection:
        assert compare(connection) == []


@pytest.mark.parametrize("folder", STORES, ids=lambda folder: str(folder.name))
def test_the_names_of_the_migrations_are_in_the_order_of_their_revisions(folder: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(ALEMBIC_ENVIRONMENT))
    config.set_main_option("version_locations", str(folder / "migrations"))
    config.set_main_option("path_separator", "newline")
    directory = ScriptDirectory.from_config(config)
    scripts = sorted(directory.walk_revisions(), key=lambda script: Path(script.path).name)
    assert [script.down_revision for script in scripts] == [None, *(script.revision for script in scripts[:-1])]
    assert newest_revision(folder / "migrations") == directory.get_current_head()
