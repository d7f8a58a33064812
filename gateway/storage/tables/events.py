"""Events on their way in (notifications of order systems) and out (of carts and checkouts, to subscribers)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.storage.tables.base import Moment, metadata

_DUE: Final = "due_at IS NOT NULL"
_MARKED: Final = "marker IS NOT NULL"

# Notifications, recorded before they are looked at. State: received, waiting (order unknown), done, dead. `id` is made of upstream and
# dedup_key, for addresses. What the body says stands in columns: which event, the order's state in the order system's words, when it
# happened there, the states of items (JSON: {id: word}) and notes (JSON: [{kind, text}], e.g. a milestone).
inbox = Table(
    "inbox",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("upstream", String(64), primary_key=True),
    Column("dedup_key", String(255), primary_key=True),
    Column("id", String(32), nullable=False, server_default=""),
    Column("order_id", String(255)),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),
    Column("received_at", Moment, nullable=False),
    Column("detail", Text),
    Column("raw", Text, nullable=False),
    Column("raw_bytes", Integer, nullable=False, server_default="0"),
    # A marker of the gateway that the notification carries: it may name an order that is not known here yet.
    Column("marker", String(32)),
    Column("event_type", String(255)),
    Column("order_state", String(255)),
    Column("item_states", Text),
    Column("occurred_at", Moment),
    Column("notes", Text),
    Index("ix_inbox_due", "tenant", "upstream", "due_at", sqlite_where=text(_DUE), postgresql_where=text(_DUE)),
    Index("ix_inbox_order", "tenant", "upstream", "order_id"),
    Index("ix_inbox_id", "tenant", "id"),
    Index("ix_inbox_state", "tenant", "state", "received_at"),
    Index("ix_inbox_received", "upstream", "received_at"),
    Index(
        "ix_inbox_marker",
        "tenant",
        "upstream",
        "marker",
        sqlite_where=text(_MARKED),
        postgresql_where=text(_MARKED),
    ),
)

# How much of the inbox each tenant has: kept with every row that comes and goes, so that nobody counts them.
inbox_usage = Table(
    "inbox_usage",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("row_count", BigInteger, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
)

# Events of carts and checkouts, written with the change they tell of (see gateway/storage/outbox.py), removed when no
# subscription waits for them. `sequence` is the version of the resource, and so the order of its events. `position` numbers
# the committed events of a tenant and kind of resource without gaps; it is given shortly after (see gateway/hub/events.py).
hub_event = Table(
    "hub_event",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("resource", String(16), nullable=False),
    Column("resource_id", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("position", BigInteger),
    Column("event_type", String(64), nullable=False),
    Column("field_path", Text),
    Column("correlation_id", String(128)),
    Column("document_bytes", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    # Of a cart: whether v4 shows the document as it is; otherwise (null: nobody has looked) it is looked at.
    Column("v4_complete", Boolean),
    # The client that made the resource: a partner is told of its own alone.
    Column("owner", String(64)),
    Index("ix_hub_event_position", "tenant", "resource", "position"),
    Index("ix_hub_event_resource", "tenant", "resource", "resource_id", "position"),
    Index(
        "ix_hub_event_new",
        "tenant",
        "resource",
        "resource_id",
        "sequence",
        sqlite_where=text("position IS NULL"),
        postgresql_where=text("position IS NULL"),
    ),
)

# The last position given, by kind of resource.
hub_sequence = Table(
    "hub_sequence",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("resource", String(16), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

# Who is told of events. State: active, disabled.
hub_subscription = Table(
    "hub_subscription",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("resource", String(16), nullable=False),
    Column("version", String(8), nullable=False),
    Column("callback", Text, nullable=False),
    Column("query", Text),
    # Hash of resource, version, callback and query: the same subscription is not made twice.
    Column("fingerprint", String(64), nullable=False),
    # The client that made it: it ends it, or an administrator. None: made before this was recorded.
    Column("owner", String(64)),
    # The client of whose resources alone it is told (the one that made it, a partner); None: of all of the tenant's.
    Column("owner_scope", String(64)),
    # What its client put before the paths: references in its events begin with it while no public address is set.
    Column("base_url", Text),
    # Signing secrets, newest first, separated by blanks; each makes a signature.
    Column("secrets", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_reason", Text),
    # Every event up to this position was delivered, was not asked for, or waits behind a row of hub_blocked.
    Column("position", BigInteger, nullable=False),
    # Failures since the last success, and when the first of them was.
    Column("failures", Integer, nullable=False),
    Column("failing_since", Moment),
    Column("last_success_at", Moment),
    Column("last_failure_at", Moment),
    Column("last_failure", Text),
    # Events not delivered for good: given up one by one, or left when the subscription was switched off.
    Column("events_dropped", BigInteger, nullable=False),
    # Nothing is sent before this; the earliest due row of hub_blocked.
    Column("due_at", Moment, nullable=False),
    Column("blocked_due_at", Moment),
    Column("fence", BigInteger, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_until", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("tenant", "fingerprint", name="uq_hub_subscription_fingerprint"),
    Index("ix_hub_subscription_state", "tenant", "resource", "state"),
)

# Resources of which a subscriber did not take an event: that event, and so every later one, waits. One row a resource.
hub_blocked = Table(
    "hub_blocked",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("subscription_id", String(64), primary_key=True),
    Column("resource_id", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["tenant", "subscription_id"], ["hub_subscription.tenant", "hub_subscription.id"], ondelete="CASCADE"
    ),
)
