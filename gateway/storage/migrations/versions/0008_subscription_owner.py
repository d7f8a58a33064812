"""Which client made a subscription: it, or an administrator, ends it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty: who made those that are there already is not known, so an administrator ends them."""
    op.add_column("hub_subscription", sa.Column("owner", sa.String(length=64)))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("hub_subscription", "owner")
