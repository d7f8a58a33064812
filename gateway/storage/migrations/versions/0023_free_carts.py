"""An index of the carts that no checkout holds, by tenant: they are counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_FREE = sa.text("checkout_id IS NULL")


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_cart_free", "cart", ["tenant", "checkout_id"], sqlite_where=_FREE, postgresql_where=_FREE)


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_cart_free", "cart")
