"""Add the failures and the parking of an order, and the index for listing all customers' orders."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns that the previous release neither reads nor writes, so that it can run beside this one."""
    op.add_column("orders", sa.Column("failures", sa.Integer, nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("park_time", sa.DateTime(timezone=True)))
    op.add_column("orders", sa.Column("park_call", sa.String(32)))
    op.add_column("orders", sa.Column("park_reason", sa.String(32)))
    op.create_index("orders_by_time", "orders", ["create_time", "id"])
