"""Received pieces, the reference of a reservation, and the demand for products with the inbox of its events."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add tables, and columns with defaults: older code that still runs does not write them."""
    op.add_column("stocks", sa.Column("received", sa.Integer, nullable=False, server_default="0"))
    # Until this revision the opening stock was the only stock, so all pieces were received with it.
    op.execute("UPDATE stocks SET received = available + reserved + sold")
    op.add_column("reservations", sa.Column("reference", sa.String(128), nullable=False, server_default=""))
    op.create_index("reservations_by_create_time", "reservations", ["create_time", "id"])
    op.create_table(
        "demands",
        sa.Column("product_id", sa.String(64), primary_key=True),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.Column("sold", sa.BigInteger, nullable=False),
        sa.Column("missed", sa.BigInteger, nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.String(255), primary_key=True),
        sa.Column("type", sa.String(255), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_inbox_receive_time", "inbox", ["receive_time"])
