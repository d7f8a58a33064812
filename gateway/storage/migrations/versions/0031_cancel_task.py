"""The task by which an order system cancels a live order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of tasks that are under way nothing is known."""
    op.add_column("checkout", sa.Column("cancel_task", sa.String(length=255), nullable=True))
    op.add_column("checkout", sa.Column("cancel_progress", sa.String(length=8), nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("checkout", "cancel_progress")
    op.drop_column("checkout", "cancel_task")
