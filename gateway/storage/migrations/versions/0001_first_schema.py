"""The first schema: carts, checkouts with their documents and steps, abandoned drafts, the inbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "cart",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("checkout_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_cart")),
    )
    op.create_index("ix_cart_created", "cart", ["tenant", "created_at", "id"], unique=False)
    op.create_table(
        "checkout",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.String(length=64), nullable=False),
        sa.Column("cart_id", sa.String(length=64), nullable=True),
        sa.Column("cart_version", sa.Integer(), nullable=True),
        sa.Column("cart_live", sa.Boolean(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("submit", sa.Boolean(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("marker_root", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("plan_hash", sa.String(length=64), nullable=False),
        sa.Column("steps_total", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("step_state", sa.String(length=8), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("probe", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("first_sent_at", sa.BigInteger(), nullable=True),
        sa.Column("absent_at", sa.BigInteger(), nullable=True),
        sa.Column("unknowns", sa.Integer(), nullable=False),
        sa.Column("mismatches", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.String(length=255), nullable=True),
        sa.Column("order_href", sa.Text(), nullable=True),
        sa.Column("order_state", sa.String(length=64), nullable=True),
        sa.Column("upstream_state", sa.String(length=255), nullable=True),
        sa.Column("submit_intent_order", sa.String(length=255), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("claims_without_progress", sa.Integer(), nullable=False),
        sa.Column("track_due_at", sa.BigInteger(), nullable=True),
        sa.Column("track_attempt", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_checkout")),
        sa.UniqueConstraint("tenant", "idempotency_key", name="uq_checkout_idempotency_key"),
    )
    op.create_index("ix_checkout_cart", "checkout", ["tenant", "cart_id"], unique=False)
    op.create_index("ix_checkout_created", "checkout", ["tenant", "created_at", "id"], unique=False)
    op.create_index(
        "ix_checkout_due",
        "checkout",
        ["due_at", "tenant"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_checkout_external", "checkout", ["tenant", "external_id"], unique=False)
    op.create_index("ix_checkout_order", "checkout", ["tenant", "upstream", "order_id"], unique=False)
    op.create_index("ix_checkout_state", "checkout", ["tenant", "state", "created_at"], unique=False)
    op.create_index(
        "ix_checkout_track_due",
        "checkout",
        ["track_due_at"],
        unique=False,
        sqlite_where=sa.text("track_due_at IS NOT NULL"),
        postgresql_where=sa.text("track_due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_checkout_unfinished",
        "checkout",
        ["state"],
        unique=False,
        sqlite_where=sa.text("state IN ('accepted', 'draft', 'drafting', 'held', 'submitted', 'submitting')"),
        postgresql_where=sa.text("state IN ('accepted', 'draft', 'drafting', 'held', 'submitted', 'submitting')"),
    )
    op.create_index(
        "uq_checkout_cart_live",
        "checkout",
        ["tenant", "cart_id"],
        unique=True,
        sqlite_where=sa.text("cart_live = 1"),
        postgresql_where=sa.text("cart_live"),
    )
    op.create_table(
        "inbox",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("dedup_key", sa.String(length=255), nullable=False),
        sa.Column("order_id", sa.String(length=255), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "upstream", "dedup_key", name=op.f("pk_inbox")),
    )
    op.create_index(
        "ix_inbox_due",
        "inbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_inbox_order", "inbox", ["tenant", "upstream", "order_id"], unique=False)
    op.create_table(
        "abandoned_draft",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("checkout_id", sa.String(length=64), nullable=False),
        sa.Column("marker", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=255), nullable=False),
        sa.Column("upstream", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "checkout_id"],
            ["checkout.tenant", "checkout.id"],
            name=op.f("fk_abandoned_draft_checkout"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "checkout_id", "marker", "order_id", name=op.f("pk_abandoned_draft")),
    )
    op.create_index(
        "ix_abandoned_draft_due",
        "abandoned_draft",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "checkout_document",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("checkout_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "checkout_id"],
            ["checkout.tenant", "checkout.id"],
            name=op.f("fk_checkout_document_checkout"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "checkout_id", "kind", name=op.f("pk_checkout_document")),
    )
    op.create_table(
        "checkout_step",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("checkout_id", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("byte_count", sa.Integer(), nullable=True),
        sa.Column("order_id", sa.String(length=255), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "checkout_id"],
            ["checkout.tenant", "checkout.id"],
            name=op.f("fk_checkout_step_checkout"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "checkout_id", "generation", "sequence", name=op.f("pk_checkout_step")),
    )


def downgrade() -> None:
    """Drop every table."""
    for table in ("inbox", "abandoned_draft", "checkout_step", "checkout_document", "checkout", "cart"):
        op.drop_table(table)
