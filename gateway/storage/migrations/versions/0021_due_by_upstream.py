"""The index of due work: each order system's work of a tenant apart, so that a worker finds what is behind a long queue for another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_THERE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    """Put the order system behind the tenant."""
    _replace(["tenant", "upstream", "due_at"])


def downgrade() -> None:
    """Take it out."""
    _replace(["tenant", "due_at"])


def _replace(columns: list[str]) -> None:
    op.drop_index("ix_checkout_due", table_name="checkout")
    op.create_index("ix_checkout_due", "checkout", columns, sqlite_where=_THERE, postgresql_where=_THERE)
