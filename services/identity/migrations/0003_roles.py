"""The users' roles."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column with a default. Code of the previous revision continues to run and creates customers."""
    op.add_column("users", sa.Column("roles", sa.String(300), nullable=False, server_default="customer"))
