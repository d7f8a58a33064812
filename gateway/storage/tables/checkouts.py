"""Checkouts: one row each, with its lease, its place in the plan and what it waits for."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from gateway.storage.tables.base import Moment, metadata

# Final states in which no order is live, so that the cart is free again, and those in which an order was placed.
RELEASED_STATES: Final = frozenset({"cancelled", "rejected"})
ORDERED_STATES: Final = frozenset({"completed", "failed", "partial"})
UNFINISHED_STATES: Final = ("accepted", "draft", "drafting", "held", "submitted", "submitting")
_UNFINISHED: Final = f"state IN {UNFINISHED_STATES}"
_DUE: Final = "due_at IS NOT NULL"
# A call may have made an order whose id is not known.
IN_DOUBT: Final = "step_state = 'UNKNOWN' AND order_id IS NULL"
_READY: Final = "source = 'productOrder' AND external_id IS NOT NULL"
_TRACK_DUE: Final = "track_due_at IS NOT NULL"

checkout = Table(
    "checkout",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    # Why it is where it is: a sentence for people, and its code (see gateway/checkouts/reasons.py).
    Column("status_reason", Text),
    Column("reason_code", String(32)),
    # What the order system refused last, as JSON: [{path, message, upstreamCode}], each path one of the cart's.
    Column("reason_problem", Text),
    Column("external_id", String(255)),
    Column("upstream", String(64), nullable=False),
    Column("mapping", String(64), nullable=False),
    # SHA-256 of the text of the mapping that planned it; empty for what an earlier version accepted.
    Column("mapping_hash", String(64)),
    # Where it came from.
    Column("cart_id", String(64)),
    Column("cart_version", Integer),
    Column("cart_live", Boolean, nullable=False),
    # Whose ids of carts `cart_id` is one of: empty for those of stored carts and of whole carts that the tenant's own clients
    # send, otherwise the partner that sent a whole cart.
    Column("cart_scope", String(64), nullable=False, server_default=""),
    # The client that made it: a partner sees only its own. None: made before this was recorded.
    Column("owner", String(64)),
    # The request that made it, as its client knows it: X-Correlation-ID (ours, where it named none), and W3C's traceparent.
    Column("correlation_id", String(128)),
    Column("trace_parent", String(64)),
    # What it was made from: shoppingCart, or productOrder for an order that came ready (see gateway/checkouts/orders).
    Column("source", String(16), nullable=False, server_default="shoppingCart"),
    # An administrator removed the order: TMF622 shows it no more.
    Column("order_removed", Boolean, nullable=False, server_default=false()),
    # The cart in which the items go on that were saved for later; made when the order is live.
    Column("remainder_cart_id", String(64)),
    Column("idempotency_key", String(255)),
    Column("request_hash", String(64), nullable=False),
    # What the client wants: the submission may be asked for later, and cancelling too.
    Column("submit", Boolean, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    # The order system's task by which the live order is to be cancelled, and how far it has come: open, waiting or denied.
    Column("cancel_task", String(255)),
    Column("cancel_progress", String(8)),
    # The durable process (see gateway/submission).
    Column("marker_root", String(32), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("plan_hash", String(64), nullable=False),
    Column("steps_total", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("step_state", String(8), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("probe", Integer, nullable=False),
    Column("sent_at", Moment),
    Column("first_sent_at", Moment),
    # When a complete search first showed that a lost live POST had no effect; a second one must confirm it.
    Column("absent_at", Moment),
    # Attempts of the current step whose outcome was not known at first.
    Column("unknowns", Integer, nullable=False),
    # Drafts in a row whose lines were not what was sent although every call had succeeded.
    Column("mismatches", Integer, nullable=False),
    # What is found out before the process goes on, where that is more than what became of a lost call.
    Column("awaiting", String(32)),
    # Of a live order: since when reading it shows what cannot be right, and when its marker was searched for after it was accepted.
    Column("awaiting_since", Moment),
    Column("searched_at", Moment),
    # The order that a 2xx answer to the `create` of this generation named, and the marker that this answer showed. Where it is
    # set, no second POST of this generation is ever sent.
    Column("answered_order", String(255)),
    Column("answered_marker", String(255)),
    # What was done in the order system since then may not be known here: it is looked at before anything is sent.
    Column("recover_since", Moment),
    Column("order_id", String(255)),
    Column("order_href", Text),
    Column("order_state", String(64)),
    Column("upstream_state", String(255)),
    # Write-once: the only order that may ever be submitted for this checkout.
    Column("submit_intent_order", String(255)),
    # An order that a person named as this checkout's: neither its marker nor its contents are judged any more.
    Column("adopted_order", String(255)),
    # The figures of a draft that does not cost what the cart did: those it is held for, and those a person accepted.
    Column("price_drift", Text),
    Column("price_drift_accepted", Text),
    Column("fence", BigInteger, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_until", Moment, nullable=False),
    Column("due_at", Moment),
    Column("claims_without_progress", Integer, nullable=False),
    # Following the live order (see gateway/tracking).
    Column("track_due_at", Moment),
    Column("track_attempt", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("tenant", "idempotency_key", name="uq_checkout_idempotency_key"),
    # A client gives an order an external id of its own once.
    Index(
        "uq_checkout_ready_order",
        "tenant",
        "owner",
        "external_id",
        unique=True,
        sqlite_where=text(_READY),
        postgresql_where=text(_READY),
    ),
    Index("ix_checkout_cart", "tenant", "cart_id", "created_at", "id"),
    Index(
        "uq_checkout_cart_live",
        "tenant",
        "cart_scope",
        "cart_id",
        unique=True,
        sqlite_where=text("cart_live = 1"),
        postgresql_where=text("cart_live"),
    ),
    # Lists are sorted by when checkouts were made: an index without that would be passed over for the one that has it.
    Index("ix_checkout_order", "tenant", "order_id", "created_at", "id"),
    Index("ix_checkout_external", "tenant", "external_id", "created_at", "id"),
    Index("ix_checkout_state", "tenant", "state", "created_at"),
    Index("ix_checkout_created", "tenant", "created_at", "id"),
    Index("ix_checkout_owner", "tenant", "owner", "created_at", "id"),
    # What has not ended, with all that the figures of operators are made of: no row is read for them.
    Index(
        "ix_checkout_unfinished",
        "state",
        "upstream",
        "tenant",
        "created_at",
        sqlite_where=text(_UNFINISHED),
        postgresql_where=text(_UNFINISHED),
    ),
    # Only what is still to be done, each tenant's the longest due first: neither finished checkouts nor those that wait cost the
    # search for due work anything (gateway.checkouts.stored.due).
    # Checkouts whose order a notification may name by its marker.
    Index(
        "ix_checkout_in_doubt",
        "tenant",
        "marker_root",
        sqlite_where=text(IN_DOUBT),
        postgresql_where=text(IN_DOUBT),
    ),
    Index("ix_checkout_due", "tenant", "upstream", "due_at", sqlite_where=text(_DUE), postgresql_where=text(_DUE)),
    Index(
        "ix_checkout_track_due",
        "tenant",
        "upstream",
        "track_due_at",
        sqlite_where=text(_TRACK_DUE),
        postgresql_where=text(_TRACK_DUE),
    ),
)
