"""What a look at a live order makes of its checkout. Pure.

What cannot be right (the order is not there, is not ours, is a draft again, holds something else, ended while another with our
marker lives) may be an old copy: it is looked at again, soon, until the patience is over. Only then is it told: the checkout is
held, or goes on with a finding.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED, CheckoutChanges, because, without_reason
from gateway.checkouts.states import FINAL, OUTCOME_OF_ORDER
from gateway.ordering import (
    DEAD_ENDS,
    Finding,
    LiveDifference,
    Mapping,
    ObservedOrder,
    carries,
    is_alive,
    is_draft,
    is_inert,
    tmf_state,
    unknown_item_states,
    unknown_state,
)
from gateway.submission.decisions.named_order import contents_differ
from gateway.submission.decisions.refusal import written
from gateway.tracking.decision import (
    Decision,
    Reason,
    TrackingPolicy,
    cancellation_changes,
    held,
    news,
    next_poll,
    settled,
    state_changes,
)
from gateway.tracking.doubts import (
    Doubt,
    doubt_of,
    look_again,
    of_another_spelling,
    of_anothers_contents,
    of_contents,
    of_repeats,
)
from gateway.tracking.evidence import Evidence, Search, end_of, is_marked, showing

# Polls whose searches may be incomplete before an order is followed without that its marker was searched for.
SEARCHES_MAX: Final = 3
_PATH: Final = "productOrder"


def not_followed(record: CheckoutRecord) -> str | None:
    """Return why the order of a checkout is not followed (any more), or None when it is."""
    if record.state in FINAL:
        return f"the checkout is {record.state}, which is final"
    if record.state == "held":
        return "the checkout is held: a person decides"
    return None if record.state == "submitted" else "the order is not submitted yet"


def decide(
    record: CheckoutRecord,
    evidence: Evidence,
    mapping: Mapping,
    policy: TrackingPolicy,
    now: datetime,
    *,
    polled: bool,
) -> Decision:
    """Return what a look at the order of a checkout changes.

    `polled`: the order was read because its time had come; only then is the next poll put off further.
    """
    decision = _decide(record, evidence, mapping, policy, now, polled=polled)
    return replace(decision, changes=news(record, decision.changes))


def _decide(
    record: CheckoutRecord,
    evidence: Evidence,
    mapping: Mapping,
    policy: TrackingPolicy,
    now: datetime,
    *,
    polled: bool,
) -> Decision:
    if (why := not_followed(record)) is not None:
        return Decision(ignored=why)
    observed = evidence.observed
    shown = showing(record, observed, mapping, evidence.search)
    beside = _beside(record, evidence, mapping, now)
    others = _others_alive(record, evidence, mapping)
    is_ours = observed is not None and shown in {"ours", "draft", "stateless"}
    # One that shows as a draft was submitted all the same, and may be live.
    is_there = observed is not None and is_ours and end_of(mapping, observed) not in DEAD_ENDS
    if len(others) + is_there > 1:
        return _with(_duplicates(record, others, is_there=is_there), beside)
    if others:
        return _with(_followed_by_marker(record, others[0], observed, mapping, policy, now), beside)
    if (doubt := doubt_of(record, evidence, shown, mapping)) is not None:
        decision = look_again(record, doubt, policy, now)
        if decision is None and doubt.awaiting == "live_state" and observed is not None:
            decision = _submitted_again(record, observed, now) if _was_in_vain(record, observed, mapping) else None
        return _with(decision or held(doubt.code, doubt.held), beside)
    assert observed is not None, "an order that is missing is doubted"
    if end_of(mapping, observed) in DEAD_ENDS:
        return _with(_dead(record, observed, evidence, mapping, policy, now), beside)
    return _with(_as_it_should_be(record, observed, evidence, mapping, policy, now, polled=polled), beside)


def _with(decision: Decision, beside: Decision) -> Decision:
    """Return a decision with what is recorded whatever is decided."""
    findings = (*decision.findings, *beside.findings)
    return replace(decision, changes={**beside.changes, **decision.changes}, drafts=beside.drafts, findings=findings)


def _beside(record: CheckoutRecord, evidence: Evidence, mapping: Mapping, now: datetime) -> Decision:
    """Return what a search is recorded as, whatever it means: that it was made, and the drafts it came upon."""
    search = evidence.search
    if search is None:
        return Decision()
    own = {record.order_id, record.submit_intent_order}
    drafts = tuple(
        order.id
        for order in search.orders
        if order.id not in own and carries(order, record.marker, mapping) and is_inert(mapping, order)
    )
    done = record.searched_at is None and (search.complete or record.track_attempt + 1 >= SEARCHES_MAX)
    given_up = done and not search.complete and mapping.recovery.find == "filter"
    findings = (_others_unknown(record, search),) if given_up else ()
    return Decision(changes={"searched_at": now} if done else {}, drafts=drafts, findings=findings)


def _others_unknown(record: CheckoutRecord, search: Search) -> Finding:
    """Return the finding that something may have repeated the order, and that no search could tell."""
    message = f"That no order but {record.order_id} carries our marker was not verified: {search.doubt}."
    return Finding(severity="warning", code="order_not_verified", path=_PATH, message=message)


def _others_alive(record: CheckoutRecord, evidence: Evidence, mapping: Mapping) -> list[ObservedOrder]:
    """Return the live orders with our marker that have another id than the one that is followed, by their ids."""
    found = evidence.search.orders if evidence.search is not None else ()
    alive = {
        order.id: order
        for order in found
        if order.id != record.order_id and is_marked(record, order, mapping) and is_alive(mapping, order)
    }
    return [alive[order_id] for order_id in sorted(alive)]


def _duplicates(record: CheckoutRecord, others: list[ObservedOrder], *, is_there: bool) -> Decision:
    ids = sorted([*(order.id for order in others), *([record.order_id] if is_there and record.order_id else [])])
    why = (
        f"several live orders carry our marker ({', '.join(ids[:5])}): something between the gateway and the order system "
        "repeats calls; cancel all but one there, and switch off the repetition"
    )
    return replace(held("duplicate_orders", why), duplicates=tuple(ids))


def _followed_by_marker(
    record: CheckoutRecord,
    found: ObservedOrder,
    observed: ObservedOrder | None,
    mapping: Mapping,
    policy: TrackingPolicy,
    now: datetime,
) -> Decision:
    """Follow the one live order that carries our marker: the order system merged, renamed or superseded the one before."""
    instead = "is not there any more" if observed is None else f"is not it any more ({observed.state or 'no state'})"
    message = f"Order {record.order_id} {instead}; order {found.id} carries our marker and is followed instead."
    changes: CheckoutChanges = {
        **settled(record),
        "order_id": found.id,
        "order_href": found.href,
        **state_changes(record, found, mapping),
    }
    wait = timedelta(seconds=policy.doubt_seconds[0])
    return Decision(
        changes=changes,
        poll={"track_attempt": 0, "track_due_at": now + wait},
        findings=(Finding(severity="warning", code="followed_by_marker", path=_PATH, message=message),),
    )


def _was_in_vain(record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping) -> bool:
    """Tell whether the order is the one that was submitted, and still a draft although every call so far was answered."""
    return (
        mapping.draft.supported
        and record.submit_intent_order == record.order_id == observed.id
        and is_draft(mapping, observed.state)
        and record.unknowns == 0
        and not record.cancel_requested
    )


def _submitted_again(record: CheckoutRecord, observed: ObservedOrder, now: datetime) -> Decision:
    """Submit the same order once more, after a look by the worker that sends it: a submission may have been answered without being made.

    It counts as a call whose outcome was not known: there is no third one, and a refusal of the second one proves nothing.
    """
    why = f"order {observed.id} was submitted, and the order system still shows it as {observed.state}: it is submitted once more"
    return Decision(
        changes={
            "state": "submitting",
            "step": record.steps_total - 1,
            "step_state": PLANNED,
            "attempt": 0,
            "probe": 0,
            "unknowns": 1,
            "due_at": now,
            "awaiting": "second_submission",
            "awaiting_since": None,
            **because("not_shown_yet", why),
        },
        poll={"track_due_at": None},
    )


def _dead(
    record: CheckoutRecord,
    observed: ObservedOrder,
    evidence: Evidence,
    mapping: Mapping,
    policy: TrackingPolicy,
    now: datetime,
) -> Decision:
    """End with an order that came to nothing once it was looked whether another one with our marker lives."""
    state = tmf_state(mapping, observed.state)
    search = evidence.search
    findings: tuple[Finding, ...] = ()
    if search is None or not search.complete:
        doubt = Doubt(
            awaiting="confirmed_end",
            meanwhile=f"order {observed.id} ended as {observed.state}; whether another order with our marker is live is looked for",
            code="not_verifiable",
            held="",
        )
        searchable = mapping.recovery.find != "none"
        if searchable and (waiting := look_again(record, doubt, policy, now)) is not None:
            return waiting
        why = search.doubt if search is not None else "the mapping names no way to search for a marker"
        message = f"Order {observed.id} ended as {observed.state}; that no other order with our marker is live was not verified: {why}."
        findings = (Finding(severity="warning", code="order_not_verified", path="cartItem", message=message),)
    return Decision(
        changes={
            **settled(record),
            **state_changes(record, observed, mapping),
            "state": OUTCOME_OF_ORDER[state],
            **because("ended_by_order_system", f"the order system ended order {observed.id} as {observed.state}"),
            "reason_problem": written(evidence.problems),
        },
        poll={"track_due_at": None},
        findings=findings,
        lines_believed=True,
    )


def _differs(
    record: CheckoutRecord,
    observed: ObservedOrder,
    difference: LiveDifference,
    mapping: Mapping,
    policy: TrackingPolicy,
    now: datetime,
) -> Decision | None:
    """Return what an order that is not what was sent makes of its checkout; None where a finding tells it and the checkout goes on."""
    what = difference.describe()
    if record.reason_code != "contents_differ" or record.awaiting is not None:
        waiting = look_again(record, of_contents(observed, what), policy, now)
        if waiting is not None:
            moved = {} if end_of(mapping, observed) is not None else state_changes(record, observed, mapping)
            return replace(waiting, changes={**moved, **waiting.changes}, ignored=None)
    if difference.is_another and observed.id not in (record.answered_order, record.adopted_order):
        return held("foreign_order", of_anothers_contents(record, observed, what).held)
    if not carries(observed, record.marker, mapping):
        doubt = of_another_spelling(record, observed, mapping, what)
        return held(doubt.code, doubt.held)
    if policy.live_mismatch == "hold":
        doubt = of_contents(observed, what)
        return replace(held(doubt.code, doubt.held), findings=(contents_differ(observed, difference),))
    return None


def _of_its_state(record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping) -> Reason | None:
    """Return what a checkout says of an order whose state does not tell whether it goes on; None where it does.

    A word that nobody knows may stay for ever, and whoever waits learns why. What is told of a cancellation stays.
    """
    if not observed.state:
        return Reason(
            "not_shown_yet",
            f"the order system shows no state of order {observed.id}: this checkout ends when it does, or when somebody ends it",
        )
    strange = unknown_state(mapping, observed.state)
    if strange is None or record.cancel_requested or record.reason_code == "cancellation_refused":
        return None
    return Reason("state_unknown", f"order {observed.id}: {strange.message}")


def _as_it_should_be(
    record: CheckoutRecord,
    observed: ObservedOrder,
    evidence: Evidence,
    mapping: Mapping,
    policy: TrackingPolicy,
    now: datetime,
    *,
    polled: bool,
) -> Decision:
    """Record the state of an order that is ours and live or fulfilled; what it holds is told before its end is."""
    end = end_of(mapping, observed)
    unknown = (unknown_state(mapping, observed.state), unknown_item_states(mapping, observed))
    findings = tuple(finding for finding in unknown if finding is not None)
    difference = evidence.contents.difference if evidence.contents is not None else None
    said: Reason | None = None
    if difference is not None:
        doubted = _differs(record, observed, difference, mapping, policy, now)
        if doubted is not None:
            return replace(doubted, findings=(*findings, *doubted.findings))
        findings += (contents_differ(observed, difference),)
        said = Reason("contents_differ", f"order {observed.id} is not what was sent: {difference.describe()}")
    else:
        said = _of_its_state(record, observed, mapping)
    changes: CheckoutChanges = {**settled(record, said), **state_changes(record, observed, mapping)}
    changes |= cancellation_changes(record, evidence.cancel_task, tmf_state(mapping, observed.state))
    if end is not None:
        search = evidence.search
        if search is not None and not search.complete and mapping.recovery.find == "filter":
            if (waiting := look_again(record, of_repeats(observed), policy, now)) is not None:
                return replace(waiting, findings=findings)
            findings += (_others_unknown(record, search),)
        without: CheckoutChanges = without_reason() if said is None else {}
        ended: CheckoutChanges = {**changes, **without, "state": OUTCOME_OF_ORDER[end]}
        return Decision(changes=ended, poll={"track_due_at": None}, findings=findings, lines_believed=True)
    # A state that moved on is followed closely again; one that stays is looked at less and less often.
    restart = "order_state" in changes or record.awaiting is not None
    poll = next_poll(record, now, policy.poll_seconds, restart=restart, polled=polled)
    return Decision(changes=changes, poll=poll, findings=findings, lines_believed=True)
