"""The worker: claims due checkouts and performs what the machine decides, one durable step at a time.

Every action is: decide (pure), perform, record in one transaction. The intent is committed before a call is sent; the
outcome is recorded after. Whatever stops the process in between leaves a SENDING step that the next claim finds.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from gateway.checkouts.model import CheckoutRecord
from gateway.errors import StaleLeaseError, UnavailableError
from gateway.metrics import Metrics
from gateway.ordering.mapping import Mapping as OrderMapping
from gateway.ordering.render import render
from gateway.settings import Settings
from gateway.storage import Database
from gateway.submission import store
from gateway.submission.actions import Action, FindMarker, Policy, ReadOrder, Save, Send, Work
from gateway.submission.endings import held, read_failed
from gateway.submission.machine import after_find, after_read, next_action
from gateway.submission.outcomes import after_send
from gateway.upstream.port import FindResult, ReadFailed, Upstream

log = structlog.get_logger(__name__)

# A draft whose lines are not what was sent three times over will not become right the fourth time.
MISMATCHES_MAX = 3
# A POST that is live at once is sent again only after proof; after three lost ones a person should look.
LIVE_POSTS_MAX = 3


class Worker:
    """Works on the checkouts of one process. `wake` makes it look for due work at once."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        upstreams: Mapping[str, Upstream],
        mappings: Mapping[str, OrderMapping],
        owner: str,
        monotonic: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
        on_submitted: Callable[[CheckoutRecord], None] = lambda _record: None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._upstreams = upstreams
        self._mappings = mappings
        self._owner = owner
        self._monotonic = monotonic
        self._metrics = metrics or Metrics()
        self._on_submitted = on_submitted
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    def wake(self) -> None:
        """Look for due work now: something was accepted, submitted or cancelled."""
        self._wake.set()

    @property
    def busy(self) -> int:
        """How many checkouts are being worked on at this moment."""
        return len(self._running)

    async def run(self) -> None:
        """Claim and work until cancelled or stopped. Survives a database that is away for a while."""
        while not self._stopping:
            self._wake.clear()
            try:
                claimed = await self._claim()
            except UnavailableError as error:
                log.warning("claim.failed", reason=error.message)
                claimed = []
            for record in claimed:
                task = asyncio.create_task(self._guarded(record), name=f"checkout {record.id}")
                self._running.add(task)
                task.add_done_callback(self._done)
            if not claimed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._settings.submission.poll_seconds)
            elif len(self._running) >= self._settings.submission.concurrency_max:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, drain_seconds: float) -> None:
        """Claim nothing more, let the calls in flight end, then cancel what is left: those steps stay SENDING."""
        self._stopping = True
        self._wake.set()
        if self._running:
            await asyncio.wait(self._running, timeout=drain_seconds)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _claim(self) -> list[CheckoutRecord]:
        room = self._settings.submission.concurrency_max - len(self._running)
        if room <= 0:
            return []
        lease_seconds = self._settings.submission.lease_seconds

        def claim_all(connection: Connection) -> list[CheckoutRecord]:
            now = self._database.now(connection)
            tenants = store.tenants_with_due_work(connection, now)
            claimed: list[CheckoutRecord] = []
            # Every tenant gets its share of the room, so that one with a long queue does not starve the others.
            for index, tenant in enumerate(tenants):
                share = -(-(room - len(claimed)) // (len(tenants) - index))
                claimed += store.claim(
                    connection, tenant, now, owner=self._owner, lease_seconds=lease_seconds, limit=share
                )
            return claimed

        due = await self._database.read(
            lambda connection: bool(store.tenants_with_due_work(connection, self._database.now(connection)))
        )
        return await self._database.write(claim_all) if due else []

    async def _guarded(self, record: CheckoutRecord) -> None:
        """Work on one checkout; whatever goes wrong with it stays with it."""
        try:
            await self._work_on(record)
        except StaleLeaseError:
            log.info("lease.lost", checkout=record.id, tenant=record.tenant)
        except UnavailableError as error:
            log.warning("checkout.put_off", checkout=record.id, tenant=record.tenant, reason=error.message)
        except Exception:
            # The lease runs out and the checkout is claimed again; after too many such claims it is held.
            log.exception("checkout.crashed", checkout=record.id, tenant=record.tenant)

    async def _work_on(self, record: CheckoutRecord) -> None:
        upstream = self._upstreams.get(record.upstream)
        mapping = self._mappings.get(record.mapping)
        order, plan, known = await self._database.read(lambda connection: store.frozen_parts(connection, record))
        if upstream is None or mapping is None:
            log.error("checkout.unknown_upstream", checkout=record.id, upstream=record.upstream, mapping=record.mapping)
            return
        work = Work(
            record=record, order=order, plan=plan, mapping=mapping, policy=self._policy(record, mapping), known=known
        )
        turn = _Turn(self, work, upstream)
        if record.claims_without_progress > self._settings.submission.claims_without_progress_max:
            await turn.save(held(work, f"{record.claims_without_progress} claims ended without a result"))
            return
        await turn.run()

    def _policy(self, record: CheckoutRecord, mapping: OrderMapping) -> Policy:
        submission = self._settings.submission
        limits = self._settings.upstreams[record.upstream].limits
        return Policy(
            deadline_seconds=limits.deadline_seconds,
            settle_seconds=submission.settle_seconds,
            quiet_seconds=limits.quiet_seconds if limits.quiet_seconds >= 0 else mapping.recovery.quiet_seconds,
            retry_seconds=submission.retry_seconds,
            probe_seconds=submission.probe_seconds,
            attempts_max=submission.attempts_max,
            generations_max=submission.generations_max,
            mismatches_max=MISMATCHES_MAX,
            live_posts_max=LIVE_POSTS_MAX,
            track_after_seconds=self._settings.tracking.poll_seconds[0],
        )

    async def save(self, work: Work, decision: Save) -> tuple[CheckoutRecord, datetime]:
        """Record a decision; return the new record and the database's time."""

        def function(connection: Connection) -> tuple[CheckoutRecord, datetime]:
            now = self._database.now(connection)
            fresh = store.save(
                connection,
                work.record,
                decision,
                now,
                plan=work.plan,
                known=work.known,
                lease_seconds=self._settings.submission.lease_seconds,
                cleanup_after_seconds=self._settings.submission.cleanup_seconds[0],
            )
            return fresh, now

        fresh, now = await self._database.write(function)
        if fresh.state != work.record.state:
            log.info("checkout.state", checkout=fresh.id, tenant=fresh.tenant, state=fresh.state, order=fresh.order_id)
            if fresh.state == "submitted":
                self._on_submitted(fresh)
        return fresh, now

    def count(self, upstream: str, kind: str, outcome: str) -> None:
        """Count the outcome of a call."""
        self._metrics.step_outcome(upstream, kind, outcome)

    def lease_left(self, leased_at: float) -> float:
        """Return for how many seconds a lease taken at the monotonic time `leased_at` is surely still held."""
        return self._settings.submission.lease_seconds - (self._monotonic() - leased_at)

    def monotonic(self) -> float:
        """Return the monotonic time that leases are measured with inside this process."""
        return self._monotonic()

    @property
    def guard_seconds(self) -> float:
        """The margin that must be left of a lease after a call's deadline."""
        return self._settings.submission.guard_seconds


class _Turn:
    """One claim of one checkout, from the claim to the rest."""

    def __init__(self, worker: Worker, work: Work, upstream: Upstream) -> None:
        self._worker = worker
        self._work = work
        self._upstream = upstream
        self._leased_at = worker.monotonic()
        self._seen_at = work.record.lease_until - timedelta(seconds=worker._settings.submission.lease_seconds)  # noqa: SLF001 - one class in two parts

    def _now(self) -> datetime:
        """Return the database's time: as it was last seen, plus what has passed here since."""
        return self._seen_at + timedelta(seconds=self._worker.monotonic() - self._leased_at)

    async def save(self, decision: Save) -> None:
        """Record a decision and take over the new record."""
        work = self._work
        record, self._seen_at = await self._worker.save(work, decision)
        self._leased_at = self._worker.monotonic()
        known = {} if decision.lines is None else work.known | decision.lines
        self._work = Work(
            record=record, order=work.order, plan=work.plan, mapping=work.mapping, policy=work.policy, known=known
        )

    async def run(self) -> None:
        """Decide and perform until the checkout rests."""
        while True:
            decision = await self._perform(next_action(self._work, self._now()))
            await self.save(decision)
            if decision.rest:
                return

    async def _perform(self, action: Action) -> Save:
        """Perform an action and those that follow from it until there is something to record."""
        while not isinstance(action, Save):
            action = await self._step(action)
        return action

    async def _step(self, action: ReadOrder | FindMarker | Send) -> Action:
        if isinstance(action, Send):
            return await self._send(action)
        try:
            if isinstance(action, ReadOrder):
                observed = await self._upstream.get_order(action.order_id)
                return after_read(self._work, observed, self._now())
            started_at = self._now()
            found = await self._find(action.marker)
            return after_find(self._work, found, started_at, self._now())
        except ReadFailed as error:
            return read_failed(self._work, self._now(), str(error), error.retry_after_seconds)

    async def _find(self, marker: str) -> FindResult:
        """Search for the marker; a hit is read by its id, because a search asks for few attributes."""
        since = self._work.record.first_sent_at or self._work.record.created_at
        found = await self._upstream.find(marker, since=since)
        orders = [await self._upstream.get_order(order.id) for order in found.orders]
        kept = tuple(order for order in orders if order is not None and order.marker == marker)
        return FindResult(kept, found.complete)

    async def _send(self, action: Send) -> Save:
        work = self._work
        rendered = render(
            action.step,
            work.order,
            work.plan,
            work.mapping,
            known_line_ids=work.known | action.lines,
            marker=work.record.marker,
            order_id=work.record.order_id,
        )
        intent = Save(
            changes=action.changes,
            step_changes={
                "state": "sending",
                "attempts": work.record.attempt + 1,
                "started_at": self._now(),
                "ended_at": None,
                "byte_count": len(rendered.body),
                "order_id": work.record.order_id,
            },
            lines=action.lines,
        )
        await self.save(intent)
        if self._worker.lease_left(self._leased_at) < self._work.policy.deadline_seconds + self._worker.guard_seconds:
            # This process was stopped for long between the commit and here. Nothing was sent, and the record says "sending":
            # whoever claims it next looks, as it must.
            raise StaleLeaseError("the lease would not outlive the call")
        outcome = await self._upstream.send(rendered)
        self._worker.count(self._work.record.upstream, action.step.kind, type(outcome).__name__)
        log.info(
            "step.outcome",
            checkout=self._work.record.id,
            tenant=self._work.record.tenant,
            step=action.step.sequence,
            kind=action.step.kind,
            bytes=len(rendered.body),
            outcome=type(outcome).__name__,
        )
        return after_send(self._work, outcome, self._now())
