"""Orders that the clean-up looks for: drafts that are given up, noted with the change that gives them up, and own orders that ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.stored import keys
from gateway.storage.tables import abandoned_draft

# What became of an order that was given up: not looked for yet, not there, marked as void or deleted, left as a draft, live.
OrderGivenUp: TypeAlias = Literal["abandoned", "absent", "voided", "left", "live"]
# Why an order is looked for: its checkout does not go on with it; or it is the checkout's own that came to nothing, and another one may
# live in its place.
WhyLookedFor: TypeAlias = Literal["given_up", "own_ended"]


class GivenUp(Struct, frozen=True, kw_only=True):
    """An order that a checkout does not go on with: its id (None: no answer named it), its marker, and what became of it.

    `state` is `abandoned` until it was looked for; then what was found.
    """

    order_id: str | None
    marker: str
    state: OrderGivenUp


def abandoned_of(connection: Connection, tenant: str, checkout_ids: Collection[str]) -> dict[str, list[GivenUp]]:
    """Return the orders that checkouts do not go on with, the first ones first, by checkout id."""
    table = abandoned_draft
    query = (
        select(table.c.checkout_id, table.c.marker, table.c.order_id, table.c.state)
        .where(table.c.tenant == tenant, table.c.checkout_id.in_(list(checkout_ids)), table.c.why == "given_up")
        .order_by(table.c.checkout_id, table.c.since, func.length(table.c.marker), table.c.marker)
    )
    found: dict[str, list[GivenUp]] = {}
    for row in connection.execute(query):
        order = GivenUp(order_id=row.order_id or None, marker=row.marker, state=row.state or "abandoned")
        found.setdefault(row.checkout_id, []).append(order)
    return found


class AbandonedDraft(Struct, frozen=True, kw_only=True):
    """A draft that is given up, or an order that should not be there; looked for after `after_seconds`, or as the settings say.

    Its order id is None when a call may have made it, or may still make it. `why` is `own_ended` for the checkout's own order.
    """

    marker: str
    order_id: str | None
    after_seconds: float | None = None
    why: WhyLookedFor = "given_up"


class DueDraft(Struct, frozen=True, kw_only=True):
    """A draft that was given up and is to be looked for now, beside what its checkout says at this moment.

    `order_id` is "" when no id is known; `due_at` is None once nobody looks for it any more.
    """

    tenant: str
    checkout_id: str
    marker: str
    order_id: str
    upstream: str
    since: datetime
    attempt: int
    due_at: datetime | None
    submit_intent_order: str | None
    current_order_id: str | None
    checkout_state: str
    why: WhyLookedFor = "given_up"
    correlation_id: str | None = None
    trace_parent: str | None = None


def abandon(
    connection: Connection,
    record: CheckoutRecord,
    drafts: Iterable[AbandonedDraft],
    now: datetime,
    cleanup_after_seconds: float,
) -> None:
    """Note drafts of a checkout that are given up; the clean-up looks for them from `cleanup_after_seconds` on."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for draft in drafts:
        connection.execute(
            dialect.insert(abandoned_draft)
            .values(
                tenant=record.tenant,
                checkout_id=record.id,
                marker=draft.marker,
                order_id=draft.order_id or "",
                upstream=record.upstream,
                since=record.first_sent_at or now,
                attempt=0,
                due_at=now + timedelta(seconds=max(cleanup_after_seconds, draft.after_seconds or 0.0)),
                why=draft.why,
            )
            .on_conflict_do_nothing()
        )
        keys.add_keys(
            connection, record.tenant, record.id, [("productOrder", draft.order_id), ("marker", draft.marker)]
        )
