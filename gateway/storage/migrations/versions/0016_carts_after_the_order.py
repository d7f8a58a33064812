"""Whether a cart has been ordered, and the cart in which a checkout left what was saved for later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; carts whose order is live or has come to its end have been ordered."""
    op.add_column("cart", sa.Column("ordered", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("checkout", sa.Column("remainder_cart_id", sa.String(length=64)))
    cart = sa.table(
        "cart",
        sa.column("tenant", sa.String()),
        sa.column("checkout_id", sa.String()),
        sa.column("ordered", sa.Boolean()),
    )
    checkout = sa.table("checkout", *(sa.column(name, sa.String()) for name in ("tenant", "id", "state")))
    live = ("submitted", "completed", "failed", "partial")
    ordered_by = sa.select(checkout.c.id).where(
        checkout.c.tenant == cart.c.tenant, checkout.c.id == cart.c.checkout_id, checkout.c.state.in_(live)
    )
    op.execute(cart.update().where(cart.c.checkout_id.is_not(None), ordered_by.exists()).values(ordered=sa.true()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("checkout", "remainder_cart_id")
    op.drop_column("cart", "ordered")
