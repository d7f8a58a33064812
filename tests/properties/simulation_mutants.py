"""Submissions that are wrong on purpose, each in one way: the simulation must see every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Any
from unittest.mock import patch

import simulated_gateway
from msgspec.structs import replace
from simulated_gateway import RunContext, Simulation, SteppedRead, SteppedReads
from simulated_upstream import FAULTS, ModelOrder, ModelUpstream

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED, SENDING, UNKNOWN
from gateway.ordering.model import ObservedOrder, RenderedStep
from gateway.ordering.readback.matching import Match, _Pairing, match
from gateway.submission import checkout_run
from gateway.submission.decisions import after_call
from gateway.submission.decisions import after_read as after_read_module
from gateway.submission.decisions import next_action as machine
from gateway.submission.decisions.actions import Action, Save, Work
from gateway.submission.decisions.records import completed_step, rejected
from gateway.submission.decisions.retries import retry_later, settled
from gateway.submission.decisions.waiting import waits_for_call
from gateway.upstream.evidence import CallInDoubt, FindResult, proven
from gateway.upstream.outcome import NotExecuted, Outcome, Unknown

real_after_send = checkout_run.after_send
real_after_read = checkout_run.after_read
real_save = Simulation.save
real_call = ModelUpstream._call
real_find = ModelUpstream.find
real_change = Simulation._change

Mutation = Callable[[], AbstractContextManager[Any]]


def _together(*patches: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for each in patches:
        stack.enter_context(each)
    return stack


def m1_resend_after_unknown() -> AbstractContextManager[Any]:
    """Whatever has no answer is sent again, without a look."""

    def after_send(work: Work, outcome: Outcome, now: datetime) -> Action:
        if isinstance(outcome, Unknown):
            return retry_later(work, now, outcome.detail, None, reason={})
        return real_after_send(work, outcome, now)

    def after_read(work: Work, observed: ObservedOrder | None, now: datetime) -> Action:
        if observed is not None and work.current.kind in {"add", "price"} and work.record.step_state == PLANNED:
            return machine.send(work, now, _by_echo(work, observed))
        return real_after_read(work, observed, now)

    return _together(
        patch.object(checkout_run, "after_send", after_send), patch.object(checkout_run, "after_read", after_read)
    )


def _by_echo(work: Work, observed: ObservedOrder) -> dict[str, str]:
    return match(work.order.lines, (), observed, work.mapping, work.known).line_ids


def m2_no_intent() -> AbstractContextManager[Any]:
    """The intent of a call is stored only after it, together with its outcome."""

    def save(self: Simulation, record: CheckoutRecord, decision: Save) -> tuple[CheckoutRecord, datetime]:
        if decision.changes.get("step_state") == SENDING:
            return replace(record, **decision.changes), self.now()
        if record.step_state == SENDING and not self.fenced_off(record):
            self.row = record
        return real_save(self, record, decision)

    return patch.object(Simulation, "save", save)


def m4_price_resent() -> AbstractContextManager[Any]:
    """A price call without an answer is sent again: its effect cannot be read back."""

    def after_read(work: Work, observed: ObservedOrder | None, now: datetime) -> Action:
        if observed is not None and work.current.kind == "price" and work.record.step_state == UNKNOWN:
            return Save(changes={"step_state": PLANNED, "probe": 0})
        return real_after_read(work, observed, now)

    return patch.object(checkout_run, "after_read", after_read)


def m4b_price_believed() -> AbstractContextManager[Any]:
    """A price call without an answer is taken for done when the lines are as they were."""

    def after_read(work: Work, observed: ObservedOrder | None, now: datetime) -> Action:
        if observed is not None and work.current.kind == "price" and work.record.step_state == UNKNOWN:
            return completed_step(work, now, "believed")
        return real_after_read(work, observed, now)

    return patch.object(checkout_run, "after_read", after_read)


def m5_no_fence() -> AbstractContextManager[Any]:
    """Whoever lost the lease writes all the same, over what the other has recorded."""

    def save(self: Simulation, record: CheckoutRecord, decision: Save) -> tuple[CheckoutRecord, datetime]:
        self.row = record
        return real_save(self, record, decision)

    return _together(patch.object(Simulation, "save", save), patch.object(Simulation, "fenced_off", lambda *_: False))


def m6_drafts_only() -> AbstractContextManager[Any]:
    """The search for a lost live POST looks at drafts only."""

    def searched(self: ModelUpstream) -> list[ModelOrder]:
        return [order for order in self.orders.values() if not order.live]

    return patch.object(ModelUpstream, "searched", searched)


def m7_5xx_is_no_effect() -> AbstractContextManager[Any]:
    """A 5xx is taken for "not done", and what is not done is sent again without a look."""

    def call(self: ModelUpstream, rendered: RenderedStep) -> tuple[Outcome, float]:
        outcome, seconds = real_call(self, rendered)
        if isinstance(outcome, Unknown) and outcome.detail.startswith("5"):
            return NotExecuted(outcome.detail), seconds
        return outcome, seconds

    def again(work: Work, outcome: NotExecuted, now: datetime) -> Save:
        said = waits_for_call(work, "throttled", outcome.detail)
        return retry_later(work, now, outcome.detail, outcome.retry_after_seconds, reason=said)

    return _together(patch.object(ModelUpstream, "_call", call), patch.object(after_call, "_not_executed", again))


def m8_broken_search_is_proof() -> AbstractContextManager[Any]:
    """A search that broke off is taken for a complete one."""

    async def find(
        self: ModelUpstream, marker: str, *, since: datetime, doubt: CallInDoubt | None = None, live: bool = False
    ) -> FindResult:
        found = await real_find(self, marker, since=since)
        return FindResult(found.orders, proven())

    return patch.object(ModelUpstream, "find", find)


def m9_unknown_is_failed() -> AbstractContextManager[Any]:
    """A call without an answer is told as a failure."""

    def after_send(work: Work, outcome: Outcome, now: datetime) -> Action:
        if isinstance(outcome, Unknown):
            return rejected(work, now, outcome.detail, may_exist=True)
        return real_after_send(work, outcome, now)

    return patch.object(checkout_run, "after_send", after_send)


def m10_new_draft_after_lost_submit() -> AbstractContextManager[Any]:
    """A draft whose submission has no answer is given up for a new one."""

    def after_read(work: Work, observed: ObservedOrder | None, now: datetime) -> Action:
        record = work.record
        if record.step_state == UNKNOWN and work.current.kind == "submit" and settled(work, now):
            anew = {"generation": record.generation + 1, "step": 0, "step_state": PLANNED, "order_id": None}
            return Save(changes={**anew, "submit_intent_order": None}, lines=None)
        return real_after_read(work, observed, now)

    def change(self: Simulation, changes: dict[str, Any]) -> None:
        if changes.get("submit_intent_order", "") is None:
            self.row = replace(self.row, submit_intent_order=None, state="accepted")
        real_change(self, changes)

    return _together(patch.object(checkout_run, "after_read", after_read), patch.object(Simulation, "_change", change))


def m11_lease_not_looked_at() -> AbstractContextManager[Any]:
    """A call is sent however long ago its intent was stored."""
    return patch.object(RunContext, "lease_left", lambda *_: 1e9)


def m12_contents_not_compared() -> AbstractContextManager[Any]:
    """What is on the draft is taken for what was sent."""

    def believe(work: Work, observed: ObservedOrder, *, steps_done: int) -> Match:
        del steps_done
        return Match(line_ids=_by_echo(work, observed), missing=(), unexpected=(), wrong=())

    return patch.object(after_read_module, "compare", believe)


def m13_any_child_is_the_systems_own() -> AbstractContextManager[Any]:
    """Lines beneath one that was sent are taken for children the system added, also when they echo an item of ours."""

    def unexpected(self: _Pairing) -> Iterator[str]:
        allowed = set(self._used)
        for line in self._observed.values():
            if line.line_id not in self._used and line.parent_line_id not in allowed:
                yield line.line_id
            allowed.add(line.line_id)

    return patch.object(_Pairing, "_unexpected", unexpected)


def m14_an_old_read_is_looked_at_again() -> AbstractContextManager[Any]:
    """What was read once is believed again when the same is to be read later.

    The searches for live orders, before another draft is begun or one is submitted, see the same a second time, so they are not made.
    """

    def take(self: SteppedReads) -> SteppedRead:
        reading = self.begun()
        assert reading is not None
        return reading

    async def drop(self: SteppedReads) -> None:
        if (reading := self.begun()) is not None and not reading.ended:
            reading.close()
            self._begun = None

    return _together(
        patch.object(SteppedReads, "take", take),
        patch.object(SteppedReads, "drop", drop),
        patch.object(checkout_run, "wants_live", lambda *_: False),
        patch.object(machine, "_may_be_the_second", lambda _: False),
    )


def m15_intent_dated_by_the_process() -> AbstractContextManager[Any]:
    """An intent has the time at which its process believed to be. Processes are stopped often here, and calls lost or late."""

    def save(self: Simulation, record: CheckoutRecord, decision: Save) -> tuple[CheckoutRecord, datetime]:
        _, now = real_save(self, record, decision)
        if decision.changes.get("step_state") == SENDING:
            self.row = replace(self.row, sent_at=decision.changes["sent_at"])
        return self.row, now

    return _together(
        patch.object(Simulation, "save", save),
        patch.object(simulated_gateway, "STOPS", 0.2),
        patch.dict(FAULTS, {"lost": 0.3, "late": 0.4}),
    )
