"""Add the stored replies of requests, and the index for deleting old requests."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add a column that may be empty: the previous release can run beside this one, and stores no replies."""
    op.add_column("requests", sa.Column("reply", sa.LargeBinary))
    op.create_index("requests_by_create_time", "requests", ["create_time"])
