"""What the order system refused, in the cart's paths, beside the checkout's reason."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was refused before has its sentence only."""
    op.add_column("checkout", sa.Column("reason_problem", sa.Text()))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("checkout", "reason_problem")
