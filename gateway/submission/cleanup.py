"""Cleaning up abandoned drafts: found by id or marker, checked to be inert and not the checkout's order, then marked or deleted.

A late call may still make or fill an abandoned draft, so each is looked at several times over a day. Nothing depends on this
for correctness: an abandoned draft is never submitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Connection, Row

from gateway.background import Loop
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import ObservedOrder, carries, is_draft, render_tombstone
from gateway.settings import Settings
from gateway.storage import Database
from gateway.submission import store
from gateway.upstream.outcome import Accepted, Rejected
from gateway.upstream.port import ReadFailed, Upstream

log = structlog.get_logger(__name__)
BATCH_MAX: Final = 20
TAKEN_SECONDS: Final = 600.0
# A look that could not be completed (the order system is away) is repeated after this, up to this age of the draft.
FAILED_LOOK_SECONDS: Final = 600.0
FAILED_LOOKS_AGE_MAX: Final = timedelta(days=30)


class Cleanup:
    """Looks after abandoned drafts, a few at a time."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        upstreams: Mapping[str, Upstream],
        mappings: Mapping[str, OrderMapping],
    ) -> None:
        self._settings = settings
        self._database = database
        self._upstreams = upstreams
        self._mappings = mappings
        self.loop = Loop("cleanup", self._round, seconds=max(settings.submission.poll_seconds, 1.0))

    async def _round(self) -> bool:
        return bool(await self.once())

    async def once(self) -> int:
        """Look at the drafts that are due; return how many there were."""

        def due(connection: Connection) -> list[Row[Any]]:
            return store.due_abandoned(connection, self._database.now(connection), BATCH_MAX)

        rows = await self._database.read(due)
        for row in rows:
            if self.loop.stopping:
                break
            await self._look_at(row)
        return len(rows)

    async def _look_at(self, row: Row[Any]) -> None:
        def take(connection: Connection) -> Row[Any] | None:
            # Until the look is recorded, this is when somebody else may try: after a call that hangs, and then some.
            due_at = self._database.now(connection) + timedelta(seconds=TAKEN_SECONDS)
            return store.take_abandoned(connection, row, due_at)

        taken = await self._database.write(take)
        if taken is None:
            return
        look = await self._clean(taken)
        waits = self._settings.submission.cleanup_seconds

        def record(connection: Connection) -> None:
            now = self._database.now(connection)
            attempt = taken.attempt + 1 if look.done else taken.attempt
            due_at: datetime | None = None
            if not look.done and now - taken.since < FAILED_LOOKS_AGE_MAX:
                due_at = now + timedelta(seconds=FAILED_LOOK_SECONDS)
            elif look.done and attempt < len(waits):
                due_at = now + timedelta(seconds=waits[attempt])
            store.record_cleanup(connection, taken, attempt=attempt, due_at=due_at, outcome=look.outcome)

        await self._database.write(record)
        log.info("draft.cleanup", checkout=row.checkout_id, tenant=row.tenant, order=row.order_id, outcome=look.outcome)

    async def _clean(self, row: Row[Any]) -> _Look:
        upstream = self._upstreams.get(row.upstream)
        settings = self._settings.upstreams.get(row.upstream)
        if upstream is None or settings is None:
            return _Look(done=False, outcome="the upstream is not configured any more")
        mapping = self._mappings[settings.mapping]
        try:
            drafts, complete = await self._find(upstream, row)
        except ReadFailed as error:
            return _Look(done=False, outcome=f"not looked at: {error}")
        looks = [await self._clean_one(upstream, mapping, row, draft) for draft in drafts]
        if not looks:
            return _Look(done=complete, outcome="nothing found" if complete else "not looked at: incomplete search")
        return _Look(
            done=complete and all(look.done for look in looks), outcome="; ".join(look.outcome for look in looks)
        )

    async def _find(self, upstream: Upstream, row: Row[Any]) -> tuple[list[ObservedOrder], bool]:
        """Return the drafts of the row, each read by its id, and whether these are all."""
        if row.order_id:
            order = await upstream.get_order(row.order_id)
            return ([order] if order is not None else []), True
        found = await upstream.find(row.marker, since=row.since)
        orders = [await upstream.get_order(hit.id) for hit in found.orders]
        return [order for order in orders if order is not None], found.complete

    async def _clean_one(self, upstream: Upstream, mapping: OrderMapping, row: Row[Any], draft: ObservedOrder) -> _Look:
        if (why := _keep_off(row, draft, mapping)) is not None:
            return _Look(done=True, outcome=f"{draft.id} {why}")
        if not is_draft(mapping, draft.state):
            log.error("draft.live", checkout=row.checkout_id, tenant=row.tenant, order=draft.id, state=draft.state)
            return _Look(done=True, outcome=f"{draft.id} is not a draft any more ({draft.state})")
        if mapping.recovery.abandon == "leave":
            return _Look(done=True, outcome=f"{draft.id} left as it is")
        if mapping.recovery.abandon == "delete":
            outcome, verb = await upstream.delete(draft.id), "deleted"
        else:
            outcome, verb = await upstream.send(render_tombstone(mapping, draft.id, row.marker)), "marked abandoned"
        if isinstance(outcome, Accepted):
            return _Look(done=True, outcome=f"{draft.id} {verb}")
        # A refusal will not change by itself; the later looks will try once more all the same.
        return _Look(done=isinstance(outcome, Rejected), outcome=f"{draft.id} not {verb}: {outcome.detail}")


class _Look(NamedTuple):
    """What one look found; not `done` when it has to be repeated soon."""

    done: bool
    outcome: str


def _keep_off(row: Row[Any], draft: ObservedOrder, mapping: OrderMapping) -> str | None:
    """Return why a draft must not be touched, or None."""
    if draft.id == row.submit_intent_order and row.checkout_state != "rejected":
        # Only a checkout whose submission was refused for certain, with no call in doubt, is rejected with a draft left.
        return "may have been submitted"
    if draft.id == row.current_order_id and draft.id != row.order_id:
        return "is the checkout's order"
    if draft.marker.is_shown and not carries(draft, row.marker, mapping):
        return "is marked already"
    return None
