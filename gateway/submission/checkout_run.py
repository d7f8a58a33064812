"""One claim of one checkout: perform what the machine decides, one durable step at a time, until the checkout rests.

Every action is: decide (pure), perform, record in one transaction. The intent is committed before a call is sent; the
outcome is recorded after, while the read that comes next is under way. Whatever stops the process in between leaves a SENDING
step that the next claim finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

import structlog
from msgspec.structs import replace

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.stored.abandoned import GivenUp
from gateway.checkouts.stored.recovering import Recovered
from gateway.errors import StaleLeaseError
from gateway.ordering import Marker, ObservedOrder, expected_lines, is_changed, is_inert
from gateway.submission.decisions.actions import (
    Action,
    AskCancel,
    FindMarker,
    Look,
    LookAtGivenUp,
    LookAtRecovered,
    ReadHead,
    ReadOrder,
    Save,
    Send,
    Work,
)
from gateway.submission.decisions.after_call import after_cancel, after_send
from gateway.submission.decisions.after_read import after_another_order, after_head, after_read
from gateway.submission.decisions.after_search import after_search, answer_in_doubt, seen_by_search, wants_live
from gateway.submission.decisions.before_submit import after_given_up_look
from gateway.submission.decisions.comparing import expectation
from gateway.submission.decisions.late_id import confirms
from gateway.submission.decisions.named_order import is_alike
from gateway.submission.decisions.next_action import next_action
from gateway.submission.decisions.records import completed_step
from gateway.submission.decisions.recovering import after_recovery_look
from gateway.submission.decisions.refusal import cart_problems, with_problems
from gateway.submission.decisions.retries import read_failed
from gateway.submission.decisions.whose import whose
from gateway.submission.given_up import find_alive
from gateway.submission.prefetch import CallAhead, ReadAhead, foreseen, rendered_step
from gateway.submission.recording import Recorder
from gateway.submission.store import PausedError, SupersededError
from gateway.threads import LARGE_LINES_MIN, in_thread_if
from gateway.upstream.cancel_task import CancelWish
from gateway.upstream.evidence import CallInDoubt, FindResult, Hint, KnownOrder, NotifiedOrder, incomplete
from gateway.upstream.outcome import Rejected
from gateway.upstream.port import AnotherOrder, ReadFailed, Upstream

log = structlog.get_logger(__name__)
T = TypeVar("T")
# Orders that belong to no checkout and that are read to see whether they hold what a cart does.
UNCLAIMED_READ_MAX = 50
# Drafts that were given up and are looked at before another one is submitted, the last ones; the clean-up looks at all of them.
GIVEN_UP_READ_MAX = 5


class RunContext(Protocol):
    """What a turn needs of the worker."""

    @property
    def stopping(self) -> bool:
        """Tell whether no further call is to be begun."""

    @property
    def guard_seconds(self) -> float:
        """The margin that must be left of a lease after a call's deadline."""

    def monotonic(self) -> float:
        """Return the monotonic time that leases are measured with inside this process."""

    def lease_left(self, leased_at: float) -> float:
        """Return for how many seconds a lease taken at the monotonic time `leased_at` is surely still held."""

    def count(self, record: CheckoutRecord, kind: str, outcome: str) -> None:
        """Count the outcome of a call."""

    async def known_orders(self, record: CheckoutRecord) -> tuple[KnownOrder, ...]:
        """Return orders that the checkout's order system accepted before and after its last call."""

    async def recovered(self, record: CheckoutRecord) -> Recovered | None:
        """Return what is known of the orders there before the checkout sends; None when its order system is not being recovered."""

    async def notified_orders(self, record: CheckoutRecord) -> tuple[NotifiedOrder, ...]:
        """Return orders that notifications of the checkout's order system named with its marker."""

    async def given_up(self, record: CheckoutRecord) -> Sequence[GivenUp]:
        """Return the drafts that the checkout gave up."""

    async def cancel_wish(self, record: CheckoutRecord) -> CancelWish:
        """Return why and when the client wants the checkout's order to be cancelled."""

    async def save(
        self, record: CheckoutRecord, decision: Save, work: Work | None = None
    ) -> tuple[CheckoutRecord, datetime]:
        """Record a decision; return the new record and the database's time."""


