"""Add the destination of an order, its shipping price and its shipment."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns that may be empty, so that the previous release can run beside this one."""
    op.add_column("orders", sa.Column("destination", sa.JSON))
    op.add_column("orders", sa.Column("shipping_cents", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("shipment", sa.String(128)))
