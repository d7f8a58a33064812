"""Orders that come ready, from partners: where a checkout came from, and what was asked to be cancelled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_READY = sa.text("source = 'productOrder' AND external_id IS NOT NULL")


def upgrade() -> None:
    """Add the columns, the index and the table. Every checkout that is there was made of a cart."""
    source: sa.Column[str] = sa.Column("source", sa.String(length=16), nullable=False, server_default="shoppingCart")
    op.add_column("checkout", source)
    removed: sa.Column[bool] = sa.Column("order_removed", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("checkout", removed)
    op.create_index(
        "uq_checkout_ready_order",
        "checkout",
        ["tenant", "owner", "external_id"],
        unique=True,
        sqlite_where=_READY,
        postgresql_where=_READY,
    )
    op.create_table(
        "order_cancellation",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("checkout_id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("ix_order_cancellation_checkout", "order_cancellation", ["tenant", "checkout_id", "created_at"])
    op.create_index("ix_order_cancellation_created", "order_cancellation", ["tenant", "created_at", "id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("order_cancellation")
    op.drop_index("uq_checkout_ready_order", "checkout")
    op.drop_column("checkout", "order_removed")
    op.drop_column("checkout", "source")
