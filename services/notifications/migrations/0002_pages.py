"""An index for listing the notifications of all customers page by page."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the index."""
    op.create_index("notifications_by_event_time", "notifications", ["event_time", "id"])
