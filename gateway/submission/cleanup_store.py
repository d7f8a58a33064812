"""Drafts that were given up, and what the clean-up records of them: plain functions over a connection."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, and_, select, update

from gateway.checkouts.stored import keys
from gateway.checkouts.stored.abandoned import DueDraft, OrderGivenUp
from gateway.checkouts.stored.due import lanes_due
from gateway.lanes import Lane, from_each
from gateway.storage.tables import abandoned_draft, checkout

_DUE_LANES: Final = lanes_due(abandoned_draft.c.due_at)
_abandoned_drafts = select(
    abandoned_draft.c.tenant,
    abandoned_draft.c.checkout_id,
    abandoned_draft.c.marker,
    abandoned_draft.c.order_id,
    abandoned_draft.c.upstream,
    abandoned_draft.c.since,
    abandoned_draft.c.attempt,
    abandoned_draft.c.due_at,
    abandoned_draft.c.why,
    checkout.c.submit_intent_order,
    checkout.c.order_id.label("current_order_id"),
    checkout.c.state.label("checkout_state"),
    checkout.c.correlation_id,
    checkout.c.trace_parent,
).join(checkout, and_(checkout.c.tenant == abandoned_draft.c.tenant, checkout.c.id == abandoned_draft.c.checkout_id))


def due_abandoned(connection: Connection, now: datetime, limit: int) -> list[DueDraft]:
    """Return abandoned drafts that are due to be cleaned up: of every tenant and order system in turn, its longest due first."""
    lanes = [Lane(*row) for row in connection.execute(_DUE_LANES, {"now": now})]

    def read(lane: Lane, most: int) -> list[DueDraft]:
        query = (
            _abandoned_drafts.where(
                abandoned_draft.c.tenant == lane.tenant, abandoned_draft.c.upstream == lane.upstream
            )
            .where(abandoned_draft.c.due_at <= now)
            .order_by(abandoned_draft.c.due_at)
            .limit(most)
        )
        return [DueDraft(**row) for row in connection.execute(query).mappings()]

    return from_each(lanes, limit, read)


def take_abandoned(connection: Connection, draft: DueDraft, due_at: datetime) -> DueDraft | None:
    """Take an abandoned draft to be looked at by setting its next time; return it as it is now with its checkout.

    None when another worker was faster. What the checkout may have submitted is read in this same transaction.
    """
    taken = connection.execute(
        update(abandoned_draft).where(*_is_draft(draft), abandoned_draft.c.due_at == draft.due_at).values(due_at=due_at)
    ).rowcount
    if not taken:
        return None
    return DueDraft(**connection.execute(_abandoned_drafts.where(*_is_draft(draft))).mappings().one())


def record_cleanup(
    connection: Connection,
    draft: DueDraft,
    *,
    attempt: int,
    due_at: datetime | None,
    outcome: str,
    state: OrderGivenUp,
    found: str | None = None,
) -> None:
    """Record what a clean-up found and when to look again (None: not any more).

    `found` is the id of a draft that was found by its marker: from now on it is read by its id, for its marker is another one as soon as
    the draft is marked, or may be.
    """
    named = {}
    if found is not None and not draft.order_id:
        known = select(abandoned_draft.c.order_id).where(*_is_draft(replace(draft, order_id=found)))
        if connection.execute(known).first() is None:
            named = {"order_id": found}
            keys.add_keys(connection, draft.tenant, draft.checkout_id, [("productOrder", found)])
    connection.execute(
        update(abandoned_draft)
        .where(*_is_draft(draft))
        .values(attempt=attempt, due_at=due_at, outcome=outcome, state=state, **named)
    )


def _is_draft(draft: DueDraft) -> tuple[ColumnElement[bool], ...]:
    return (
        abandoned_draft.c.tenant == draft.tenant,
        abandoned_draft.c.checkout_id == draft.checkout_id,
        abandoned_draft.c.marker == draft.marker,
        abandoned_draft.c.order_id == draft.order_id,
    )
