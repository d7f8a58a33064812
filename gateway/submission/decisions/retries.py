"""What is recorded of a checkout that goes on later: looks for a lost call, tries again, reads again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED, CheckoutChanges, because
from gateway.checkouts.waits import growth_max, schedule, spread
from gateway.submission.decisions.actions import Save, Work
from gateway.submission.decisions.records import held, rejected
from gateway.submission.decisions.waiting import waits_for_read
from gateway.upstream.port import ReadFailed


def settled(work: Work, now: datetime) -> bool:
    """Tell whether a lost call has had its deadline and the time to settle."""
    moment = settles_at(work)
    assert moment is not None, "an unknown step was sent at some time"
    return now >= moment


def settles_at(work: Work) -> datetime | None:
    """Return when the last call has had its deadline and the time to settle; None when nothing was sent yet."""
    sent_at = work.record.sent_at
    settling = timedelta(seconds=work.policy.deadline_seconds + work.policy.settle_seconds)
    return None if sent_at is None else sent_at + settling


def _next_look(work: Work, now: datetime, not_after: datetime | None = None, *, probe: int | None = None) -> datetime:
    """Return when to look at the order again: by the growing waits, and when the look decides at the latest.

    A look before the last call has settled can only wait; the one after it ends the waiting, and must not be overslept.
    """
    count = work.record.probe if probe is None else probe
    due_at = now + timedelta(seconds=schedule(work.policy.probe_seconds, count))
    return min(moment for moment in (due_at, settles_at(work), not_after) if moment is not None and moment > now)


def wait(
    work: Work,
    now: datetime,
    detail: str,
    *,
    not_after: datetime | None = None,
    reason: CheckoutChanges | None = None,
) -> Save:
    """Look again later for the effect of a lost call. `reason` is what the checkout says meanwhile, where it is another."""
    said: CheckoutChanges = {}
    if work.record.reason_code != "outcome_unknown":
        said = because(
            "outcome_unknown",
            f"the answer to the {work.current.kind} step was lost; what became of it is being found out",
        )
    return Save(
        changes={
            "probe": work.record.probe + 1,
            "due_at": _next_look(work, now, not_after),
            **(said if reason is None else reason),
        },
        step_changes={"state": "unknown", "detail": f"outcome not known: {detail}"},
        rest=True,
    )


def retry_later(
    work: Work,
    now: datetime,
    detail: str,
    retry_after_seconds: float | None,
    *,
    reason: CheckoutChanges,
    waits_max: int | None = None,
) -> Save:
    """Send the same step again later. The waits grow with the attempts, up to that of `waits_max`; `reason` is told meanwhile."""
    count = max(work.record.attempt - 1, 0)
    seconds = schedule(work.policy.retry_seconds, count if waits_max is None else min(count, waits_max))
    due_at = now + timedelta(seconds=_spread(work, max(seconds, retry_after_seconds or 0.0)))
    return Save(
        changes={"step_state": PLANNED, "due_at": due_at, **reason},
        step_changes={"state": "planned", "detail": detail},
        rest=True,
    )


def read_failed(work: Work, now: datetime, failure: ReadFailed) -> Save:
    """Try a read again later; it changed nothing. What is too large to be read will fail the next time, too: not for ever."""
    detail, retry_after_seconds, too_large = str(failure), failure.retry_after_seconds, failure.too_large
    probe = work.record.probe
    if too_large and probe >= len(work.policy.probe_seconds):
        return _unreadable(work, now, detail)
    counted = min(probe, growth_max(work.policy.probe_seconds, retry_after_seconds))
    seconds = (_next_look(work, now, probe=counted) - now).total_seconds()
    due_at = now + timedelta(seconds=_spread(work, max(seconds, retry_after_seconds or 0.0)))
    return Save(
        changes={
            "probe": max(probe, counted + 1),
            "due_at": due_at,
            **({} if keeps_its_reason(work.record) else waits_for_read(work, failure.cause, detail)),
        },
        step_changes={"detail": f"reading back failed: {detail}"},
        rest=True,
    )


def keeps_its_reason(record: CheckoutRecord) -> bool:
    """Tell whether the reason is what the checkout may be ended for: whatever delays finding that out does not replace it."""
    return record.awaiting in {"refused_order", "refused_submission"}


def _unreadable(work: Work, now: datetime, detail: str) -> Save:
    """End a checkout whose order has become too large to be read back: unread, it is not submitted."""
    record = work.record
    if record.submit_intent_order is not None or not work.mapping.draft.supported:
        return held(
            work,
            "too_large",
            f"order {record.order_id or 'of this checkout'} may be live, and is too large to be read back ({detail}): look at it "
            "in the order system",
        )
    why = (
        f"the draft is too large to be read back ({detail}), and is not submitted unread: order in several carts, or raise the "
        "limit of answers (limits.response_bytes_max, or the order system's)"
    )
    return rejected(work, now, why, may_exist=True, code="too_large")


def _spread(work: Work, seconds: float) -> float:
    record = work.record
    return spread(f"{record.id} {record.attempt} {record.probe}", seconds)


def look_again(work: Work, now: datetime, detail: str) -> Save:
    """Read the order again soon: an order system may show its own writes late."""
    return Save(
        changes={
            "probe": work.record.probe + 1,
            "due_at": _next_look(work, now),
            **because("not_shown_yet", f"the order system does not show yet what it was sent: {detail}"),
        },
        step_changes={"detail": f"read back, and looked at again: {detail}"},
        rest=True,
    )


def put_off(
    work: Work, decision: Save, now: datetime, retry_after_seconds: float | None, reason: CheckoutChanges
) -> Save:
    """Return a decision that goes on later, as after a call that was turned away; what ended is not put off.

    The waits grow with the drafts that were given up before: each of them begins with no attempt.
    """
    if "state" in decision.changes:
        return decision
    count = work.record.attempt - 1 + work.record.generation
    seconds = max(schedule(work.policy.retry_seconds, count), retry_after_seconds or 0.0)
    changes: CheckoutChanges = {
        **decision.changes,
        "due_at": now + timedelta(seconds=_spread(work, seconds)),
        **reason,
    }
    return replace(decision, changes=changes, rest=True)
