"""The decisions about an order that the order system accepted without naming it: its id comes by event, or is searched for. Pure.

What was accepted is never sent again. The order is ours when a notification or a search names it by our marker of this attempt
and reading it confirms that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import UNKNOWN, because
from gateway.checkouts.waits import schedule
from gateway.ordering import ObservedOrder
from gateway.submission.decisions.actions import Policy, Save, Work
from gateway.submission.decisions.named_order import holds_what_was_sent
from gateway.submission.decisions.records import held
from gateway.submission.decisions.whose import whose
from gateway.upstream.evidence import FindResult

# An order that may come hours later is looked for after a tenth of the time that has passed, and at least this often.
_LOOK_SECONDS_MAX: Final = 900.0
_LOOKS_BY_AGE: Final = 10
_NAMED_MAX: Final = 5


def accepted_without_id(work: Work, now: datetime, status: int) -> Save:
    """Begin to wait for the id of an order that was accepted. The call is not in doubt: it took effect, or will."""
    due_at = now + timedelta(seconds=schedule(work.policy.probe_seconds, 0))
    return Save(
        changes={
            "step_state": UNKNOWN,
            "probe": 1,
            "awaiting": "order_id",
            "due_at": min(due_at, waited_until(work.record, work.policy)),
            **because("waiting_order_id", _SAID[work.mapping.api.created_id_from == "event"]),
        },
        step_changes={"state": "unknown", "detail": f"answered {status}, without the id of the order"},
        rest=True,
    )


_SAID: Final = {
    True: "the order system accepted the order, and has not told its id yet: a notification that carries our marker is waited for",
    False: "the order system accepted the order, and has not told its id yet: the order that carries our marker is looked for",
}


def waited_until(record: CheckoutRecord, policy: Policy) -> datetime:
    """Return until when the order of the last call may come late, where the mapping says that ids come later than answers."""
    assert record.sent_at is not None, "a call was sent"
    return record.sent_at + timedelta(seconds=policy.order_id_seconds)


def not_named_yet(work: Work, found: FindResult, now: datetime) -> Save:
    """Wait on for the order that was accepted without an id; when its time is over, say what was seen and ask a person."""
    ends_at = waited_until(work.record, work.policy)
    if now >= ends_at:
        return _never_named(work, found)
    record = work.record
    assert record.sent_at is not None, "a call was sent"
    by_age = min((now - record.sent_at).total_seconds() / _LOOKS_BY_AGE, _LOOK_SECONDS_MAX)
    seconds = max(schedule(work.policy.probe_seconds, record.probe), by_age)
    said = because("waiting_order_id", _SAID[work.mapping.api.created_id_from == "event"])
    return Save(
        changes={
            "probe": record.probe + 1,
            "due_at": min(now + timedelta(seconds=seconds), ends_at),
            **(said if record.reason_code != "waiting_order_id" else {}),
        },
        step_changes={"detail": f"accepted without the id of the order; {_seen(work, found)}"},
        rest=True,
    )


def confirms(work: Work, observed: ObservedOrder) -> bool:
    """Tell whether reading an order that a notification named by our marker shows that it is ours.

    It carries our marker; or it shows none, as some order systems do, and holds what was sent.
    """
    evidence = whose(work, observed)
    return evidence in {"ours", "respelled"} or (evidence == "unmarked" and holds_what_was_sent(work, observed))


def _never_named(work: Work, found: FindResult) -> Save:
    """Hold the checkout. What it waits for stays: a look by `retry` looks again, and nothing is sent a second time."""
    recovery, hours = work.mapping.recovery, work.policy.order_id_seconds / 3600
    return held(
        work,
        "waiting_order_id",
        f"the order was accepted without an id, and none came in {hours:g} hours (submission.order_id_hours): {_seen(work, found)}; "
        f"look for an order with {recovery.marker_slot} {work.record.marker} in the order system",
    )


def _seen(work: Work, found: FindResult) -> str:
    """Return what notifications and the search have shown so far, for people."""
    if found.unconfirmed:
        named = ", ".join(found.unconfirmed[:_NAMED_MAX])
        told = f"a notification with our marker named order {named}, and reading it did not confirm that"
    else:
        told = "no notification with our marker came"
    if work.mapping.recovery.find == "none":
        return told
    searched = (
        "no order with it was found" if found.complete else f"the search proves nothing ({found.absence.sentence})"
    )
    return f"{told}, and {searched}"
