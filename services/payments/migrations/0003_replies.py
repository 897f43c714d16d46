"""Stored replies of requests, and an index to find expired requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a nullable column: older code that still runs stores no replies."""
    op.add_column("requests", sa.Column("reply", sa.LargeBinary))
    op.create_index("requests_by_create_time", "requests", ["create_time"])
