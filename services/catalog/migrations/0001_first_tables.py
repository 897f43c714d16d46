"""Products."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first table."""
    op.create_table(
        "products",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("display_name", sa.String(100), nullable=False),
        sa.Column("description", sa.String(1000), nullable=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("price_cents", sa.BigInteger, sa.CheckConstraint("price_cents > 0"), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
    )
    op.create_index("products_by_category", "products", ["category", "id"])
