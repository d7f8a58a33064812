"""Why an order is looked for by the clean-up, as a column: it was given up, or it is a checkout's own that ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

# The states of TM Forum in which an order has come to nothing.
_DEAD_ENDS = ("cancelled", "rejected", "failed")
_found = sa.table(
    "abandoned_draft", *(sa.column(name) for name in ("tenant", "checkout_id", "order_id", "state", "why"))
)
_checkout = sa.table("checkout", *(sa.column(name) for name in ("tenant", "id", "order_id", "order_state")))


def upgrade() -> None:
    """Add the column; a checkout's own order that came to nothing is told from those that were given up."""
    op.add_column("abandoned_draft", sa.Column("why", sa.String(length=16), nullable=False, server_default="given_up"))
    own = sa.exists().where(
        _checkout.c.tenant == _found.c.tenant,
        _checkout.c.id == _found.c.checkout_id,
        _checkout.c.order_id == _found.c.order_id,
        _checkout.c.order_state.in_(_DEAD_ENDS),
    )
    is_live = sa.func.coalesce(_found.c.state, "") == "live"
    op.execute(sa.update(_found).where(own, sa.not_(is_live)).values(why="own_ended"))


def downgrade() -> None:
    """Drop it: the version before works it out when it shows them."""
    op.drop_column("abandoned_draft", "why")
