"""The worker: claims due checkouts, gives each a turn, and records what the turn decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.background import Loop
from gateway.checkouts.accepting import call_sizes
from gateway.checkouts.changing.found_live import tell_if_held
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import because
from gateway.checkouts.stored.abandoned import GivenUp, abandoned_of
from gateway.checkouts.stored.recovering import Recovered, recovered
from gateway.errors import StaleLeaseError, UnavailableError
from gateway.lanes import Lane
from gateway.logs import on_behalf_of
from gateway.ordering import is_there_already
from gateway.services import Services
from gateway.storage.leases import Lease
from gateway.submission import claims, resuming, store
from gateway.submission.checkout_run import CheckoutRun
from gateway.submission.clock_watch import ClockWatch
from gateway.submission.decisions.actions import Save, Work, parents_of
from gateway.submission.decisions.next_action import is_cancelled_at_once
from gateway.submission.decisions.retries import keeps_its_reason
from gateway.submission.interrupted import Interrupted
from gateway.submission.policy import policy_of
from gateway.submission.recording import Recorder, payload_rules
from gateway.submission.shares import shares
from gateway.submission.wrong_clock import longest_waits
from gateway.upstream.cancel_task import CancelWish
from gateway.upstream.evidence import KnownOrder, NotifiedOrder
from gateway.upstream.exchanges import collecting

log = structlog.get_logger(__name__)

# A checkout whose upstream is not configured here is looked at again after this.
UNCONFIGURED_SECONDS = 60.0


class Worker:
    """Works on the checkouts of one process. `wake` makes it look for due work at once.

    `record_submitted` runs in the transaction that makes an order live here, `on_submitted` after its commit.
    """

    def __init__(
        self,
        services: Services,
        *,
        owner: str,
        monotonic: Callable[[], float] = time.monotonic,
        record_submitted: Callable[[Connection, CheckoutRecord, datetime], None] = lambda *_: None,
        on_submitted: Callable[[CheckoutRecord], None] = lambda _record: None,
    ) -> None:
        self._settings = settings = services.settings
        self._database = services.database
        self._upstreams = services.upstreams
        self._mappings = services.mappings
        self._owner = owner
        self._monotonic = monotonic
        self._metrics = services.metrics
        self._record_submitted = record_submitted
        self._on_submitted = on_submitted
        self._loop = Loop("claim", self._round, seconds=settings.submission.poll_seconds)
        self._parked = 0
        # Whose checkout each of them works on.
        self._running: dict[asyncio.Task[None], Lane] = {}
        self._interrupted = Interrupted(self._database)
        self._clock = ClockWatch(
            self._database, owner, lambda: longest_waits(settings, self._mappings.values()), monotonic
        )
        # Order systems for which checkouts may wait since before this process began, or wait now.
        self._waited_for = set(settings.upstreams)
        self._scout_at = monotonic()

    def wake(self) -> None:
        """Look for due work now: something was accepted, submitted or cancelled."""
        self._loop.wake()

    @property
    def stopping(self) -> bool:
        """Tell whether no further call is to be begun."""
        return self._loop.stopping

    @property
    def busy(self) -> int:
        """How many checkouts are being worked on at this moment."""
        return len(self._running)

    async def run(self) -> None:
        """Claim and work until cancelled or stopped. Survives a database that is away, and its own mistakes."""
        await self._loop.run()

    async def _round(self) -> bool:
        await self._scout()
        claimed_at = self._monotonic()
        claimed = await self._claim()
        for record in claimed:
            task = asyncio.create_task(self._guarded(record, claimed_at), name=f"checkout {record.id}")
            self._running[task] = Lane(record.tenant, record.upstream)
            task.add_done_callback(self._done)
        if claimed and len(self._running) >= self._settings.submission.concurrency_max:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return bool(claimed) or self._parked > 0

    async def _scout(self) -> None:
        """Try one checkout of each order system that is waited for, now and then: it may answer again."""
        if not self._waited_for or self._monotonic() < self._scout_at:
            return
        self._scout_at = self._monotonic() + resuming.SCOUT_SECONDS
        asked = sorted(self._waited_for)

        def waited_for(connection: Connection) -> list[str]:
            now = self._database.now(connection)
            return [upstream for upstream in asked if resuming.is_waited_for(connection, upstream, now)]

        def send(connection: Connection) -> None:
            now = self._database.now(connection)
            for upstream in still:
                resuming.scout(connection, upstream, now)

        still = await self._database.read(waited_for)
        self._waited_for.difference_update(set(asked) - set(still))
        if still:
            await self._database.write(send)

    async def _note_answers(self, record: CheckoutRecord, fresh: CheckoutRecord, decision: Save) -> None:
        """Let everything go on that waits for an order system which was seen to answer again."""
        upstream = record.upstream
        if resuming.waits_for_upstream(fresh, decision):
            self._waited_for.add(upstream)
        elif upstream in self._waited_for and resuming.was_answered(record, fresh, decision):
            self._waited_for.discard(upstream)
            released = await self._database.write(
                lambda connection: resuming.release(connection, upstream, self._database.now(connection))
            )
            if released:
                log.info("upstream.answers_again", upstream=upstream, checkouts=released)
                self._loop.wake()

    async def stop(self, drain_seconds: float) -> None:
        """Claim nothing more, begin no further call, let those in flight end, then cancel what is left.

        A step that is cancelled stays SENDING; a checkout whose call ended goes to the next worker that looks.
        """
        self._loop.stop()
        if self._running:
            await asyncio.wait(self._running, timeout=drain_seconds)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._loop.wake()

    async def _claim(self) -> list[CheckoutRecord]:
        """Return the checkouts to work on; those whose order system is paused are parked, and counted in `_parked`."""
        self._parked = 0
        places_max = self._settings.submission.concurrency_max
        if len(self._running) >= places_max:
            return []
        await self._clock.look()
        await self._interrupted.put_back()
        lease_seconds = self._settings.submission.lease_seconds

        def claim_all(connection: Connection) -> tuple[list[CheckoutRecord], int]:
            now = self._database.now(connection)
            lease = Lease(self._owner, now, lease_seconds)
            wanted = shares(claims.lanes_with_due_work(connection, now), self._running.values(), places_max)
            claimed = [
                record for lane, limit in wanted.items() for record in claims.claim(connection, lane, lease, limit)
            ]
            return claims.without_paused(connection, claimed, now, self._ends_without_a_call)

        def look(connection: Connection) -> tuple[bool, datetime]:
            now = self._database.now(connection)
            return bool(shares(claims.lanes_with_due_work(connection, now), self._running.values(), places_max)), now

        asked_at = self._monotonic()
        due, now = await self._database.read(look)
        await self._clock.note(now, asked_at)
        if not due:
            return []
        claimed, self._parked = await self._database.write(claim_all)
        return claimed

    def _ends_without_a_call(self, record: CheckoutRecord) -> bool:
        """Tell whether the client's wish to cancel is all that a checkout waits for: a paused order system does not delay it."""
        mapping = self._mappings.get(record.mapping)
        return mapping is not None and is_cancelled_at_once(record, mapping)

    async def _guarded(self, record: CheckoutRecord, claimed_at: float) -> None:
        """Work on one checkout, on behalf of the request that made it; whatever goes wrong with it stays with it."""
        with on_behalf_of(record.correlation_id, record.trace_parent):
            await self._worked_on(record, claimed_at)

    async def _worked_on(self, record: CheckoutRecord, claimed_at: float) -> None:
        try:
            await self._work_on(record, claimed_at)
        except StaleLeaseError:
            log.info("lease.lost", checkout=record.id, tenant=record.tenant)
        except UnavailableError as error:
            self._interrupted.note(record)
            log.warning("checkout.put_off", checkout=record.id, tenant=record.tenant, reason=error.message)
        except Exception:
            # The lease runs out and the checkout is claimed again; after too many such claims it is held.
            log.exception("checkout.crashed", checkout=record.id, tenant=record.tenant)

    async def _work_on(self, record: CheckoutRecord, claimed_at: float) -> None:
        if record.claims_without_progress > self._settings.submission.claims_without_progress_max:
            # Asked before anything else: what stops the worker again and again may be the checkout's own data.
            why = (
                f"{record.claims_without_progress} claims in a row ended without a result "
                "(submission.claims_without_progress_max): the log says checkout.crashed and where"
            )
            await self.save(
                record, Save(changes={"state": "held", "due_at": None, **because("no_progress", why)}, rest=True)
            )
            return
        upstream = self._upstreams.get(record.upstream)
        mapping = self._mappings.get(record.mapping)
        if upstream is None or mapping is None or record.upstream not in self._settings.upstreams:
            await self._put_off_unconfigured(record)
            return
        order, plan, known = await self._database.read(lambda connection: store.frozen_parts(connection, record))
        policy = policy_of(self._settings, record.upstream, mapping)
        work = Work(
            record=record,
            order=order,
            plan=plan,
            mapping=mapping,
            policy=policy,
            known=known,
            parents=parents_of(order),
            there_already=frozenset(line.id for line in order.lines if is_there_already(line, mapping)),
        )
        if policy.drift.action != "off":
            totals = await self._database.read(lambda connection: store.cart_totals(connection, record))
            work = replace(work, cart_totals=totals)
        with collecting() as exchanges:
            recorder = Recorder(record.upstream, exchanges, payload_rules(self._settings.retention))
            await CheckoutRun(self, work, upstream, claimed_at, recorder).run()

    async def _put_off_unconfigured(self, record: CheckoutRecord) -> None:
        """Leave a checkout to the next look: configuration comes and goes, and is no reason to give anything up."""
        log.error("checkout.unconfigured", checkout=record.id, upstream=record.upstream, mapping=record.mapping)
        due_at = record.lease_until + timedelta(seconds=UNCONFIGURED_SECONDS - self._settings.submission.lease_seconds)
        why = f"waits: the upstream {record.upstream} or its mapping {record.mapping} is not configured"
        said = because("not_configured", why) if not keeps_its_reason(record) else {}
        await self.save(record, Save(changes={"due_at": due_at, **said}, rest=True))

    async def save(
        self, record: CheckoutRecord, decision: Save, work: Work | None = None
    ) -> tuple[CheckoutRecord, datetime]:
        """Record a decision; return the new record and the database's time. Errors as `gateway.submission.store.save`."""

        def function(connection: Connection) -> tuple[CheckoutRecord, datetime]:
            now = self._database.now(connection)
            fresh = store.save(
                connection,
                record,
                decision,
                now,
                plan=work.plan if work is not None else None,
                known=work.known if work is not None else {},
                settings=self._settings.submission,
            )
            if decision.replan is not None and decision.replan.items_max is not None and work is not None:
                call_sizes.remember(
                    connection,
                    record,
                    decision.replan.items_max,
                    work.mapping.limits,
                    now,
                    self._settings.submission.limit_recovery_seconds,
                )
            if decision.forgets_call_size:
                call_sizes.forget(connection, record)
            if fresh.state == "submitted" != record.state:
                self._record_submitted(connection, fresh, now)
            return fresh, now

        fresh, now = await self._database.write(function)
        await self._note_answers(record, fresh, decision)
        if fresh.state != record.state:
            log.info("checkout.state", checkout=fresh.id, tenant=fresh.tenant, state=fresh.state, order=fresh.order_id)
            tell_if_held(log, fresh)
            if fresh.state == "submitted":
                self._on_submitted(fresh)
        return fresh, now

    async def recovered(self, record: CheckoutRecord) -> Recovered | None:
        """Return what is known of the orders that are there before the checkout sends, while its order system is being recovered."""
        return await self._database.read(
            lambda connection: recovered(connection, record.tenant, record.upstream, record.marker_root, record.cart_id)
        )

    async def known_orders(self, record: CheckoutRecord) -> tuple[KnownOrder, ...]:
        """Return orders that the checkout's order system accepted before and after its last call."""
        return await self._database.read(lambda connection: store.known_orders(connection, record))

    async def notified_orders(self, record: CheckoutRecord) -> tuple[NotifiedOrder, ...]:
        """Return orders that notifications of the checkout's order system named with its marker."""
        return await self._database.read(lambda connection: store.notified_orders(connection, record))

    async def given_up(self, record: CheckoutRecord) -> Sequence[GivenUp]:
        """Return the drafts that the checkout gave up."""
        found = await self._database.read(lambda connection: abandoned_of(connection, record.tenant, [record.id]))
        return found.get(record.id, [])

    async def cancel_wish(self, record: CheckoutRecord) -> CancelWish:
        """Return why and when the client wants the checkout's order to be cancelled."""
        return await self._database.read(lambda connection: store.cancel_wish(connection, record))

    def count(self, record: CheckoutRecord, kind: str, outcome: str) -> None:
        """Count the outcome of a call."""
        self._metrics.step_outcome(record.tenant, record.upstream, kind, outcome)

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
