"""What an order that was read back makes of its checkout, when it was looked at between two calls: pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from gateway.checkouts.row_changes import PLANNED, UNKNOWN
from gateway.ordering import Finding, Match, ObservedOrder, both_spellings, is_draft
from gateway.submission.decisions.actions import (
    Action,
    FindMarker,
    ReadOrder,
    Save,
    Send,
    Work,
)
from gateway.submission.decisions.comparing import compare, describe_mismatch
from gateway.submission.decisions.named_order import DIFFERENCE_PROBES_MAX, accept, judge_named
from gateway.submission.decisions.next_action import send
from gateway.submission.decisions.price_drift import judge
from gateway.submission.decisions.records import (
    CHANGES_IT,
    completed_step,
    give_up_draft,
    held,
    left_draft,
    rejected,
    submitted,
)
from gateway.submission.decisions.retries import look_again, settled, wait
from gateway.submission.decisions.whose import whose


def after_read(work: Work, observed: ObservedOrder | None, now: datetime) -> Action:
    """Decide after the order was read: None means that the order system says there is no such order."""
    if work.record.awaiting == "accepted_order":
        return judge_named(work, observed, now)
    if observed is None:
        return _absent(work, now)
    if whose(work, observed) == "other":
        return _of_another_marker(work, observed)
    if work.current.kind == "submit":
        return _before_or_after_submit(work, observed, now)
    return _before_or_after_growth(work, observed, now)


def _before_or_after_growth(work: Work, observed: ObservedOrder, now: datetime) -> Action:
    """Decide about a draft that an `add` or `price` comes to next, or came to last."""
    if not is_draft(work.mapping, observed.state):
        return left_draft(work, observed)
    if work.record.step_state == UNKNOWN:
        return _resolve_growth(work, observed, now)
    found = compare(work, observed, steps_done=work.record.step)
    if found.exact:
        return send(work, now, found.line_ids)
    if work.record.attempt and work.current.kind != "header":
        # It was sent before, and turned away: something that repeats calls may have been told that of the second one.
        with_it = compare(work, observed, steps_done=work.record.step + 1)
        if with_it.exact:
            return completed_step(work, now, "turned away, and found done when read back", lines=with_it.line_ids)
    return _differs(work, observed, found, now)


def after_head(work: Work, observed: ObservedOrder | None, now: datetime) -> Action:
    """Decide after the head of the order was read: it is sent when it is our draft still; a head in doubt is read whole."""
    assert work.record.order_id is not None, "it was read by its id"
    if observed is None:
        return _absent(work, now)
    evidence = whose(work, observed)
    if evidence == "unmarked" or not observed.state:
        return ReadOrder(work.record.order_id)
    if evidence == "other":
        return _of_another_marker(work, observed)
    return send(work, now) if is_draft(work.mapping, observed.state) else left_draft(work, observed)


def after_another_order(work: Work, answered: ObservedOrder, now: datetime, *, searched: bool = False) -> Action:
    """Decide after an order was asked for and another one came: merged, renamed, or mixed up. It is followed by its marker only.

    `searched`: it was asked for because a search for our marker found it, so that to search again would find the same.
    """
    record = work.record
    if record.awaiting == "accepted_order" or work.current.kind == "create":
        if whose(work, answered) in {"ours", "respelled"}:
            return accept(work, answered, now, "found done by its marker, under another id")
        if record.awaiting == "accepted_order" and not searched:
            return FindMarker(record.marker, answered)
    asked = record.order_id or "that the search found"
    if not settled(work, now):
        return look_again(work, now, f"asked for order {asked}, the order system shows order {answered.id}")
    if record.submit_intent_order is None and work.mapping.draft.supported:
        why = f"asked for the draft {asked}, the order system shows order {answered.id}"
        return give_up_draft(work, now, why, mismatch=True)
    return held(
        work,
        "foreign_order",
        f"asked for order {asked}, the order system shows order {answered.id}: see which of them is the order of this checkout",
    )


def _absent(work: Work, now: datetime) -> Action:
    record = work.record
    if record.submit_intent_order is not None:
        return held(
            work,
            "not_verifiable",
            f"order {record.order_id} was being submitted and does not exist (any more): look for it in the order system",
        )
    if not settled(work, now):
        return look_again(work, now, "the draft is not shown (yet)")
    if record.step == 1 and record.order_id == record.answered_order:
        # Only the answer to the `create` named this id, and answers write ids otherwise (a number, without its zeros).
        return FindMarker(record.marker)
    return give_up_draft(work, now, "the draft does not exist (any more)", mismatch=False)


def _of_another_marker(work: Work, observed: ObservedOrder) -> Action:
    spellings = both_spellings(observed, work.record.marker, work.mapping)
    return held(
        work,
        "marker_changed",
        f"order {observed.id} does not carry the marker of this checkout (any more): {spellings}",
    )


def _resolve_growth(work: Work, observed: ObservedOrder, now: datetime) -> Action:
    """Find out whether a lost `add` or `price` took effect: only the call in flight can explain a difference.

    Where the order system shows no price alterations, reading back says nothing of a `price`: whether it was set, nor how
    often. The draft is given up then: only an answer is believed.
    """
    if work.current.kind == "price" and not work.mapping.lines.alterations_readable:
        return give_up_draft(work, now, "whether a price alteration was set cannot be read back", mismatch=False)
    if work.current.kind == "header":
        # No line tells whether it was set. Once a lost call can come no more, it is set again, to the same.
        if not settled(work, now):
            return wait(work, now, "whether the header was set is not known yet")
        return Save(changes={"step_state": PLANNED, "probe": 0}, step_changes={"state": "planned"})
    with_it = compare(work, observed, steps_done=work.record.step + 1)
    if with_it.exact:
        return completed_step(work, now, "found done when read back", lines=with_it.line_ids)
    if settled(work, now):
        return give_up_draft(work, now, "the outcome of a call on the draft stayed unknown", mismatch=False)
    return wait(work, now, "not seen yet")


def _before_or_after_submit(  # noqa: PLR0911 - one return for each case, in order of precedence
    work: Work, observed: ObservedOrder, now: datetime
) -> Action:
    record = work.record
    if not is_draft(work.mapping, observed.state):
        if record.submit_intent_order == observed.id:
            return submitted(work, observed, now, "found done when read back")
        return held(
            work,
            "contents_differ",
            f"order {observed.id} was submitted by somebody else ({observed.state}): see whether it is what was wanted",
        )
    if record.step_state == UNKNOWN:
        if record.awaiting == "refused_submission":
            if not settled(work, now):
                return wait(work, now, "refused, and still a draft", reason={})
            return _submit_refused(work, record.status_reason or "the order system refused the submit step", now)
        if not settled(work, now):
            return wait(work, now, "still a draft")
        # The same order is submitted again: a late first submit would have the same effect.
        return Save(changes={"step_state": PLANNED, "probe": 0}, step_changes={"state": "planned"})
    found = compare(work, observed, steps_done=record.step)
    if found.exact:
        return _submit(work, observed, found, now)
    if record.submit_intent_order is not None:
        return held(
            work,
            "contents_differ",
            f"order {observed.id} changed after its submission was begun: {describe_mismatch(found)}",
        )
    return _differs(work, observed, found, now)


def _submit_refused(work: Work, why: str, now: datetime) -> Action:
    """End a checkout whose order was not submitted; but an earlier submit whose answer was lost may still make it live."""
    record = work.record
    if record.unknowns > 0:
        return held(
            work,
            "outcome_unknown",
            f"{why}; the outcome of an earlier attempt is not known: look at order {record.order_id}",
        )
    return rejected(work, now, why, may_exist=True)


def _submit(work: Work, observed: ObservedOrder, found: Match, now: datetime) -> Action:
    """Submit, unless the draft does not cost what the cart did; once it was tried to be submitted, that is settled."""
    finding: Finding | None = None
    if work.record.submit_intent_order is None:
        accepted = work.record.price_drift_accepted
        verdict = judge(work.cart_totals, observed, work.mapping, work.policy.drift, accepted=accepted)
        if verdict.held_for is not None:
            return held(work, "price_differs", verdict.reason, {"price_drift": verdict.held_for})
        finding = verdict.finding
    action = send(work, now, found.line_ids)
    return replace(action, finding=finding) if isinstance(action, Send) else action


def _differs(work: Work, observed: ObservedOrder, found: Match, now: datetime) -> Action:
    """Look again (an order system may show its own writes late), then begin a new draft.

    What is only not there yet is waited for until the last call has settled; what is wrong is looked at twice more.
    """
    late = _is_late(work, observed, found)
    if work.record.probe < DIFFERENCE_PROBES_MAX or (late and not settled(work, now)):
        return look_again(work, now, describe_mismatch(found))
    seconds = work.policy.deadline_seconds + work.policy.settle_seconds
    diagnosis = f"the order system did not show in {seconds:.0f} s all that it was given" if late else CHANGES_IT
    return give_up_draft(work, now, describe_mismatch(found), mismatch=True, diagnosis=diagnosis)


def _is_late(work: Work, observed: ObservedOrder, found: Match) -> bool:
    """Tell whether the order is as it was before the last call, or only lacks something."""
    if not (found.wrong or found.unexpected):
        return True
    return work.record.step > 1 and compare(work, observed, steps_done=work.record.step - 1).exact
