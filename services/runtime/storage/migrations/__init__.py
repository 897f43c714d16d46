"""The Alembic environment. Each service keeps its revisions in services/<name>/migrations."""
