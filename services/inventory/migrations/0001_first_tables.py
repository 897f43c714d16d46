"""Stocks, reservations, and the requests that created or changed them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "stocks",
        sa.Column("product_id", sa.String(64), primary_key=True),
        sa.Column("available", sa.Integer, sa.CheckConstraint("available >= 0"), nullable=False),
        sa.Column("reserved", sa.Integer, sa.CheckConstraint("reserved >= 0"), nullable=False),
        sa.Column("sold", sa.Integer, sa.CheckConstraint("sold >= 0"), nullable=False),
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "reservation_lines",
        sa.Column("reservation_id", sa.String(64), sa.ForeignKey("reservations.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("product_id", sa.String(64), sa.ForeignKey("stocks.product_id"), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("resource_id", sa.String(64), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    )
