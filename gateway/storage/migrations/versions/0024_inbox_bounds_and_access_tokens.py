"""What notifications say in columns, how much of the inbox each tenant has, and the tokens of the token endpoint."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_BATCH = 1_000
_DUE = sa.text("due_at IS NOT NULL")
_KEYS = ("tenant", "upstream", "dedup_key")


def upgrade() -> None:
    """Add columns, indexes and tables; notifications that are there get their ids and are counted."""
    op.add_column("inbox", sa.Column("id", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("inbox", sa.Column("raw_bytes", sa.Integer(), nullable=False, server_default="0"))
    for name, kind in (
        ("event_type", sa.String(length=255)),
        ("order_state", sa.String(length=255)),
        ("item_states", sa.Text()),
        ("occurred_at", sa.BigInteger()),
        ("notes", sa.Text()),
    ):
        op.add_column("inbox", sa.Column(name, kind, nullable=True))
    op.create_table(
        "inbox_usage",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_inbox_usage"),
    )
    _fill()
    op.drop_index("ix_inbox_due", "inbox")
    op.create_index("ix_inbox_due", "inbox", ["tenant", "due_at"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index("ix_inbox_id", "inbox", ["tenant", "id"])
    op.create_index("ix_inbox_state", "inbox", ["tenant", "state", "received_at"])
    op.create_index("ix_inbox_received", "inbox", ["upstream", "received_at"])
    op.create_table(
        "access_token",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("credential", sa.String(length=64), nullable=False),
        sa.Column("upstream", sa.String(length=64), nullable=True),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_access_token"),
    )
    op.create_index("ix_access_token_credential", "access_token", ["credential", "issued_at"])
    op.create_index("ix_access_token_expires", "access_token", ["expires_at"])


def _fill() -> None:
    connection = op.get_bind()
    inbox = sa.table("inbox", *(sa.column(name) for name in (*_KEYS, "id", "raw", "raw_bytes")))
    size = sa.func.octet_length(inbox.c.raw)
    if connection.dialect.name == "sqlite":
        size = sa.func.length(sa.cast(inbox.c.raw, sa.LargeBinary))
    connection.execute(sa.update(inbox).values(raw_bytes=size))
    keys = sa.select(*(inbox.c[name] for name in _KEYS)).where(inbox.c.id == "").limit(_BATCH)
    naming = (
        sa.update(inbox)
        .where(*(inbox.c[name] == sa.bindparam(f"the_{name}") for name in _KEYS))
        .values(id=sa.bindparam("the_id"))
    )
    while rows := connection.execute(keys).all():
        named = [
            {
                **{f"the_{name}": getattr(row, name) for name in _KEYS},
                "the_id": hashlib.sha256(f"{row.upstream}\0{row.dedup_key}".encode()).hexdigest()[:32],
            }
            for row in rows
        ]
        connection.execute(naming, named)
    counted = sa.select(inbox.c.tenant, sa.func.count(), sa.func.coalesce(sa.func.sum(inbox.c.raw_bytes), 0))
    usage = sa.table("inbox_usage", *(sa.column(name) for name in ("tenant", "row_count", "byte_count")))
    connection.execute(
        sa.insert(usage).from_select(["tenant", "row_count", "byte_count"], counted.group_by(inbox.c.tenant))
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("access_token")
    for name in ("ix_inbox_received", "ix_inbox_state", "ix_inbox_id", "ix_inbox_due"):
        op.drop_index(name, "inbox")
    op.create_index("ix_inbox_due", "inbox", ["due_at"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.drop_table("inbox_usage")
    with op.batch_alter_table("inbox") as batch:
        for name in ("notes", "occurred_at", "item_states", "order_state", "event_type", "raw_bytes", "id"):
            batch.drop_column(name)
