"""Alembic's environment, the same for every service: runs migrations in the transaction that database.py began."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
