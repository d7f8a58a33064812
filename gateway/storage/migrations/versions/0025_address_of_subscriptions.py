"""The address at which a subscription was made: references in its events begin with it where no public address is set."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Events of subscriptions that are there keep references that begin with the path."""
    op.add_column("hub_subscription", sa.Column("base_url", sa.Text))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("hub_subscription", "base_url")
