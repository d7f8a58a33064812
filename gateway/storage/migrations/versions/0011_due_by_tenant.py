"""Indexes that find due work from tenant to tenant, and a checkout by its order, external id or cart in the order of lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Name: the column it is about, then the columns before and after this version.
_DUE = {
    "ix_checkout_due": ("due_at", ["due_at", "tenant"], ["tenant", "due_at"]),
    "ix_checkout_track_due": ("track_due_at", ["track_due_at"], ["tenant", "track_due_at"]),
}
# Name: the columns before this version. After it those of `_LOOKED_UP`, then when a checkout was made and its id.
_BEFORE = {
    "ix_checkout_order": ["tenant", "upstream", "order_id"],
    "ix_checkout_external": ["tenant", "external_id"],
    "ix_checkout_cart": ["tenant", "cart_id"],
}
_LOOKED_UP = {
    "ix_checkout_order": ["tenant", "order_id"],
    "ix_checkout_external": ["tenant", "external_id"],
    "ix_checkout_cart": ["tenant", "cart_id"],
}


def upgrade() -> None:
    """Put the tenant first where due work is looked for, and the order of lists behind what is looked up."""
    _replace(1)


def downgrade() -> None:
    """Put them back."""
    _replace(0)


def _replace(version: int) -> None:
    for name, (column, *columns) in _DUE.items():
        op.drop_index(name, table_name="checkout")
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "checkout", columns[version], sqlite_where=there, postgresql_where=there)
    for name, looked_up in _LOOKED_UP.items():
        op.drop_index(name, table_name="checkout")
        op.create_index(name, "checkout", [*looked_up, "created_at", "id"] if version else _BEFORE[name])
