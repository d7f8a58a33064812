"""Indexes that find notifications, orders and drafts that are due from tenant to tenant and order system to order system."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# Name: its table, the column it is about, then the columns before and after this version.
_DUE = {
    "ix_checkout_track_due": (
        "checkout",
        "track_due_at",
        ["tenant", "track_due_at"],
        ["tenant", "upstream", "track_due_at"],
    ),
    "ix_inbox_due": ("inbox", "due_at", ["tenant", "due_at"], ["tenant", "upstream", "due_at"]),
    "ix_abandoned_draft_due": ("abandoned_draft", "due_at", ["due_at"], ["tenant", "upstream", "due_at"]),
}


def upgrade() -> None:
    """Put tenant and order system first where due work is looked for."""
    _replace(1)


def downgrade() -> None:
    """Put the indexes back."""
    _replace(0)


def _replace(version: int) -> None:
    for name, (table, column, *columns) in _DUE.items():
        op.drop_index(name, table_name=table)
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, table, columns[version], sqlite_where=there, postgresql_where=there)
