"""Since when a live order shows what cannot be right, and when its marker was searched for, as columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COLUMNS = ("awaiting_since", "searched_at")


def upgrade() -> None:
    """Add the columns. What is followed already is searched for once more; a doubt that there is begins again."""
    for name in _COLUMNS:
        op.add_column("checkout", sa.Column(name, sa.BigInteger()))


def downgrade() -> None:
    """Drop them."""
    for name in reversed(_COLUMNS):
        op.drop_column("checkout", name)
