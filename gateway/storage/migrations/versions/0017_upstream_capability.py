"""What was measured of each order system."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; nothing was measured yet."""
    op.create_table(
        "upstream_capability",
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("measured_at", sa.BigInteger(), nullable=False),
        sa.Column("mapping", sa.String(length=64), nullable=False),
        sa.Column("mapping_hash", sa.String(length=64), nullable=False),
        sa.Column("release", sa.String(length=32), nullable=False),
        sa.Column("wrote", sa.Boolean(), nullable=False),
        sa.Column("capabilities", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("upstream", name="pk_upstream_capability"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("upstream_capability")
