"""The replies of carried-out requests, and an index to find old requests."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add a nullable column. Code of the previous revision continues to run and stores no replies."""
    op.add_column("requests", sa.Column("reply", sa.LargeBinary))
    op.create_index("requests_by_create_time", "requests", ["create_time"])
