"""The schema's history, as Alembic revisions. A revision removes only what no running release uses."""
