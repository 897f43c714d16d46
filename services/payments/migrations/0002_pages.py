"""An index for listing payments page by page."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the index."""
    op.create_index("payments_by_create_time", "payments", ["create_time", "id"])
