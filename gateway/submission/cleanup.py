"""Cleaning up abandoned drafts: found by id or marker, checked to be inert and not the checkout's order, then marked or deleted.

A late call may still make or fill an abandoned draft, so each is looked at several times over a day. Nothing depends on this
for correctness: an abandoned draft is never submitted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from gateway.errors import UnavailableError
from gateway.ordering.mapping import Mapping as OrderMapping
from gateway.ordering.mapping import is_draft
from gateway.ordering.model import ObservedOrder
from gateway.ordering.render import render_tombstone
from gateway.settings import Settings
from gateway.storage import Database
from gateway.submission import store
from gateway.upstream.outcome import Accepted
from gateway.upstream.port import ReadFailed, Upstream

log = structlog.get_logger(__name__)
BATCH_MAX = 20


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
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End after the draft at hand."""
        self._stopping.set()

    async def run(self) -> None:
        """Clean up until stopped."""
        while not self._stopping.is_set():
            try:
                cleaned = await self.once()
            except UnavailableError:
                cleaned = 0
            if not cleaned:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), max(self._settings.submission.poll_seconds, 1.0))

    async def once(self) -> int:
        """Look at the drafts that are due; return how many there were."""

        def due(connection: Connection) -> list[Row[Any]]:
            return store.due_abandoned(connection, self._database.now(connection), BATCH_MAX)

        rows = await self._database.read(due)
        for row in rows:
            if self._stopping.is_set():
                break
            await self._look_at(row)
        return len(rows)

    async def _look_at(self, row: Row[Any]) -> None:
        waits = self._settings.submission.cleanup_seconds
        # Taken first, so that of two replicas only one goes on; the wait is the next look's, or an hour for a failed one.
        last = row.attempt + 1 >= len(waits)

        def take(connection: Connection) -> bool:
            next_wait = waits[min(row.attempt + 1, len(waits) - 1)]
            due_at = None if last else self._database.now(connection) + timedelta(seconds=next_wait)
            return store.put_off_abandoned(connection, row, due_at, row.outcome or "looked at")

        if not await self._database.write(take):
            return
        outcome = await self._clean(row)
        log.info("draft.cleanup", checkout=row.checkout_id, tenant=row.tenant, order=row.order_id, outcome=outcome)

    async def _clean(self, row: Row[Any]) -> str:
        upstream = self._upstreams.get(row.upstream)
        settings = self._settings.upstreams.get(row.upstream)
        if upstream is None or settings is None:
            return "the upstream is not configured any more"
        mapping = self._mappings[settings.mapping]
        try:
            drafts = await self._find(upstream, row)
        except ReadFailed as error:
            return f"not looked at: {error}"
        outcomes = [await self._clean_one(upstream, mapping, row, draft) for draft in drafts]
        return "; ".join(outcomes) or "nothing found"

    async def _find(self, upstream: Upstream, row: Row[Any]) -> list[ObservedOrder]:
        if row.order_id:
            order = await upstream.get_order(row.order_id)
            return [order] if order is not None else []
        found = await upstream.find(row.marker, since=row.since)
        return list(found.orders)

    async def _clean_one(self, upstream: Upstream, mapping: OrderMapping, row: Row[Any], draft: ObservedOrder) -> str:
        if (why := _keep_off(row, draft)) is not None:
            return f"{draft.id} {why}"
        if not is_draft(mapping, draft.state):
            log.error("draft.live", checkout=row.checkout_id, order=draft.id, state=draft.state)
            return f"{draft.id} is not a draft any more ({draft.state})"
        if mapping.recovery.abandon == "leave":
            return f"{draft.id} left as it is"
        if mapping.recovery.abandon == "delete":
            done = isinstance(await upstream.delete(draft.id), Accepted)
            return f"{draft.id} {'deleted' if done else 'not deleted'}"
        done = isinstance(await upstream.send(render_tombstone(mapping, draft.id, row.marker)), Accepted)
        return f"{draft.id} {'marked abandoned' if done else 'not marked'}"


def _keep_off(row: Row[Any], draft: ObservedOrder) -> str | None:
    """Return why a draft must not be touched, or None."""
    if draft.id == row.submit_intent_order:
        return "may have been submitted"
    if draft.id == row.current_order_id and draft.id != row.order_id:
        return "is the checkout's order"
    if draft.marker is not None and draft.marker != row.marker:
        return "is marked already"
    return None
