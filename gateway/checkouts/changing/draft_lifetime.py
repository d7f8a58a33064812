"""Drafts have a lifetime: one that was not touched for `checkout.draft_days` is cancelled, with the reason `expired`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, Select, select

from gateway.background import Loop
from gateway.checkouts.row_changes import because
from gateway.checkouts.stored import store
from gateway.clock import timestamp_text
from gateway.services import Services
from gateway.storage.tables import checkout

log = structlog.get_logger(__name__)
SWEEP_SECONDS: Final = 300.0
# Drafts cancelled in one transaction: other writes wait for no more.
BATCH_MAX: Final = 100


class DraftLifetime:
    """Looks for drafts whose lifetime is over from time to time; the worker then cancels them as their clients would."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.loop = Loop("draft_lifetime", self._round, seconds=SWEEP_SECONDS)

    async def _round(self) -> bool:
        return await self.once() == BATCH_MAX

    async def once(self) -> int:
        """Let the drafts end that are to end now, `BATCH_MAX` at most; return how many that were."""
        lifetime = timedelta(days=self._services.settings.checkout.draft_days)
        if not lifetime:
            return 0
        database = self._services.database
        # Mostly there are none: then nothing is written, and no other write waits.
        if not await database.read(lambda connection: is_any_due(connection, lifetime, database.now(connection))):
            return 0
        ended = await database.write(lambda connection: end_drafts(connection, lifetime, database.now(connection)))
        if ended:
            log.info("drafts.expired", checkouts=ended)
            self._services.work_due.notify()
        return ended


def is_any_due(connection: Connection, lifetime: timedelta, now: datetime) -> bool:
    """Tell whether there is a draft, of any tenant, that nobody touched for `lifetime`."""
    return connection.execute(_untouched(lifetime, now).limit(1)).first() is not None


def _untouched(lifetime: timedelta, now: datetime) -> Select[tuple[str, str]]:
    table = checkout.c
    return select(table.tenant, table.id).where(
        table.state == "draft",
        table.submit.is_(False),
        table.cancel_requested.is_(False),
        table.updated_at < now - lifetime,
    )


def end_drafts(connection: Connection, lifetime: timedelta, now: datetime) -> int:
    """Ask for the cancellation of drafts that nobody touched for `lifetime`, of every tenant; return how many there were."""
    query = _untouched(lifetime, now).order_by(checkout.c.updated_at).limit(BATCH_MAX)
    ended = 0
    for row in connection.execute(query.with_for_update(skip_locked=True)).all():
        record = store.get_for_update(connection, row.tenant, row.id)
        if record is None:
            continue
        since = timestamp_text(record.updated_at)
        why = f"the draft was not touched since {since}, longer than drafts are kept here (checkout.draft_days)"
        store.change(
            connection,
            record,
            {"cancel_requested": True, "due_at": now, "awaiting": None, **because("expired", why)},
            now,
        )
        ended += 1
    return ended
