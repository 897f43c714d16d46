"""The users' roles."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column with what every user is: code of the revision before makes customers, and leaves roles alone."""
    op.add_column("users", sa.Column("roles", sa.String(300), nullable=False, server_default="customer"))
