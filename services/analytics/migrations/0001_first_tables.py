"""Sales, and the inbox of the events that they are counted from."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "sales",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_cents", sa.BigInteger, nullable=False),
        sa.Column("place_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("sales_by_place_time", "sales", ["place_time"])
    op.create_index("sales_by_event_time", "sales", ["event_time"])
    op.create_table(
        "sale_lines",
        sa.Column("sale_id", sa.String(64), sa.ForeignKey("sales.id"), primary_key=True),
        sa.Column("product_id", sa.String(64), primary_key=True),
        sa.Column("display_name", sa.String(100), nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
    )
    op.create_index("sale_lines_by_product", "sale_lines", ["product_id"])
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.String(255), primary_key=True),
        sa.Column("type", sa.String(255), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_inbox_receive_time", "inbox", ["receive_time"])
