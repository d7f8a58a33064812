"""The marker that a notification carries, and the checkouts whose order it may name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_MARKED = sa.text("marker IS NOT NULL")
_IN_DOUBT = sa.text("step_state = 'UNKNOWN' AND order_id IS NULL")


def upgrade() -> None:
    """Add the column and both indexes. Notifications that are there have no marker: they wake nothing."""
    op.add_column("inbox", sa.Column("marker", sa.String(length=32)))
    op.create_index(
        "ix_inbox_marker", "inbox", ["tenant", "upstream", "marker"], sqlite_where=_MARKED, postgresql_where=_MARKED
    )
    op.create_index(
        "ix_checkout_in_doubt",
        "checkout",
        ["tenant", "marker_root"],
        sqlite_where=_IN_DOUBT,
        postgresql_where=_IN_DOUBT,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_checkout_in_doubt", "checkout")
    op.drop_index("ix_inbox_marker", "inbox")
    op.drop_column("inbox", "marker")
