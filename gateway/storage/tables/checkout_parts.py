"""What belongs to a checkout: its ids, documents, calls, history and cancellation, and what is left of it in the order system."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from gateway.storage.tables.base import Moment, metadata

_DUE: Final = "due_at IS NOT NULL"

# Every id that leads to a checkout, no matter who gave it: see gateway/checkouts/stored/keys.py for the kinds. Written with what it
# points to; a checkout keeps the ids that it had, so that an old number leads to it as well. Checkouts of one id lie together, in
# the order of their own ids, which is the order in which they were made.
checkout_key = Table(
    "checkout_key",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("value", String(255), primary_key=True),
    Column("checkout_id", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
    Index("ix_checkout_key_checkout", "tenant", "checkout_id", "kind"),
    sqlite_with_rowid=False,
)

# The large parts of a checkout, apart from its row so that claims and lists stay small. Kinds: request, cart, order, plan,
# productOrder (an order that came ready, as it is kept),
# findings, items (which item became which), lines (item id to line id and state), remainder (the cart of what is saved for later).
checkout_document = Table(
    "checkout_document",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("checkout_id", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
)

# What clients asked to be cancelled, as TMF622 has it (cancelProductOrder): the request as it was sent, in v4's form, and what became
# of it (see gateway/checkouts/orders/cancellations.py).
order_cancellation = Table(
    "order_cancellation",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("checkout_id", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("state", String(32), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("settled_at", Moment),
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
    Index("ix_order_cancellation_checkout", "tenant", "checkout_id", "created_at"),
    Index("ix_order_cancellation_created", "tenant", "created_at", "id"),
)

# What was sent when: one row for each step of each generation.
checkout_step = Table(
    "checkout_step",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("checkout_id", String(64), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("byte_count", Integer),
    Column("order_id", String(255)),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("detail", Text),
    # SHA-256 of the text of the mapping that wrote the call.
    Column("mapping_hash", String(64)),
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
)

# What happened to a checkout, an entry each; rows are only added. Kind: call, answer, event (a notification), poll (a read of the
# order, or a search for it); what people asked for stands in `audit`. `by` is who did it: the gateway, or the order system by its
# name. Reads that find nothing new are one row: `times` counts them, `last_at` is the last.
checkout_history = Table(
    "checkout_history",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("checkout_id", String(64), primary_key=True),
    # In the order of time.
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("by", String(64), nullable=False),
    Column("action", String(255), nullable=False),
    Column("outcome", String(255), nullable=False),
    Column("milliseconds", Integer),
    Column("byte_count", Integer),
    Column("detail", Text),
    Column("times", Integer, nullable=False),
    Column("last_at", Moment),
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
)

# What was sent with a call and what was answered, as JSON without personal data (gateway/tmf/redaction.py), by the id of the entry of the
# history; forgotten after `retention.payloads_days`.
checkout_payload = Table(
    "checkout_payload",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("checkout_id", String(64), primary_key=True),
    Column("history_id", String(32), primary_key=True),
    Column("document", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
    Index("ix_checkout_payload_created", "created_at"),
)

# Drafts that were given up because the outcome of a call on them could not be known, or that are not wanted any more.
# `order_id` is empty where a lost POST may have made the draft, or may still make it.
abandoned_draft = Table(
    "abandoned_draft",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("checkout_id", String(64), primary_key=True),
    Column("marker", String(64), primary_key=True),
    Column("order_id", String(255), primary_key=True),
    Column("upstream", String(64), nullable=False),
    Column("since", Moment, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due_at", Moment),
    Column("outcome", Text),
    # What became of it (see gateway/checkouts/stored/abandoned.py); null until it was looked for.
    Column("state", String(16)),
    # Why it is looked for (see the same file).
    Column("why", String(16), nullable=False, server_default="given_up"),
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
    Index("ix_abandoned_draft_order", "tenant", "order_id", "checkout_id"),
    Index(
        "ix_abandoned_draft_due", "tenant", "upstream", "due_at", sqlite_where=text(_DUE), postgresql_where=text(_DUE)
    ),
)
