"""Who did what, order systems that are paused, and the order that a person named as a checkout's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two tables and a column."""
    op.create_table(
        "audit",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("client", sa.String(length=255), nullable=False),
        sa.Column("roles", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("resource", sa.String(length=32), nullable=False),
        sa.Column("resource_id", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("version_before", sa.Integer(), nullable=True),
        sa.Column("version_after", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("correlation_id", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_audit"),
    )
    op.create_index("ix_audit_resource", "audit", ["tenant", "resource", "resource_id", "at"])
    op.create_index("ix_audit_at", "audit", ["tenant", "at"])
    op.create_index("ix_audit_client", "audit", ["tenant", "client", "at"])
    op.create_table(
        "upstream_pause",
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("client", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", name="pk_upstream_pause"),
    )
    op.add_column("checkout", sa.Column("adopted_order", sa.String(length=255)))


def downgrade() -> None:
    """Take them away."""
    with op.batch_alter_table("checkout") as batch:
        batch.drop_column("adopted_order")
    op.drop_table("upstream_pause")
    op.drop_table("audit")
