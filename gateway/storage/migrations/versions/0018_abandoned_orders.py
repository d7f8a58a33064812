"""What became of an order that was given up, as a column; and such orders found by their number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column (unknown for what was cleaned up before) and the index."""
    op.add_column("abandoned_draft", sa.Column("state", sa.String(length=16)))
    op.create_index("ix_abandoned_draft_order", "abandoned_draft", ["tenant", "order_id", "checkout_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_abandoned_draft_order", "abandoned_draft")
    op.drop_column("abandoned_draft", "state")
