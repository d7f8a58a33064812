"""The sizes of calls that order systems were found to bear."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "upstream_limit",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.String(length=64), nullable=False),
        sa.Column("items_max", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "upstream", "mapping", name=op.f("pk_upstream_limit")),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("upstream_limit")
