"""What the figures of unfinished checkouts are made of, in their index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_UNFINISHED = sa.text("state IN ('accepted', 'draft', 'drafting', 'held', 'submitted', 'submitting')")


def upgrade() -> None:
    """Make the index again with the order system, the tenant and the time."""
    _replace(["state", "upstream", "tenant", "created_at"])


def downgrade() -> None:
    """Make it of the state alone, as it was."""
    _replace(["state"])


def _replace(columns: list[str]) -> None:
    op.drop_index("ix_checkout_unfinished", table_name="checkout")
    op.create_index(
        "ix_checkout_unfinished",
        "checkout",
        columns,
        sqlite_where=_UNFINISHED,
        postgresql_where=_UNFINISHED,
    )
