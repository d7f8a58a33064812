"""Order systems that know more than this database, orders that belong to no checkout, and checkouts that look before they send."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add three tables and a column; nothing is being recovered."""
    op.create_table(
        "recovery",
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("upstream", name="pk_recovery"),
    )
    op.create_table(
        "found_order",
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=255), nullable=False),
        sa.Column("marker", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=255), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_as", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("upstream", "order_id", name="pk_found_order"),
    )
    op.create_table(
        "reconciliation",
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("ran_at", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("is_complete", sa.Boolean(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("orders", sa.Integer(), nullable=True),
        sa.Column("checkouts", sa.Integer(), nullable=True),
        sa.Column("found", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("upstream", name="pk_reconciliation"),
    )
    op.add_column("checkout", sa.Column("recover_since", sa.BigInteger()))


def downgrade() -> None:
    """Take them away."""
    with op.batch_alter_table("checkout") as batch:
        batch.drop_column("recover_since")
    op.drop_table("reconciliation")
    op.drop_table("found_order")
    op.drop_table("recovery")
