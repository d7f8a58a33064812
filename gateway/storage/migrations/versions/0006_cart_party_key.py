"""The index of carts by party is kept once: its key is the whole row, the party before the cart."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put the party first in the key, and leave out what that makes superfluous."""
    if op.get_bind().dialect.name == "sqlite":
        _rewrite(["tenant", "party_id", "cart_id"], sqlite_with_rowid=False)
    else:
        op.drop_index("ix_cart_party_party", table_name="cart_party")
        _change_key(["tenant", "party_id", "cart_id"])


def downgrade() -> None:
    """Put the cart first again, with an index by party beside it."""
    if op.get_bind().dialect.name == "sqlite":
        _rewrite(["tenant", "cart_id", "party_id"])
    else:
        _change_key(["tenant", "cart_id", "party_id"])
    op.create_index("ix_cart_party_party", "cart_party", ["tenant", "party_id", "cart_id"], unique=False)


def _rewrite(key: list[str], **options: Any) -> None:
    """Give the table another key; SQLite cannot change one."""
    op.execute("DROP INDEX IF EXISTS ix_cart_party_party")
    op.rename_table("cart_party", "cart_party_before")
    widths = {"tenant": 64, "cart_id": 64, "party_id": 255}
    op.create_table(
        "cart_party",
        *(sa.Column(name, sa.String(length=widths[name]), nullable=False) for name in key),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_cart_party")),
        **options,
    )
    names = ", ".join(key)
    op.execute(f"INSERT INTO cart_party ({names}) SELECT {names} FROM cart_party_before")  # noqa: S608 - names of columns
    op.drop_table("cart_party_before")


def _change_key(key: list[str]) -> None:
    op.drop_constraint("pk_cart_party", "cart_party", type_="primary")
    op.create_primary_key("pk_cart_party", "cart_party", key)