class CheckoutRun:
    """One claim of one checkout, from the claim to the rest."""

    def __init__(
        self,
        context: RunContext,
        work: Work,
        upstream: Upstream,
        claimed_at: float,
        recorder: Recorder | None = None,
    ) -> None:
        self._context = context
        self._recorder = recorder or Recorder(work.record.upstream, [], None)
        self._work = work
        self._upstream = upstream
        self._large = len(work.order.lines) > LARGE_LINES_MIN
        self._reads = ReadAhead(upstream)
        self._calls = CallAhead()
        # The lease began after `_leased_at`, the database's time `_seen_at` was taken before `_seen_mark`: a process that is
        # stopped in between thinks that less is left of its lease than there is, and that it is earlier than it is.
        self._leased_at = claimed_at
        self._seen_mark = context.monotonic()
        self._seen_at = work.record.lease_until - timedelta(seconds=work.policy.lease_seconds)

    def _now(self) -> datetime:
        """Return the database's time: as it was last seen, plus what has passed here since."""
        return self._seen_at + timedelta(seconds=self._context.monotonic() - self._seen_mark)

    async def save(self, decision: Save) -> None:
        """Record a decision and take over the new record."""
        work = self._work
        happened, payloads = await self._recorder.taken(self._now(), all_payloads=decision.rest)
        if happened or payloads:
            decision = replace(decision, happened=happened, payloads=payloads)
        before = self._context.monotonic()
        record, self._seen_at = await self._context.save(work.record, decision, work)
        self._leased_at = before
        self._seen_mark = self._context.monotonic()
        known = work.known
        if decision.lines is None or decision.lines:
            known = work.known | decision.lines if decision.lines else {}
        plan = work.plan if decision.replan is None else decision.replan.plan
        self._work = replace(work, record=record, plan=plan, known=known)

    async def run(self) -> None:
        """Decide and perform until the checkout rests."""
        try:
            while True:
                decision = await self._perform(next_action(self._work, self._now()))
                await self._read_ahead(decision)
                await self.save(decision)
                if decision.rest:
                    return
                if self._context.stopping:
                    await self.save(Save(changes={}, rest=True))
                    return
        finally:
            await self._reads.drop()

    async def _perform(self, action: Action) -> Save:
        """Perform an action and those that follow from it until there is something to record."""
        if not isinstance(action, ReadOrder | ReadHead):
            await self._reads.drop()
        while not isinstance(action, Save):
            action = await self._step(action)
        return action

    async def _step(self, action: Look | Send | AskCancel) -> Action:
        if isinstance(action, Send):
            return await self._send(action)
        if isinstance(action, AskCancel):
            wish = await self._context.cancel_wish(self._work.record)
            call = self._recorder.sent("cancel", self._now(), b"")
            outcome = await self._upstream.cancel(action.order_id, wish)
            self._recorder.answered(call, outcome, self._now(), b"")
            self._context.count(self._work.record, "cancel", type(outcome).__name__)
            return after_cancel(self._work, outcome, self._now())
        try:
            return await self._look(action)
        except AnotherOrder as error:
            searched = isinstance(action, FindMarker)
            return after_another_order(self._work, error.order, self._now(), searched=searched)
        except ReadFailed as error:
            return read_failed(self._work, self._now(), error)

    async def _look(self, action: Look) -> Action:
        if isinstance(action, LookAtRecovered):
            return await self._look_at_recovered()
        if isinstance(action, LookAtGivenUp):
            return after_given_up_look(self._work, await self._given_up_alive())
        if isinstance(action, ReadOrder):
            return await self._read_order(action)
        if isinstance(action, ReadHead):
            return await self._read_head(action)
        started_at = self._now()
        found = await self._find(action.marker)
        if self._work.current.kind == "create":
            found = await self._with_notified(found)
        return after_search(self._work, found, started_at, self._now(), action.named)

    async def _look_at_recovered(self) -> Save:
        """Read the orders that are there with our marker, and those that belong to no checkout."""
        work = self._work
        known = await self._context.recovered(work.record)
        own: list[tuple[str, ObservedOrder]] = []
        others: list[ObservedOrder] = []
        if known is not None and known.listed:
            for found in known.own:
                order = await self._as_it_is(found.order_id)
                if order is not None:
                    own.append((found.marker, order))
            for found in known.unclaimed[:UNCLAIMED_READ_MAX]:
                order = await self._as_it_is(found.order_id)
                if order is not None and not is_inert(work.mapping, order):
                    others.append(order)
        return after_recovery_look(work, known, own, others, self._now())

    async def _given_up_alive(self) -> list[ObservedOrder]:
        """Return the drafts of this checkout that were given up last and are live; what cannot be read for long is passed over."""
        work = self._work
        record, alive = work.record, list[ObservedOrder]()
        since = min(record.created_at, record.first_sent_at or record.created_at)
        for number, each in enumerate((await self._context.given_up(record))[-GIVEN_UP_READ_MAX:]):
            if number:
                await self.save(Save(changes={}))  # many looks are progress, too
            try:
                alive += await self._renewing(
                    find_alive(self._upstream, work.mapping, each.marker, each.order_id, since)
                )
            except ReadFailed:
                if record.probe < len(work.policy.probe_seconds):
                    raise
        # A marker that is cut may be that of the draft which is to be submitted.
        return [order for order in alive if order.id != record.order_id]

    async def _as_it_is(self, order_id: str) -> ObservedOrder | None:
        try:
            return await self._renewing(self._upstream.get_order(order_id))
        except AnotherOrder as error:
            return error.order

    async def _read_ahead(self, decision: Save) -> None:
        """Begin the read that most likely follows a decision that is not recorded yet."""
        if not self._context.stopping and (read := foreseen(self._work, decision, self._now())) is not None:
            await self._reads.begin(read)

    async def _read_on(self) -> None:
        """Begin the read that follows a call whose answer says success, but may turn out to say something else."""
        if self._work.current.kind in ("add", "price"):
            await self._read_ahead(completed_step(self._work, self._now(), ""))
            await self._reads.let_leave()

    async def _read_order(self, action: ReadOrder) -> Action:
        """Read the whole order; what a large one is compared with is worked out before its answer is there."""
        await self._reads.begin(action)
        expected = await in_thread_if(self._large, expectation, self._work) if self._large else None
        observed = await self._renewing(self._reads.take())
        work = replace(self._work, expected=expected)
        return await in_thread_if(self._large, after_read, work, observed, self._now())

    async def _read_head(self, action: ReadHead) -> Action:
        """Read the head of the order; the call that follows when all is well is made before its answer is there."""
        await self._reads.begin(action)
        self._calls.make(self._work)
        head = await self._renewing(self._reads.take())
        return after_head(self._work, head, self._now())

    async def _find(self, marker: str) -> FindResult:
        """Search for the marker; a hit is read by its id, because a search asks for few attributes."""
        since = self._work.record.first_sent_at or self._work.record.created_at
        doubt = await self._doubt()
        found = await self._renewing(self._upstream.find(marker, since=since, doubt=doubt))
        if not found.orders and wants_live(self._work, self._now()):
            live = await self._renewing(self._upstream.find(marker, since=since, live=True))
            found = FindResult(live.orders, found.absence, (*found.hints, *live.hints))
        if found.orders and (seen := seen_by_search(self._work, found.orders[0])):
            await self.save(Save(changes=seen))  # before it is read: what was shown once is never absent
        orders = [await self._renewing(self._upstream.get_order(order.id)) for order in found.orders]
        kept = tuple(
            # An order system may show the marker in its list only.
            order if whose(self._work, order) != "unmarked" else replace(order, marker=hit.marker)
            for hit, order in zip(found.orders, orders, strict=True)
            if order is not None and whose(self._work, order) != "other"
        )
        if not found.orders:
            # One that shows our marker in another spelling is ours if it holds what was sent.
            near = {hint.order_id: self._is_vague(hint) for hint in found.hints if is_changed(hint.how)}
            for order_id, is_vague in near.items():
                order = await self._renewing(self._upstream.get_order(order_id))
                # A list may show less of the marker than the order itself does.
                if order is not None and whose(self._work, order) in ({"ours"} if is_vague else {"ours", "respelled"}):
                    kept = (*kept, order)
            return FindResult(kept, found.absence, found.hints)
        # An order that is in the list and cannot be read is not proof of absence.
        absence = found.absence if len(kept) == len(found.orders) else incomplete("hit_unreadable")
        return FindResult(kept, absence, found.hints)

    async def _with_notified(self, found: FindResult) -> FindResult:
        """Add to what a search found the orders that notifications named with our marker, as far as reading them confirms it."""
        orders, by_event, unconfirmed = list(found.orders), [], []
        for told in await self._context.notified_orders(self._work.record):
            if any(order.id == told.id for order in orders):
                continue
            try:
                order = await self._renewing(self._upstream.get_order(told.id))
            except AnotherOrder as error:
                order = error.order
            except ReadFailed:
                order = None
            if order is None or not confirms(self._work, order):
                unconfirmed.append(told.id)
            elif all(order.id != other.id for other in orders):
                orders.append(order if order.marker.is_shown else replace(order, marker=Marker((told.marker,))))
                by_event.append(order.id)
        absence = incomplete("told_not_confirmed") if unconfirmed and not orders else found.absence
        return replace(
            found, orders=tuple(orders), absence=absence, by_event=tuple(by_event), unconfirmed=tuple(unconfirmed)
        )

    def _is_vague(self, hint: Hint) -> bool:
        """Tell whether an order may as well be an earlier draft of the checkout: a marker that is cut lacks its number."""
        return hint.how == "cut" and self._work.mapping.draft.supported and self._work.record.generation > 0

    async def _doubt(self) -> CallInDoubt | None:
        """Return the call that a search decides about, where a live order of it may be overlooked, or it may be sent a second time."""
        work, now = self._work, self._now()
        answered = answer_in_doubt(work, now)
        if answered is None:
            return None
        record = work.record
        sent_at = record.sent_at if answered == "lost" else record.first_sent_at
        assert sent_at is not None, "a call was sent"
        known = await self._context.known_orders(record)
        sent = expected_lines(work.order.lines, work.mapping)
        offerings = frozenset(line.offering for line in sent if line.offering is not None)
        return CallInDoubt(
            sent_at=sent_at,
            now=now,
            answered=answered,
            known=known,
            offerings=offerings,
            is_alike=partial(is_alike, work),
        )

    async def _renewing(self, reading: Awaitable[T]) -> T:
        """Wait for a read that may outlast the lease (a search through many pages), and keep the lease meanwhile."""
        task = asyncio.ensure_future(reading)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=self._work.policy.lease_seconds / 3)
                if not task.done():
                    await self.save(Save(changes={}))
        except BaseException:
            task.cancel()
            # Also of a read that failed while the lease was lost: an exception that nobody takes is logged as an error.
            await asyncio.gather(task, return_exceptions=True)
            raise
        return task.result()

    async def _send(self, action: Send) -> Save:
        if self._context.stopping:
            return Save(changes={}, rest=True)
        work = self._work
        rendered = self._calls.take(work, action)
        if rendered is None:
            large = len(action.step.item_ids) > LARGE_LINES_MIN
            rendered = await in_thread_if(large, rendered_step, work, action.lines)
        intent = Save(
            changes=action.changes,
            step_changes={
                "state": "sending",
                "attempts": work.record.attempt + 1,
                "started_at": self._now(),
                "ended_at": None,
                "byte_count": len(rendered.body),
                "order_id": work.record.order_id,
                "mapping_hash": work.mapping.hash or None,
            },
            lines=action.lines,
            finding=action.finding,
        )
        call = self._recorder.sent(action.step.kind, self._now(), rendered.body)
        try:
            await self.save(intent)
        except SupersededError:
            return Save(changes={})
        except PausedError:
            # The worker that claims it next finds the pause, and parks it until the order system is resumed.
            return Save(changes={"due_at": self._now()}, rest=True)
        if self._context.lease_left(self._leased_at) < self._work.policy.deadline_seconds + self._context.guard_seconds:
            # This process was stopped for long between the commit and here. Nothing was sent, and the record says "sending":
            # the worker that claims it next looks, as it must.
            raise StaleLeaseError("the lease would not outlive the call")
        outcome = await self._upstream.send(rendered, answered=self._read_on)
        self._recorder.answered(call, outcome, self._now(), rendered.body)
        self._context.count(self._work.record, action.step.kind, type(outcome).__name__)
        log.info(
            "step.outcome",
            checkout=self._work.record.id,
            tenant=self._work.record.tenant,
            step=action.step.sequence,
            kind=action.step.kind,
            bytes=len(rendered.body),
            outcome=type(outcome).__name__,
        )
        decided = after_send(self._work, outcome, self._now())
        if isinstance(outcome, Rejected):
            return with_problems(decided, cart_problems(outcome.reasons, self._work.order, rendered.body))
        return decided
