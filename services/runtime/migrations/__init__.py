"""Alembic's environment; each service keeps its own versions in services/<name>/migrations."""
