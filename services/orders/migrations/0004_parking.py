"""How often an order could not be undone, and that it is parked; and the lists of every customer's orders."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what code of the revision before neither reads nor writes: it goes on beside it."""
    op.add_column("orders", sa.Column("failures", sa.Integer, nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("park_time", sa.DateTime(timezone=True)))
    op.add_column("orders", sa.Column("park_call", sa.String(32)))
    op.add_column("orders", sa.Column("park_reason", sa.String(32)))
    op.create_index("orders_by_time", "orders", ["create_time", "id"])
