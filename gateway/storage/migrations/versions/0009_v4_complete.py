"""Whether a cart, and an event of one, has everything that TMF663 v4 makes mandatory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty: of what is there already the document tells, whenever it is read."""
    op.add_column("cart", sa.Column("v4_complete", sa.Boolean()))
    op.add_column("hub_event", sa.Column("v4_complete", sa.Boolean()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("hub_event", "v4_complete")
    op.drop_column("cart", "v4_complete")
