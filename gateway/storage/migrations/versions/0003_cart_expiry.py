"""When a cart expires."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_DAYS_90 = 90 * 24 * 60 * 60 * 1_000_000
_FREE = "checkout_id IS NULL"


def upgrade() -> None:
    """Add the columns; carts that are there already are valid for 90 days from their last change."""
    op.add_column("cart", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("cart", sa.Column("expiry_given", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(sa.text(f"UPDATE cart SET expires_at = updated_at + {_DAYS_90}"))  # noqa: S608 - a number of our own
    op.create_index(
        "ix_cart_expires",
        "cart",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text(_FREE),
        postgresql_where=sa.text(_FREE),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_cart_expires", table_name="cart")
    op.drop_column("cart", "expiry_given")
    op.drop_column("cart", "expires_at")
