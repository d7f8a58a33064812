"""Sessions of people who logged in with a browser."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "login_session",
        sa.Column("id_sha256", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("roles", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("provider_session", sa.String(length=255)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id_sha256", name="pk_login_session"),
    )
    op.create_index("ix_login_session_subject", "login_session", ["subject", "created_at"])
    op.create_index("ix_login_session_provider", "login_session", ["provider_session"])
    op.create_index("ix_login_session_expires", "login_session", ["expires_at"])


def downgrade() -> None:
    """Drop it: everybody logs in again."""
    op.drop_table("login_session")
