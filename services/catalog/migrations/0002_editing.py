"""Columns to edit, discontinue, search and sort products; and the table of carried-out requests."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and a table. Code of the previous revision does not use them and continues to run."""
    sort_name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("products", sa.Column("discontinued", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("products", sa.Column("revision", sa.Integer, nullable=False, server_default="1"))
    op.add_column("products", sa.Column("sort_name", sort_name, nullable=False, server_default=""))
    op.add_column("products", sa.Column("search_text", sa.Text, nullable=False, server_default=""))
    if op.get_context().dialect.name == "postgresql":
        op.alter_column("products", "id", type_=sa.String(64, collation="C"))
    _fill()
    op.create_index("products_by_sort_name", "products", ["sort_name", "id"])
    op.create_index("products_by_price", "products", ["currency", "price_cents", "id"])
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("resource_id", sa.String(64), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reply", sa.LargeBinary),
    )
    op.create_index("requests_by_create_time", "requests", ["create_time"])


def _fill() -> None:
    products = sa.table("products", *map(sa.column, ("id", "display_name", "description", "sort_name", "search_text")))
    connection = op.get_bind()
    for row in connection.execute(sa.select(products)).all():
        texts = {
            "sort_name": _folded(row.display_name),
            "search_text": _folded(f"{row.display_name}\n{row.description}"),
        }
        connection.execute(products.update().where(products.c.id == row.id).values(texts))


def _folded(text: str) -> str:
    # A copy of the domain's `fold`, as it was when this migration was written.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
