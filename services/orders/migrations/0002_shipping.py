"""Where an order goes, what that costs, and its shipment."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what an order that is collected does without: code of the revision before goes on beside it."""
    op.add_column("orders", sa.Column("destination", sa.JSON))
    op.add_column("orders", sa.Column("shipping_cents", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("shipment", sa.String(128)))
