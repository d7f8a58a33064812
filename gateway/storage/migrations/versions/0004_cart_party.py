"""Carts by their related parties."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FILL_SQLITE = """
INSERT INTO cart_party (tenant, cart_id, party_id)
SELECT DISTINCT cart.tenant, cart.id, party.value ->> '$.id'
FROM cart, json_each(CASE json_type(document, '$.relatedParty') WHEN 'array' THEN document -> '$.relatedParty' ELSE '[]' END) AS party
WHERE party.type = 'object' AND json_type(CASE party.type WHEN 'object' THEN party.value END, '$.id') = 'text'
  AND length(party.value ->> '$.id') <= 255
"""
_FILL_POSTGRESQL = """
INSERT INTO cart_party (tenant, cart_id, party_id)
SELECT DISTINCT tenant, id, party ->> 'id'
FROM (SELECT tenant, id, CAST(document AS jsonb) -> 'relatedParty' AS parties FROM cart) AS carts,
     jsonb_array_elements(CASE jsonb_typeof(parties) WHEN 'array' THEN parties ELSE CAST('[]' AS jsonb) END) AS party
WHERE jsonb_typeof(party -> 'id') = 'string' AND length(party ->> 'id') <= 255
"""


def upgrade() -> None:
    """Create the index table and fill it from the carts that are there."""
    op.create_table(
        "cart_party",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("cart_id", sa.String(length=64), nullable=False),
        sa.Column("party_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "cart_id", "party_id", name=op.f("pk_cart_party")),
    )
    op.create_index("ix_cart_party_party", "cart_party", ["tenant", "party_id", "cart_id"], unique=False)
    op.execute(sa.text(_FILL_SQLITE if op.get_bind().dialect.name == "sqlite" else _FILL_POSTGRESQL))


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_cart_party_party", table_name="cart_party")
    op.drop_table("cart_party")
