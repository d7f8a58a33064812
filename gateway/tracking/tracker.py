"""The tracker: looks at the inbox and at orders that are due, reads each order, and records what it has become."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from gateway.checkouts import store as checkouts
from gateway.checkouts.model import CheckoutRecord, lines_decoder
from gateway.errors import UnavailableError
from gateway.ordering.mapping import Mapping as OrderMapping
from gateway.ordering.model import ObservedOrder
from gateway.settings import Settings, UpstreamLimits
from gateway.storage import Database
from gateway.tmf.json import decode_stored, encode_json
from gateway.tracking import store
from gateway.tracking.machine import Applied, apply_observation, line_states
from gateway.tracking.store import DEAD, DONE, WAITING
from gateway.upstream.port import ReadFailed, Upstream

log = structlog.get_logger(__name__)
BATCH_MAX = 100
CONCURRENCY_MAX = 8
EARLY_EVENT_SECONDS = 5.0


class Tracker:
    """Follows the live orders of one process. `wake` makes it look at once."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        upstreams: Mapping[str, Upstream],
        mappings: Mapping[str, OrderMapping],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._database = database
        self._upstreams = upstreams
        self._mappings = mappings
        self._monotonic = monotonic
        self._wake = asyncio.Event()
        self._stopping = False
        self._last_read: dict[tuple[str, str, str], float] = {}
        self._slots = asyncio.Semaphore(CONCURRENCY_MAX)

    def wake(self) -> None:
        """Look for due events and orders now."""
        self._wake.set()

    def stop(self) -> None:
        """End after the round at hand."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Follow orders until stopped."""
        while not self._stopping:
            self._wake.clear()
            try:
                done = await self.once()
            except UnavailableError as error:
                log.warning("tracking.failed", reason=error.message)
                done = 0
            if not done:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._settings.submission.poll_seconds)

    async def once(self) -> int:
        """Look at what is due; return how much there was."""

        def due(connection: Connection) -> tuple[list[Row[Any]], list[CheckoutRecord]]:
            now = self._database.now(connection)
            return store.due_events(connection, now, BATCH_MAX), store.due_orders(connection, now, BATCH_MAX)

        events, orders = await self._database.read(due)
        by_order: dict[tuple[str, str, str], list[Row[Any]]] = {}
        for row in events:
            by_order.setdefault((row.tenant, row.upstream, row.order_id), []).append(row)
        await asyncio.gather(
            *(self._guarded(self._look_at_events(key, rows)) for key, rows in by_order.items()),
            *(self._guarded(self._look_at_order(record)) for record in orders),
        )
        return len(events) + len(orders)

    async def _guarded(self, work: Any) -> None:
        async with self._slots:
            try:
                await work
            except UnavailableError as error:
                log.warning("tracking.put_off", reason=error.message)
            except Exception:
                log.exception("tracking.crashed")

    async def _look_at_events(self, key: tuple[str, str, str], rows: list[Row[Any]]) -> None:
        """Process the notifications of one order with at most one reading of it."""
        tenant, upstream, order_id = key
        record = await self._database.read(
            lambda connection: checkouts.get_by_order(connection, tenant, upstream, order_id)
        )
        if record is None or record.state in {"accepted", "drafting", "draft", "submitting"}:
            await self._keep_for_later(
                rows, "the order is not known" if record is None else f"checkout is {record.state}"
            )
            return
        since_read = self._monotonic() - self._last_read.get(key, float("-inf"))
        if since_read < self._settings.tracking.coalesce_seconds:
            await self._settle(rows, rows[0].state, self._settings.tracking.coalesce_seconds, "waits for its turn")
            return
        try:
            detail = await self._read_and_apply(record)
        except ReadFailed as error:
            exhausted = max(row.attempts for row in rows) + 1 >= self._settings.tracking.attempts_max
            await self._settle(rows, DEAD if exhausted else rows[0].state, self._read_seconds(upstream), str(error))
            return
        await self._settle(rows, DONE, None, detail)

    async def _keep_for_later(self, rows: list[Row[Any]], why: str) -> None:
        kept_hours = timedelta(hours=self._settings.tracking.unmatched_hours)
        now = await self._database.read(self._database.now)
        old = [row for row in rows if now - row.received_at > kept_hours]
        young = [row for row in rows if now - row.received_at <= kept_hours]
        if old:
            await self._settle(
                old, DEAD, None, f"{why}, and was not for {self._settings.tracking.unmatched_hours:g} hours"
            )
        if young:
            wait = min(EARLY_EVENT_SECONDS * 2 ** min(young[0].attempts, 8), 900.0)
            await self._settle(young, WAITING, wait, why)

    async def _settle(self, rows: list[Row[Any]], state: str, wait_seconds: float | None, detail: str) -> None:
        def function(connection: Connection) -> None:
            now = self._database.now(connection)
            due_at = None if wait_seconds is None else now + timedelta(seconds=wait_seconds)
            for row in rows:
                store.settle_event(connection, row, state=state, due_at=due_at, detail=detail)

        await self._database.write(function)

    async def _look_at_order(self, record: CheckoutRecord) -> None:
        """Read an order whose time has come: its notifications may have been lost."""

        def take(connection: Connection) -> bool:
            # A reading that comes to nothing (this process is killed, the read fails) is made up for after that time.
            due_at = self._database.now(connection) + timedelta(seconds=2 * self._read_seconds(record.upstream))
            return store.put_off_order(connection, record, due_at)

        if not await self._database.write(take):
            return
        try:
            await self._read_and_apply(record)
        except ReadFailed as error:
            log.warning("tracking.read_failed", checkout=record.id, tenant=record.tenant, reason=str(error))

    def _read_seconds(self, upstream: str) -> float:
        """Return how long reading an order may take."""
        settings = self._settings.upstreams.get(upstream)
        return (settings.limits if settings is not None else UpstreamLimits()).deadline_seconds

    async def _read_and_apply(self, record: CheckoutRecord) -> str:
        """Read the order and record what it has become; return a sentence about it."""
        upstream = self._upstreams.get(record.upstream)
        mapping = self._mappings.get(record.mapping)
        if upstream is None or mapping is None or record.order_id is None:
            raise ReadFailed("the upstream or its mapping is not configured any more")
        self._last_read[record.tenant, record.upstream, record.order_id] = self._monotonic()
        self._forget_old_reads()
        observed = await upstream.get_order(record.order_id)
        if observed is None:
            return await self._vanished(record)
        applied = await self._apply(record, observed, mapping)
        return applied.ignored or "applied"

    async def _vanished(self, record: CheckoutRecord) -> str:
        """Hold a checkout whose live order the order system does not know any more: a person must look."""

        def function(connection: Connection) -> str:
            current = checkouts.get_for_update(connection, record.tenant, record.id)
            if current is None or current.state != "submitted":
                return "the order does not exist (any more)"
            why = f"order {record.order_id} was submitted and does not exist (any more)"
            changes = {"state": "held", "status_reason": why, "track_due_at": None}
            checkouts.change(connection, current, changes, self._database.now(connection))
            return why

        return await self._database.write(function)

    async def _apply(self, record: CheckoutRecord, observed: ObservedOrder, mapping: OrderMapping) -> Applied:
        poll_seconds = self._settings.tracking.poll_seconds

        def function(connection: Connection) -> Applied:
            current = checkouts.get_for_update(connection, record.tenant, record.id)
            if current is None:
                return Applied(ignored="the checkout is gone")
            now: datetime = self._database.now(connection)
            applied = apply_observation(current, observed, mapping, now, poll_seconds)
            if applied.changes:
                checkouts.change(connection, current, applied.changes, now)
                if "order_state" in applied.changes:
                    self._record_lines(connection, current, observed, mapping)
            return applied

        applied = await self._database.write(function)
        if "state" in applied.changes:
            log.info(
                "checkout.state",
                checkout=record.id,
                tenant=record.tenant,
                state=applied.changes["state"],
                order=record.order_id,
            )
        return applied

    def _record_lines(
        self, connection: Connection, record: CheckoutRecord, observed: ObservedOrder, mapping: OrderMapping
    ) -> None:
        stored = checkouts.documents(connection, record.tenant, record.id, ("items", "lines"))
        item_ids = [pair["productOrderItemId"] for pair in decode_stored(stored.get("items", "[]"))]
        lines = line_states(item_ids, lines_decoder.decode(stored.get("lines", "{}")), observed, mapping)
        checkouts.put_documents(connection, record.tenant, record.id, {"lines": encode_json(lines)})

    def _forget_old_reads(self) -> None:
        if len(self._last_read) > 10_000:  # noqa: PLR2004 - bounds memory; what is forgotten is read once more
            horizon = self._monotonic() - self._settings.tracking.coalesce_seconds
            self._last_read = {key: at for key, at in self._last_read.items() if at > horizon}
