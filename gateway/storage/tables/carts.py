"""Carts, and the parties they have to do with."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, false, text

from gateway.storage.tables.base import Moment, metadata

_FREE: Final = "checkout_id IS NULL"

cart = Table(
    "cart",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("document", Text, nullable=False),
    # The checkout that holds the cart; while it is set the cart does not change.
    Column("checkout_id", String(64)),
    # Whether the order of that checkout is live, or has come to its end.
    Column("ordered", Boolean, nullable=False, server_default=false()),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    # The end of its validity (none: it does not expire), and whether a client said so: then changes do not move it.
    Column("expires_at", Moment),
    Column("expiry_given", Boolean, nullable=False, server_default=false()),
    # Whether v4 shows the document as it is; otherwise (null: nobody has looked) mandatory attributes may be missing.
    Column("v4_complete", Boolean),
    # The client that made it: a partner sees only its own. None: made before this was recorded.
    Column("owner", String(64)),
    Index("ix_cart_owner", "tenant", "owner", "created_at", "id"),
    Index("ix_cart_created", "tenant", "created_at", "id"),
    # What is counted against `limits.carts_max`.
    Index("ix_cart_free", "tenant", "checkout_id", sqlite_where=text(_FREE), postgresql_where=text(_FREE)),
    # What the sweep looks at: carts that no checkout holds.
    Index("ix_cart_expires", "expires_at", sqlite_where=text(_FREE), postgresql_where=text(_FREE)),
)

# Which carts a party has to do with: `relatedParty.id` of the document, written with it. The key is the whole row and serves
# the only question asked; what a cart's rows are its document tells.
cart_party = Table(
    "cart_party",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("party_id", String(255), primary_key=True),
    Column("cart_id", String(64), primary_key=True),
    sqlite_with_rowid=False,
)
