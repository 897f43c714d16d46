"""The replies of the requests that were carried out, and the index by which old requests are found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add a column that may be empty: code of the revision before goes on beside it, and keeps no replies."""
    op.add_column("requests", sa.Column("reply", sa.LargeBinary))
    op.create_index("requests_by_create_time", "requests", ["create_time"])
