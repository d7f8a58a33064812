"""Who made a cart and a checkout, so that a partner sees its own alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OWNED = ("cart", "checkout", "hub_event")


def upgrade() -> None:
    """Add the columns; what is there already has no owner, and no partner sees it."""
    for table in _OWNED:
        op.add_column(table, sa.Column("owner", sa.String(64)))
    op.add_column("hub_subscription", sa.Column("owner_scope", sa.String(64)))
    op.add_column("checkout", sa.Column("cart_scope", sa.String(64), nullable=False, server_default=""))
    for table in ("cart", "checkout"):
        op.create_index(f"ix_{table}_owner", table, ["tenant", "owner", "created_at", "id"])
    _live_carts("tenant", "cart_scope", "cart_id")


def downgrade() -> None:
    """Drop them."""
    _live_carts("tenant", "cart_id")
    for table in ("cart", "checkout"):
        op.drop_index(f"ix_{table}_owner", table)
    op.drop_column("checkout", "cart_scope")
    op.drop_column("hub_subscription", "owner_scope")
    for table in _OWNED:
        op.drop_column(table, "owner")


def _live_carts(*columns: str) -> None:
    """Let a cart, as these columns tell it, have one checkout that holds it."""
    op.drop_index("uq_checkout_cart_live", "checkout")
    op.create_index(
        "uq_checkout_cart_live",
        "checkout",
        list(columns),
        unique=True,
        sqlite_where=sa.text("cart_live = 1"),
        postgresql_where=sa.text("cart_live"),
    )
