"""Add the scope of requests, within which a request_id is unique."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column that may be empty: the previous release can run beside this one, and stores no scopes."""
    op.add_column("requests", sa.Column("scope", sa.String))
