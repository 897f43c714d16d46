"""The revisions of a database: which it has, which the code brings, and the migrations between them."""

import logging
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

ALEMBIC_ENVIRONMENT = Path(__file__).parent / "migrations"
VERSION_TABLE = table("alembic_version", column("version_num"))

logger = logging.getLogger(__name__)


def migrate(connection: Connection, versions: Path) -> None:
    """Run the migrations in the folder `versions` that the database lacks.

    A database that newer code has migrated further stays as it is.
    """
    if _applied(connection) != {newest_revision(versions)}:
        _upgrade(connection, versions)


def newest_revision(versions: Path) -> str:
    """Return the revision of the last file in `versions`: "0002" of 0002_editing.py. Return "" if there is none."""
    return max((file.name for file in versions.glob("[0-9]*.py")), default="").partition("_")[0]


def _applied(connection: Connection) -> set[str]:
    if not inspect(connection).has_table(VERSION_TABLE.name):
        return set()
    return set(connection.scalars(select(VERSION_TABLE.c.version_num)))


def _upgrade(connection: Connection, versions: Path) -> None:
    # Imported here because Alembic takes 60 ms and 11 MiB, and most processes start on a database that is up to date.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    for name, value in {
        "script_location": str(ALEMBIC_ENVIRONMENT),
        "version_locations": str(versions),
        "path_separator": "newline",
    }.items():
        config.set_main_option(name, value.replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    applied = _applied(connection)
    # During a rollout, and after one was rolled back, older code starts on a database that newer code has migrated.
    # Migrations only add what older code can do without, so there is nothing to do.
    if applied <= known:
        command.upgrade(config, "head")
    else:
        logger.warning("the database was migrated by newer code", extra={"revisions": sorted(applied - known)})
