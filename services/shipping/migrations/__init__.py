"""Alembic revisions. A rollout runs old and new code on one schema: add first, remove once no running code needs it."""
