"""The schema's history, as Alembic revisions: additions first, removals only when no running code needs them."""
