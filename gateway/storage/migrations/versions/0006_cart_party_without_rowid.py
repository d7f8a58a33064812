"""The index of carts by party is kept once in SQLite: its key is the whole row."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Write the rows into a table that has no hidden row number."""
    _rewrite(sqlite_with_rowid=False)


def downgrade() -> None:
    """Write them back."""
    _rewrite()


def _rewrite(**options: Any) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.drop_index("ix_cart_party_party", table_name="cart_party")
    op.rename_table("cart_party", "cart_party_before")
    op.create_table(
        "cart_party",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("cart_id", sa.String(length=64), nullable=False),
        sa.Column("party_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "cart_id", "party_id", name=op.f("pk_cart_party")),
        **options,
    )
    op.execute("INSERT INTO cart_party SELECT tenant, cart_id, party_id FROM cart_party_before")
    op.drop_table("cart_party_before")
    op.create_index("ix_cart_party_party", "cart_party", ["tenant", "party_id", "cart_id"], unique=False)
