"""The decisions that record something: a step done, a draft given up, a checkout submitted, refused, held, cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from gateway.checkouts.reasons import ReasonCode
from gateway.checkouts.row_changes import FRESH_DRAFT, PLANNED, CheckoutChanges, StepChanges, because, without_reason
from gateway.checkouts.stored.abandoned import AbandonedDraft
from gateway.checkouts.waits import schedule
from gateway.ordering import Finding, ObservedOrder, is_final, tmf_state
from gateway.submission.decisions.actions import Save, Work
from gateway.upstream.cancel_task import CancelTask

CANCEL_REASON: Final = "cancelled by the client"


def observed_changes(work: Work, observed: ObservedOrder) -> CheckoutChanges:
    """Return the columns that describe the order as it was just seen."""
    changes: CheckoutChanges = {"order_id": observed.id}
    if observed.href:
        changes["order_href"] = observed.href
    if observed.state:
        changes |= {"upstream_state": observed.state, "order_state": tmf_state(work.mapping, observed.state)}
    return changes


def completed_step(
    work: Work,
    now: datetime,
    detail: str,
    *,
    lines: Mapping[str, str] | None = None,
    changes: CheckoutChanges | None = None,
) -> Save:
    """Record that the current step took effect, and go on with the next.

    `lines` are line ids that were read back; an answer to a call is not relied on for them (many show none). `changes` are
    further columns.
    """
    return Save(
        changes={
            "step": work.record.step + 1,
            "step_state": PLANNED,
            "attempt": 0,
            "probe": 0,
            "unknowns": 0,
            "absent_at": None,
            "awaiting": None,
            **_no_reason(work),
            **(changes or {}),
        },
        step_changes={"state": "done", "ended_at": now, "detail": detail},
        lines=dict(lines or {}),
    )


def _no_reason(work: Work) -> CheckoutChanges:
    return without_reason() if work.record.reason_code is not None else {}


CHANGES_IT: Final = "the order system changes what it is given, or its mapping reads it wrongly"


def give_up_draft(work: Work, now: datetime, why: str, *, mismatch: bool, diagnosis: str = CHANGES_IT) -> Save:
    """Abandon the draft and begin a new one under a new marker; nothing that was sent can reach the new one.

    `mismatch`: it is not what was sent; `diagnosis` is what that means where it happens again and again.
    """
    record, policy = work.record, work.policy
    assert work.mapping.draft.supported, "only a draft is given up: what is live at once is looked for"
    assert record.submit_intent_order is None, "an order that may have been submitted is never abandoned"
    # In a row: a draft that was lost for another reason says nothing of how the order system treats what it is given.
    mismatches = record.mismatches + 1 if mismatch else 0
    if mismatches >= policy.mismatches_max:
        return held(
            work,
            "contents_differ",
            f"{mismatches} drafts in a row were not what was sent: {diagnosis}; {why}",
        )
    if record.generation + 1 >= policy.generations_max:
        return held(
            work,
            "outcome_unknown",
            f"{record.generation + 1} drafts were begun and none could be completed "
            f"(submission.generations_max); the last one: {why}",
        )
    return Save(
        changes={
            **FRESH_DRAFT,
            **_no_reason(work),
            "generation": record.generation + 1,
            "mismatches": mismatches,
        },
        step_changes={"state": "abandoned", "ended_at": now, "detail": why},
        lines=None,
        abandoned=(_this_draft(work),),
        redraft=True,
    )


def _this_draft(work: Work) -> AbandonedDraft:
    record = work.record
    # An order that was only named may be another's: ours is looked for by its marker.
    order_id = record.order_id if record.awaiting != "accepted_order" else None
    return AbandonedDraft(marker=record.marker, order_id=order_id)


def _looked_for_later(work: Work) -> AbandonedDraft:
    """Return what the clean-up looks for after a refusal: an order that is live at once when no call can make one any more."""
    draft = _this_draft(work)
    if work.mapping.draft.supported:
        return draft
    return replace(draft, after_seconds=work.policy.effect_seconds)


def draft_complete(work: Work) -> Save:
    """Stop at the draft: the client submits it when it is ready."""
    return Save(changes={"state": "draft", "due_at": None, **_no_reason(work)}, rest=True)


def submitted(work: Work, observed: ObservedOrder | None, now: datetime, detail: str) -> Save:
    """Record that the order is live; from here on it is tracked, also when it has come to its end already."""
    record = work.record
    changes: CheckoutChanges = {
        "state": "submitted",
        "step": len(work.plan.steps),
        "step_state": PLANNED,
        "attempt": 0,
        "probe": 0,
        # Who asked to cancel while the submission was under way is heard now.
        "due_at": now if record.cancel_requested else None,
        "awaiting": None,
        **without_reason(),
        # An order whose live state is not known yet is looked at soon.
        "track_due_at": now + timedelta(seconds=schedule(work.policy.probe_seconds, 0)),
        "track_attempt": 0,
    }
    if observed is not None and observed.state:
        changes["track_due_at"] = now + timedelta(seconds=work.policy.track_after_seconds)
    if observed is not None:
        changes |= observed_changes(work, observed)
    order_state = changes.get("order_state", record.order_state)
    if order_state and is_final(work.mapping, order_state):
        # The tracker reads the order once more: its lines and their states are part of its end.
        changes["track_due_at"] = now
    step_changes: StepChanges = {"state": "done", "ended_at": now, "detail": detail}
    return Save(changes=changes, step_changes=step_changes if record.step < len(work.plan.steps) else {}, rest=True)


def rejected(
    work: Work,
    now: datetime,
    why: str,
    *,
    may_exist: bool,
    code: ReasonCode = "refused",
    finding: Finding | None = None,
) -> Save:
    """End the checkout as refused. `may_exist`: an order of it may be there, or come later, and is looked for."""
    return Save(
        changes={"state": "rejected", "due_at": None, "awaiting": None, **because(code, why)},
        step_changes={"state": "refused", "ended_at": now, "detail": why},
        abandoned=(_looked_for_later(work),) if may_exist else (),
        finding=finding,
        rest=True,
    )


def refused_as_duplicate(work: Work, now: datetime) -> Save:
    """End a checkout whose POST was answered with a conflict although no order carries its marker."""
    said = "the order system refused the create step with a conflict, and no order carries our marker"
    return rejected(work, now, said, may_exist=True)


def cancellation_asked(work: Work, now: datetime, detail: str, task: CancelTask | None = None) -> Save:
    """Record that the order system was asked to cancel the order; what becomes of it is seen by following the order and the task."""
    return Save(
        changes={
            "due_at": None,
            "cancel_task": task.id if task is not None else None,
            "cancel_progress": task.progress if task is not None else None,
            **because("cancellation_asked", f"the order system was asked to cancel order {work.record.order_id}"),
            "track_due_at": now + timedelta(seconds=schedule(work.policy.probe_seconds, 0)),
            "track_attempt": 0,
        },
        step_changes={"state": "done", "ended_at": now, "detail": detail},
        rest=True,
    )


def cancellation_refused(now: datetime, why: str) -> Save:
    """Record that the order cannot be cancelled from here; the client may ask again."""
    return Save(
        changes={"cancel_requested": False, "attempt": 0, "due_at": None, **because("cancellation_refused", why)},
        step_changes={"state": "refused", "ended_at": now, "detail": why},
        rest=True,
    )


def cancelled(work: Work, now: datetime) -> Save:
    """End the checkout as the client wished, or because its lifetime is over; a draft that was begun is abandoned."""
    begun = work.record.first_sent_at is not None
    step_changes: StepChanges = {"state": "abandoned", "ended_at": now, "detail": "cancelled"}
    # A draft whose lifetime is over says so; anything else was asked for.
    said = because("cancelled", CANCEL_REASON) if work.record.reason_code != "expired" else {}
    return Save(
        changes={"state": "cancelled", "due_at": None, "awaiting": None, **said},
        step_changes=step_changes if work.record.step < len(work.plan.steps) else {},
        abandoned=(_this_draft(work),) if begun and work.mapping.draft.supported else (),
        rest=True,
    )


def held(work: Work, code: ReasonCode, why: str, changes: CheckoutChanges | None = None) -> Save:
    """Stop and ask a person: going on could lose or double an order, or is not what the customer was shown."""
    return Save(
        changes={"state": "held", "due_at": None, **because(code, why), **(changes or {})},
        step_changes={"detail": f"held: {why}"} if work.record.step < len(work.plan.steps) else {},
        rest=True,
    )


def held_without_state(work: Work, observed: ObservedOrder, changes: CheckoutChanges | None = None) -> Save:
    """Stop at an order that shows no state, where one that is a draft was expected."""
    return held(
        work,
        "not_verifiable",
        f"order {observed.id} shows no state, so whether it is a draft cannot be known: if such orders are drafts, the mapping's "
        'draft.states holds ""',
        changes,
    )


def left_draft(work: Work, observed: ObservedOrder) -> Save:
    """Stop at an order that is not a draft any more before all of it was sent."""
    if not observed.state:
        return held_without_state(work, observed)
    return held(
        work,
        "contents_differ",
        f"order {observed.id} left its draft state ({observed.state}) before it was complete and submitted from here: "
        "look at it in the order system",
    )
