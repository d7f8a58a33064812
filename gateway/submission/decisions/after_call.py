"""What to record after one call, from its outcome."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from msgspec.structs import replace

from gateway.checkouts.row_changes import UNKNOWN, CheckoutChanges, because
from gateway.checkouts.waits import growth_max, schedule
from gateway.ordering import Finding, read_order, shows_submission, without_header_steps
from gateway.submission.decisions.actions import Replan, Save, Work
from gateway.submission.decisions.late_id import accepted_without_id
from gateway.submission.decisions.named_order import after_naming
from gateway.submission.decisions.records import (
    cancellation_asked,
    cancellation_refused,
    completed_step,
    give_up_draft,
    rejected,
    submitted,
)
from gateway.submission.decisions.retries import put_off, retry_later, settles_at
from gateway.submission.decisions.too_large import in_smaller_calls, says_nothing_of_sizes, too_large_reason
from gateway.submission.decisions.waiting import waits_for_call
from gateway.upstream.cancel_task import read_task
from gateway.upstream.causes import Cause
from gateway.upstream.outcome import (
    Accepted,
    Duplicate,
    NotExecuted,
    NotSent,
    Outcome,
    Rejected,
    Unknown,
    created_order_id,
)


def after_send(work: Work, outcome: Outcome, now: datetime) -> Save:
    """Return what to record after the current step was sent once. `work.record` is as the intent left it."""
    match outcome:
        case Accepted():
            return _accepted(work, outcome, now)
        case NotSent():
            return _not_sent(work, outcome, now)
        case NotExecuted():
            return _not_executed(work, outcome, now)
        case Duplicate():
            return _duplicate(work, now, outcome)
        case Rejected():
            return _rejected(work, outcome, now)
        case Unknown():
            return _unknown(work, now, outcome.detail)
        case _:
            assert_never(outcome)


def _not_sent(work: Work, outcome: NotSent, now: datetime) -> Save:
    """Send the step later, however long the order system is away: only the attempts that make the waits grow are counted.

    The bound of attempts is for calls that are turned away: what could not be sent needs no person's decision, and goes on by
    itself when the order system is back. Meanwhile the checkout says what it waits for. Where it is told when to come back (a
    pause after another call was turned away, an open circuit), the waits grow less.
    """
    attempt, policy = work.record.attempt, work.policy
    waits_max = growth_max(policy.retry_seconds, outcome.retry_after_seconds)
    said = waits_for_call(work, outcome.cause, outcome.detail)
    again = retry_later(
        work, now, f"not sent: {outcome.detail}", outcome.retry_after_seconds, reason=said, waits_max=waits_max
    )
    if outcome.lasting:
        return again
    growing = min(waits_max + 1, policy.attempts_max - 1)
    return replace(again, changes={**again.changes, "attempt": max(min(attempt, growing), attempt - 1)})


def _not_executed(work: Work, outcome: NotExecuted, now: datetime) -> Save:
    """Send the step again later: the order system said that it did not look at it.

    That is not believed alone: something that repeats calls may be told this of the second one, and what was turned away may take
    effect later. An order is looked for before the call that makes it is sent again; a draft is read before every other call, and
    one whose price alterations cannot be read is given up. Before a POST that is live at once is looked for, what it may have made
    has the time to be shown; one that was not let in is repeated soon once, and from its second refusal on only when all calls
    before had the time to settle.
    """
    causes: dict[str, Cause] = {
        "throttled": "throttled",
        "unauthorised": "credentials_refused",
        "busy": "waiting_retry",
    }
    said = waits_for_call(work, causes[outcome.kind], outcome.detail)
    kind, mapping = work.current.kind, work.mapping
    if kind == "price" and not mapping.lines.alterations_readable:
        why = f"whether a price alteration was set cannot be read back (answered {outcome.detail})"
        return put_off(work, give_up_draft(work, now, why, mismatch=False), now, outcome.retry_after_seconds, said)
    again = retry_later(work, now, f"not executed: {outcome.detail}", outcome.retry_after_seconds, reason=said)
    if outcome.kind != "busy":
        # Credentials and quotas are mended some time, and no person has to decide about the checkout: only the waits grow.
        policy, attempt = work.policy, work.record.attempt
        growing = min(len(policy.retry_seconds), policy.attempts_max - 1)
        again = replace(again, changes={**again.changes, "attempt": max(min(attempt, growing), attempt - 1)})
    if kind != "create":
        return again
    changes: CheckoutChanges = {**again.changes, "step_state": UNKNOWN, "probe": 0, "awaiting": "turned_away_order"}
    if not mapping.draft.supported:
        shown_at = now + timedelta(seconds=work.policy.settle_seconds)
        changes["due_at"] = max(changes["due_at"] or now, shown_at)
    # Who refuses credentials has not looked at the order; what is only full may have put it into a queue.
    if not mapping.draft.supported and work.record.attempt > 1 and outcome.kind != "unauthorised":
        due_at = max(changes["due_at"] or now, settles_at(work) or now)
        changes |= {"awaiting": "turned_away_again", "due_at": due_at}
    return replace(again, changes=changes)


def _unknown(work: Work, now: datetime, detail: str) -> Save:
    due_at = now + timedelta(seconds=schedule(work.policy.probe_seconds, 0))
    return Save(
        changes={
            "step_state": UNKNOWN,
            "probe": 1,
            "unknowns": work.record.unknowns + 1,
            "due_at": due_at,
            **because(
                "outcome_unknown",
                f"the answer to the {work.current.kind} step was lost ({detail}); what became of it is being found out",
            ),
        },
        step_changes={"state": "unknown", "detail": f"outcome not known: {detail}"},
        rest=True,
    )


def _duplicate(work: Work, now: datetime, outcome: Duplicate) -> Save:
    """Look for the order that is said to exist. This call itself is not in doubt: it was refused."""
    looked_for = _unknown(work, now, f"an order like it is said to exist: {outcome.detail}")
    changes: CheckoutChanges = {
        **looked_for.changes,
        "unknowns": work.record.unknowns,
        "awaiting": "duplicate_order",
        **because(
            "outcome_unknown", f"the order system says that it has such an order ({outcome.detail}): it is looked for"
        ),
    }
    return Save(changes=changes, step_changes=looked_for.step_changes, rest=True)


def _accepted(work: Work, accepted: Accepted, now: datetime) -> Save:
    detail = f"answered {accepted.status}"
    step = work.current
    if step.kind in ("add", "price", "header"):
        return completed_step(work, now, detail)
    observed = read_order(accepted.document, work.mapping) if accepted.document is not None else None
    if step.kind == "create":
        order_id = created_order_id(accepted, work.mapping)
        if order_id is None and work.mapping.api.created_id_from != "answer":
            return accepted_without_id(work, now, accepted.status)
        if order_id is None:
            return _unknown(work, now, f"{accepted.status} without an order id")
        return after_naming(work, order_id, observed, now, detail)
    # The answer may still show the draft (the order system submits in its own time), or only repeat the word it was sent.
    moved = observed if observed is not None and shows_submission(work.mapping, observed.state) else None
    return submitted(work, moved, now, detail)


def _rejected(work: Work, outcome: Rejected, now: datetime) -> Save:
    why = f"the order system refused the {work.current.kind} step: {outcome.detail}"
    if not outcome.too_large or work.current.kind == "header":
        return _refused(work, outcome.status, why, now)
    smaller = in_smaller_calls(work, now, outcome.detail)
    if smaller is not None:
        return smaller
    refused = _refused(work, outcome.status, f"{why}; {too_large_reason(work)}", now)
    return replace(refused, forgets_call_size=says_nothing_of_sizes(work))


def _refused(work: Work, status: int, why: str, now: datetime) -> Save:
    kind = work.current.kind
    if kind == "create" and not work.mapping.draft.supported:
        return _looked_for(why, now)
    if kind == "create":
        may_exist = work.mapping.draft.supported and work.mapping.recovery.rejection_may_leave_draft
        return rejected(work, now, why, may_exist=may_exist)
    if kind == "submit":
        return _submit_refused(why, now)
    if kind == "header":
        return _header_refused(work, why, now)
    if status in {404, 410}:
        return give_up_draft(work, now, "the draft does not exist (any more)", mismatch=False)
    assert work.record.submit_intent_order is None, "growth comes before the submission"
    return rejected(work, now, why, may_exist=True)


def _header_refused(work: Work, why: str, now: datetime) -> Save:
    """Begin a new draft, whose first call has the header: what the mapping says of this order system does not hold for it."""
    finding = Finding(
        severity="warning",
        code="header_refused",
        path="",
        message=f"{why}. A new draft is made; see draft.header_attributes of the mapping {work.mapping.name}.",
    )
    decision = give_up_draft(work, now, why, mismatch=False)
    replan = Replan(plan=without_header_steps(work.plan), items_max=None, finding=finding)
    return replace(decision, replan=replan) if decision.redraft else decision


def after_cancel(work: Work, outcome: Outcome, now: datetime) -> Save:
    """Return what to record after the order system was asked to cancel the live order."""
    record = work.record
    said = because("cancellation_asked", f"order {record.order_id} is live; the order system is asked to cancel it")
    match outcome:
        case Accepted():
            task = read_task(outcome.document, record.order_id or "")
            if task is not None and task.progress == "denied":
                return cancellation_refused(
                    now, f"the order system does not cancel order {record.order_id}: its task {task.id} is {task.state}"
                )
            return cancellation_asked(work, now, f"answered {outcome.status}", task)
        case Duplicate():
            return cancellation_asked(work, now, outcome.detail)
        case Rejected():
            return cancellation_refused(
                now, f"the order system refused to cancel order {record.order_id}: {outcome.detail}"
            )
        case NotSent() | NotExecuted():
            again = retry_later(work, now, outcome.detail, outcome.retry_after_seconds, reason=said)
        case Unknown():
            # Asking again does no harm: an order is cancelled once.
            again = retry_later(work, now, f"outcome not known: {outcome.detail}", None, reason=said)
        case _:
            assert_never(outcome)
    changes: CheckoutChanges = {**again.changes, "attempt": record.attempt + 1}
    return Save(changes=changes, step_changes={**again.step_changes, "attempts": record.attempt + 1}, rest=True)


def _looked_for(why: str, now: datetime) -> Save:
    """Look for the order before the refusal of a live POST is told: something that repeats calls may have been refused only."""
    return Save(
        changes={"step_state": UNKNOWN, "probe": 0, "awaiting": "refused_order", **because("refused", why)},
        step_changes={"state": "unknown", "ended_at": now, "detail": f"{why}; looking whether there is an order"},
    )


def _submit_refused(why: str, now: datetime) -> Save:
    """Look at the order before its refusal is believed: something that repeats calls may have submitted it just before."""
    return Save(
        changes={"step_state": UNKNOWN, "probe": 1, "awaiting": "refused_submission", **because("refused", why)},
        step_changes={"state": "unknown", "ended_at": now, "detail": f"{why}; looking whether it is a draft still"},
    )
