"""A rollout: two releases use the same databases, which newer code migrates while older code is running."""

import shutil
from pathlib import Path

import pytest

from services.runtime.rpc.principal import HEADER
from services.runtime.storage.database import open_database
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc
from tests.compatibility.conftest import TwoReleases, start_all
from tests.compatibility.test_previous_release import assert_served
from tests.support.checkout import ROOT
from tests.support.errors import refused
from tests.support.processes import Process
from tests.support.shop import new_id

# A migration of the next release, with changes that older code must tolerate.
NEXT = '''
"""An expansion."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{newest}"


def upgrade() -> None:
    for table in sa.inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.add_column(table, sa.Column("of_the_next_release", sa.String(64)))
    op.create_table("of_the_next_release", sa.Column("id", sa.String(64), primary_key=True))
'''


async def migrate(process: Process, versions: Path) -> None:
    """Apply migrations to the database of a running process."""
    await (await open_database(process.database_url, versions)).close()


@pytest.mark.prove
async def test_each_release_works_with_databases_that_a_later_one_has_migrated(two_releases: TwoReleases) -> None:
    older = two_releases.shop("previous")
    for name, process in older.items():
        await migrate(process, ROOT / "services" / name / "migrations")
    assert_served(two_releases.call("previous", older))

    for name, process in older.items():
        versions = two_releases.folder / "migrations" / name
        shutil.copytree(ROOT / "services" / name / "migrations", versions)
        newest = max(versions.glob("0*.py")).name.partition("_")[0]
        (versions / "next.py").write_text(NEXT.format(newest=newest), encoding="utf-8")
        await migrate(process, versions)
    ours = start_all(two_releases.start(ROOT), older)
    assert_served(two_releases.call("this", older))
    assert_served(two_releases.call("previous", ours))


async def test_a_request_that_reaches_both_releases_takes_effect_once(two_releases: TwoReleases) -> None:
    older = two_releases.start(two_releases.releases["previous"].tree)("inventory", folder="older")
    ours = two_releases.start(ROOT)("inventory", {"DATABASE_URL": older.database_url}, folder="ours")
    ada, bob = f"users/{new_id()}", f"users/{new_id()}"

    async def receive(process: Process, user: str, request_id: str, pieces: int = 1) -> int:
        """Receive pieces, and return how many have been received."""
        request = inventory_pb2.ReceiveStockRequest(request_id=request_id, name="stocks/rollout", pieces=pieces)
        async with process.channel() as channel:
            stub = inventory_pb2_grpc.InventoryServiceStub(channel)
            return (await stub.ReceiveStock(request, metadata=[(HEADER, user)])).stock.received

    assert [await receive(process, ada, "first-to-old") for process in (older, ours, older)] == [1, 1, 1]
    assert [await receive(process, ada, "first-to-ours") for process in (ours, older, ours)] == [2, 2, 2]
    assert [await receive(ours, bob, "first-to-ours", pieces=2) for _ in range(2)] == [4, 4]
    error = await refused(receive(older, bob, "first-to-ours", pieces=2))
    assert error.reason == "REQUEST_ID_REUSED", "older code knows only one request with this id: nothing happens twice"
    assert await receive(ours, ada, "first-to-ours") == 2, "the stored reply"
