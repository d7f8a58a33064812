"""What happened to each checkout, and what was sent and answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; of what happened before only what people asked for is known."""
    op.create_table(
        "checkout_history",
        *_key("id"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("action", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(255), nullable=False),
        sa.Column("milliseconds", sa.Integer()),
        sa.Column("byte_count", sa.Integer()),
        sa.Column("detail", sa.Text()),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger()),
        *_constraints("checkout_history", "id"),
    )
    op.create_table(
        "checkout_payload",
        *_key("history_id"),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        *_constraints("checkout_payload", "history_id"),
    )
    op.create_index("ix_checkout_payload_created", "checkout_payload", ["created_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_checkout_payload_created", "checkout_payload")
    op.drop_table("checkout_payload")
    op.drop_table("checkout_history")


def _key(name: str) -> list[sa.Column[str]]:
    lengths = {"tenant": 64, "checkout_id": 64, name: 32}
    return [sa.Column(each, sa.String(length), nullable=False) for each, length in lengths.items()]


def _constraints(table: str, name: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("tenant", "checkout_id", name, name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(
            ["tenant", "checkout_id"],
            ["checkout.tenant", "checkout.id"],
            name=op.f(f"fk_{table}_checkout"),
            ondelete="CASCADE",
        ),
    ]
