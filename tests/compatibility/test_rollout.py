"""A rollout: two releases at once over the same databases, which newer code has migrated while older code goes on."""

import shutil
from pathlib import Path

from services.runtime.storage.database import open_database
from tests.compatibility.conftest import Beside, bring_up
from tests.compatibility.test_previous_release import assert_served
from tests.services.harness import ROOT, Process

# What the release after this one may do to every table: whatever code of before can do without.
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
    """Bring a process's database as far as these migrations go, while it serves."""
    await (await open_database(process.database_url, versions)).close()


async def test_each_release_goes_on_where_a_later_one_has_migrated_the_databases(beside: Beside) -> None:
    older = beside.shop("previous")
    for name, process in older.items():
        await migrate(process, ROOT / "services" / name / "migrations")
    assert_served(beside.call("previous", older))

    for name, process in older.items():
        versions = beside.folder / "migrations" / name
        shutil.copytree(ROOT / "services" / name / "migrations", versions)
        newest = max(versions.glob("0*.py")).name.partition("_")[0]
        (versions / "next.py").write_text(NEXT.format(newest=newest), encoding="utf-8")
        await migrate(process, versions)
    ours = bring_up(beside.start(ROOT), older)
    assert_served(beside.call("this", older))
    assert_served(beside.call("previous", ours))
