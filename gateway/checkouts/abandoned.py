"""Drafts that are given up: noted with the change that gives them up, so that they are looked for and cleaned up later."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from gateway.checkouts.model import CheckoutRecord
from gateway.storage.tables import abandoned_draft


class AbandonedDraft(Struct, frozen=True, kw_only=True):
    """A draft that is given up, or an order that should not be there; looked for after `after_seconds`, or as the settings say.

    Its order id is None when a call may have made it, or may still make it.
    """

    marker: str
    order_id: str | None
    after_seconds: float | None = None


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
            )
            .on_conflict_do_nothing()
        )
