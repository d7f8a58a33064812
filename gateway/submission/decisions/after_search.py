"""The decisions after a search for the marker of a lost `create`: found, not found yet, proven absent, not to be known. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.checkouts.abandoned import AbandonedDraft
from gateway.checkouts.row_changes import PLANNED, CheckoutChanges, without_reason
from gateway.ordering import is_draft
from gateway.submission.decisions.actions import Action, Save, Work
from gateway.submission.decisions.records import (
    adopt_live,
    cancelled,
    give_up_draft,
    held,
    observed_changes,
    refused_as_duplicate,
    settled,
    step_done,
    wait,
)
from gateway.upstream.evidence import FindResult

# A lost live POST counts as proven absent after two complete searches at least this far apart.
CONFIRM_ABSENCE_SECONDS = 2.0
# After the quiet time of a lost live POST: how long an order system that cannot be searched now is waited for.
UNSEARCHABLE_SECONDS_MAX = 6 * 3600.0


def after_find(work: Work, found: FindResult, started_at: datetime, now: datetime) -> Action:
    """Decide after a search for the marker of a lost `create`. `started_at` is when the search began."""
    hits = sorted(found.orders, key=lambda order: order.id)
    if not hits:
        return _not_found(work, found, started_at, now)
    live = [order for order in hits if not is_draft(work.mapping, order.state)]
    if not work.mapping.draft.supported:
        return adopt_live(work, hits, now)
    if live:
        return held(
            work,
            "not_verifiable",
            f"order {live[0].id} carries our marker and is no draft ({live[0].state}): it was submitted before it was "
            "complete; look at it in the order system",
        )
    chosen, *others = hits
    detail = "found done by its marker"
    if others:
        detail += (
            f"; {len(others)} more drafts carry it: something between the gateway and the order system repeats calls"
        )
    action = step_done(work, now, detail, changes=observed_changes(work, chosen))
    extra = tuple(AbandonedDraft(marker=work.record.marker, order_id=order.id) for order in others)
    return Save(
        changes=action.changes, step_changes=action.step_changes, lines=action.lines, abandoned=extra, rest=action.rest
    )


def _not_found(work: Work, found: FindResult, started_at: datetime, now: datetime) -> Action:
    if not work.mapping.draft.supported:
        return _live_post_not_found(work, found, started_at, now)
    if not settled(work, now):
        return wait(work, now, "no draft with our marker yet")
    if work.record.awaiting == "duplicate_order" and found.complete:
        return refused_as_duplicate(work, now)
    return give_up_draft(work, now, "no draft with our marker was found", mismatch=False)


def _live_post_not_found(  # noqa: PLR0911 - one return for each case, in order of precedence
    work: Work, found: FindResult, started_at: datetime, now: datetime
) -> Action:
    record, policy = work.record, work.policy
    assert record.sent_at is not None, "an unknown step was sent at some time"
    if record.awaiting == "duplicate_order" and found.complete and settled(work, now):
        # The call was answered with a conflict, so nothing is in doubt; the order it spoke of had time to be shown.
        return refused_as_duplicate(work, now)
    # A sender that was stopped between its intent and its call may have sent at any time until its lease ran out.
    sent_until = record.sent_at + timedelta(seconds=max(policy.deadline_seconds, policy.lease_seconds))
    quiet_end = sent_until + timedelta(seconds=policy.quiet_seconds)
    if started_at < quiet_end:
        return wait(work, now, "no order with our marker yet", not_after=quiet_end)
    if not found.complete:
        patient_until = quiet_end + timedelta(seconds=UNSEARCHABLE_SECONDS_MAX)
        if work.mapping.recovery.find == "none" or now >= patient_until:
            return held(
                work,
                "not_verifiable",
                "the outcome of a call that makes a live order is not known, and the order system cannot be searched "
                f"completely: look there for an order with {work.mapping.recovery.marker_slot} {record.marker}",
            )
        return wait(work, now, "the search was not complete")
    if record.absent_at is None:
        waited = wait(work, now, "not found once after the quiet time")
        due_at = now + timedelta(seconds=CONFIRM_ABSENCE_SECONDS)
        changes: CheckoutChanges = {**waited.changes, "absent_at": started_at, "due_at": due_at}
        return Save(changes=changes, step_changes=waited.step_changes, rest=True)
    if started_at < record.absent_at + timedelta(seconds=CONFIRM_ABSENCE_SECONDS):
        return wait(work, now, "not found once after the quiet time")
    if record.cancel_requested:
        return cancelled(work, now)
    if record.unknowns >= policy.live_posts_max:
        return held(
            work,
            "outcome_unknown",
            f"{record.unknowns} calls that make a live order were lost, and each was proven to have had no effect: find out "
            "why the order system does not answer",
        )
    return Save(
        changes={"step_state": PLANNED, "probe": 0, "absent_at": None, "awaiting": None, **without_reason()},
        step_changes={"state": "planned", "detail": "proven absent: it had no effect"},
    )
