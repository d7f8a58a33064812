"""Every table. Each row carries its tenant, each primary key begins with it, and every query of a client's names it.

The searches for due work go over all tenants on purpose: they return the tenant that everything after them names.

Times are integers, microseconds since 1970 in UTC (`Moment` turns them into aware datetimes): they compare alike in both
databases and lose nothing. Documents are JSON text, kept as they were written.
"""

from __future__ import annotations

from gateway.storage.tables.base import EPOCH, Moment, metadata
from gateway.storage.tables.carts import cart, cart_party
from gateway.storage.tables.checkout_parts import (
    abandoned_draft,
    checkout_document,
    checkout_history,
    checkout_key,
    checkout_payload,
    checkout_step,
    order_cancellation,
)
from gateway.storage.tables.checkouts import IN_DOUBT, ORDERED_STATES, RELEASED_STATES, UNFINISHED_STATES, checkout
from gateway.storage.tables.events import hub_blocked, hub_event, hub_sequence, hub_subscription, inbox, inbox_usage
from gateway.storage.tables.operations import access_token, audit, login_session, upstream_pause
from gateway.storage.tables.upstreams import (
    found_order,
    hub_registration,
    reconciliation,
    recovery,
    upstream_capability,
    upstream_limit,
)

__all__ = [
    "EPOCH",
    "IN_DOUBT",
    "ORDERED_STATES",
    "RELEASED_STATES",
    "UNFINISHED_STATES",
    "Moment",
    "abandoned_draft",
    "access_token",
    "audit",
    "cart",
    "cart_party",
    "checkout",
    "checkout_document",
    "checkout_history",
    "checkout_key",
    "checkout_payload",
    "checkout_step",
    "found_order",
    "hub_blocked",
    "hub_event",
    "hub_registration",
    "hub_sequence",
    "hub_subscription",
    "inbox",
    "inbox_usage",
    "login_session",
    "metadata",
    "order_cancellation",
    "reconciliation",
    "recovery",
    "upstream_capability",
    "upstream_limit",
    "upstream_pause",
]
