"""Every table. Each row carries its tenant, each primary key begins with it, and every query of a client's names it.

The searches for due work go over all tenants on purpose: they return the tenant that everything after them names.

Times are integers, microseconds since 1970 in UTC (`Moment` turns them into aware datetimes): they compare alike in both
databases and lose nothing. Documents are JSON text, kept as they were written.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FREE: Final = "checkout_id IS NULL"
_DUE: Final = "due_at IS NOT NULL"
_TRACK_DUE: Final = "track_due_at IS NOT NULL"
_UNFINISHED: Final = "state IN ('accepted', 'draft', 'drafting', 'held', 'submitted', 'submitting')"


class Moment(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the stored integer of `value`."""
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the aware datetime of the stored integer."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

cart = Table(
    "cart",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("document", Text, nullable=False),
    # The checkout that holds the cart; while it is set the cart does not change.
    Column("checkout_id", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    # The end of its validity (none: it does not expire), and whether a client said so: then changes do not move it.
    Column("expires_at", Moment),
    Column("expiry_given", Boolean, nullable=False, server_default=false()),
    Index("ix_cart_created", "tenant", "created_at", "id"),
    # What the sweep looks at: carts that no checkout holds.
    Index("ix_cart_expires", "expires_at", sqlite_where=text(_FREE), postgresql_where=text(_FREE)),
)

# Which carts a party has to do with: `relatedParty.id` of the document, written with it.
cart_party = Table(
    "cart_party",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("cart_id", String(64), primary_key=True),
    Column("party_id", String(255), primary_key=True),
    Index("ix_cart_party_party", "tenant", "party_id", "cart_id"),
)

checkout = Table(
    "checkout",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("status_reason", Text),
    Column("external_id", String(255)),
    Column("upstream", String(64), nullable=False),
    Column("mapping", String(64), nullable=False),
    # Where it came from.
    Column("cart_id", String(64)),
    Column("cart_version", Integer),
    Column("cart_live", Boolean, nullable=False),
    Column("idempotency_key", String(255)),
    Column("request_hash", String(64), nullable=False),
    # What the client wants: the submission may be asked for later, and cancelling too.
    Column("submit", Boolean, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
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
    Column("order_id", String(255)),
    Column("order_href", Text),
    Column("order_state", String(64)),
    Column("upstream_state", String(255)),
    # Write-once: the only order that may ever be submitted for this checkout.
    Column("submit_intent_order", String(255)),
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
    Index("ix_checkout_cart", "tenant", "cart_id"),
    Index(
        "uq_checkout_cart_live",
        "tenant",
        "cart_id",
        unique=True,
        sqlite_where=text("cart_live = 1"),
        postgresql_where=text("cart_live"),
    ),
    Index("ix_checkout_order", "tenant", "upstream", "order_id"),
    Index("ix_checkout_external", "tenant", "external_id"),
    Index("ix_checkout_state", "tenant", "state", "created_at"),
    Index("ix_checkout_created", "tenant", "created_at", "id"),
    # What has not ended, for the figures that operators watch.
    Index("ix_checkout_unfinished", "state", sqlite_where=text(_UNFINISHED), postgresql_where=text(_UNFINISHED)),
    # Only what is still to be done: finished checkouts, however many, cost the search for due work nothing.
    Index("ix_checkout_due", "due_at", "tenant", sqlite_where=text(_DUE), postgresql_where=text(_DUE)),
    Index("ix_checkout_track_due", "track_due_at", sqlite_where=text(_TRACK_DUE), postgresql_where=text(_TRACK_DUE)),
)

# The large parts of a checkout, apart from its row so that claims and lists stay small. Kinds: request, cart, order, plan,
# findings, items (which item became which), lines (item id to line id and state).
checkout_document = Table(
    "checkout_document",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("checkout_id", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
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
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
)

# What order systems taught about the size of their calls, where their mapping says more: the most new items of one call.
upstream_limit = Table(
    "upstream_limit",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("upstream", String(64), primary_key=True),
    Column("mapping", String(64), primary_key=True),
    Column("items_max", Integer, nullable=False),
    Column("updated_at", Moment, nullable=False),
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
    ForeignKeyConstraint(["tenant", "checkout_id"], ["checkout.tenant", "checkout.id"], ondelete="CASCADE"),
    Index("ix_abandoned_draft_due", "due_at", sqlite_where=text(_DUE), postgresql_where=text(_DUE)),
)

# Notifications, recorded before they are looked at. State: received, waiting (order unknown), done, dead.
inbox = Table(
    "inbox",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("upstream", String(64), primary_key=True),
    Column("dedup_key", String(255), primary_key=True),
    Column("order_id", String(255)),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),
    Column("received_at", Moment, nullable=False),
    Column("detail", Text),
    Column("raw", Text, nullable=False),
    Index("ix_inbox_due", "due_at", sqlite_where=text(_DUE), postgresql_where=text(_DUE)),
    Index("ix_inbox_order", "tenant", "upstream", "order_id"),
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
