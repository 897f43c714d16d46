"""An index for listing shipments page by page."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the index."""
    op.create_index("shipments_by_create_time", "shipments", ["create_time", "id"])
