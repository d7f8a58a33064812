"""By which text of its mapping a checkout was planned and each call was written, and which price a person is to accept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty: of what was sent before nothing is known."""
    op.add_column("checkout", sa.Column("mapping_hash", sa.String(length=64)))
    op.add_column("checkout", sa.Column("price_drift", sa.Text()))
    op.add_column("checkout", sa.Column("price_drift_accepted", sa.Text()))
    op.add_column("checkout_step", sa.Column("mapping_hash", sa.String(length=64)))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("checkout_step", "mapping_hash")
    op.drop_column("checkout", "price_drift_accepted")
    op.drop_column("checkout", "price_drift")
    op.drop_column("checkout", "mapping_hash")
