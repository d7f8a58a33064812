"""Where the gateway is registered for notifications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the gateway is registered nowhere."""
    op.create_table(
        "hub_registration",
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("callback", sa.Text(), nullable=False),
        sa.Column("hub_id", sa.String(length=255), nullable=True),
        sa.Column("registered_at", sa.BigInteger(), nullable=True),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("upstream", name="pk_hub_registration"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("hub_registration")
