"""The decisions of the submission: data in, one action out. No clock, no I/O.

The rules, in short (docs/decisions/0003):

- An intent is stored before a call is sent. A worker that finds a step in SENDING knows only that it may have been sent: UNKNOWN.
- UNKNOWN is resolved by reading back, never by sending again. What cannot be resolved is, for a draft, given up: a new draft
  is made under a new marker, and the lost call can only touch the old one.
- Only one order is ever submitted for a checkout: `submit_intent_order` is written once, in the intent of the first submit.
- Where a POST is live at once, a lost one is sent again only after the quiet time and two searches without a find, each of which
  was seen to find orders made before and after it (docs/decisions/0011).
- Before a draft is submitted it is looked whether one that was given up is live: somebody or something may have submitted it.
- A submission that was answered and did nothing is sent once more for the same order, after a look.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from datetime import datetime

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED, SENDING, UNKNOWN, CheckoutChanges
from gateway.checkouts.states import OPEN
from gateway.ordering import Mapping
from gateway.submission.decisions.actions import (
    Action,
    AskCancel,
    FindMarker,
    LookAtGivenUp,
    LookAtRecovered,
    ReadHead,
    ReadOrder,
    Save,
    Send,
    Work,
)
from gateway.submission.decisions.records import (
    cancellation_refused,
    cancelled,
    draft_complete,
    held,
)

# Drafts of up to so many lines are compared whole before each call.
WHOLE_LINES_MAX = 200


def next_action(work: Work, now: datetime) -> Action:  # noqa: PLR0911 - one return for each case, in order of precedence
    """Return what to do with a checkout that was just claimed, or whose last action is recorded."""
    record = work.record
    if record.state == "submitted":
        return _ask_to_cancel(work, now)
    if record.state not in OPEN:
        return Save(changes={"due_at": None}, rest=True)
    if record.step_state == SENDING:
        # The worker that sent this did not live to say what came of it.
        return Save(
            changes={"step_state": UNKNOWN, "probe": 0, "unknowns": record.unknowns + 1},
            step_changes={"state": "unknown", "detail": "the sender stopped before the outcome was recorded"},
        )
    if record.recover_since is not None and record.step_state == PLANNED and record.submit_intent_order is None:
        return LookAtRecovered()
    # Before it was looked, an order that is not known here may be live.
    if record.recover_since is None and record.cancel_requested and (action := _cancel(work, now)) is not None:
        return action
    if record.awaiting == "party":
        return Save(changes={"due_at": None}, rest=True)
    if record.step_state == UNKNOWN:
        return _look(work)
    if not record.submit and _builds_nothing_more(work):
        return draft_complete(work)
    if work.current.kind == "create":
        return send(work, now)
    assert record.order_id is not None, "a step after the create needs the order's id"
    if _may_be_the_second(work):
        return LookAtGivenUp()
    return ReadHead(record.order_id) if _lines_may_wait(work) else ReadOrder(record.order_id)


def _may_be_the_second(work: Work) -> bool:
    """Tell whether drafts were given up before the one that is submitted next: one of them may be live meanwhile."""
    record = work.record
    return work.current.kind == "submit" and record.generation > 0 and record.submit_intent_order is None


def _lines_may_wait(work: Work) -> bool:
    """Tell whether the next call on a large draft is sent without a look at the lines that are there.

    Every line is compared before the order is submitted, and after a call in doubt. To compare all of them before each call,
    too, takes time with the square of the order's size. What a call needs to address must be known.
    """
    record, mapping = work.record, work.mapping
    if len(work.order.lines) <= WHOLE_LINES_MAX or not mapping.api.fields_parameter:
        return False
    if work.current.kind not in ("add", "price") or record.attempt or record.probe:
        return False
    if mapping.lines.line_id == "id" and mapping.lines.item_id_echoed:
        return True
    return work.known.keys() >= _addressed(work)


def _addressed(work: Work) -> set[str]:
    """Return the ids of the items whose lines the next call names: those it prices, or adds something beneath, or finds there."""
    items = set(work.current.item_ids)
    if work.current.kind == "price":
        return items
    beneath = {item_id for item_id in items if work.parents.get(item_id, item_id) not in items}
    return {work.parents[item_id] for item_id in beneath} | (beneath & work.there_already)


def _builds_nothing_more(work: Work) -> bool:
    """Tell whether everything that may be sent before the client submits has been sent."""
    return not work.mapping.draft.supported or work.current.kind == "submit"


def _cancel(work: Work, now: datetime) -> Action | None:
    """Cancel what can be cancelled; None when the outcome of a call must be known first, or the order may be live."""
    return cancelled(work, now) if is_cancelled_at_once(work.record, work.mapping) else None


def is_cancelled_at_once(record: CheckoutRecord, mapping: Mapping) -> bool:
    """Tell whether a checkout whose client cancels it ends without a call: no order of it can be live, or become so."""
    if not record.cancel_requested or record.state not in OPEN or record.submit_intent_order is not None:
        return False
    # Without a draft, PLANNED says that no order was made; anything else must be known first.
    return mapping.draft.supported or record.step_state == PLANNED


def _ask_to_cancel(work: Work, now: datetime) -> Action:
    """Ask for the cancellation of the live order, if the client wants it and the order system takes such requests."""
    record = work.record
    if not record.cancel_requested:
        return Save(changes={"due_at": None}, rest=True)
    assert record.order_id is not None, "a live order has an id"
    if not work.mapping.api.cancel_resource:
        return cancellation_refused(
            now,
            f"order {record.order_id} was live before it could be cancelled, and the order system takes no cancellations "
            "from here: cancel it there",
        )
    if record.attempt >= work.policy.attempts_max:
        return cancellation_refused(
            now,
            f"the order system could not be asked to cancel order {record.order_id} in {record.attempt} attempts: cancel "
            "again, or cancel it there",
        )
    return AskCancel(record.order_id)


def _look(work: Work) -> Action:
    record = work.record
    if record.order_id is None:
        return FindMarker(record.marker)
    return ReadOrder(record.order_id)


def send(work: Work, now: datetime, lines: Map[str, str] | None = None) -> Action:
    """Return the call of the current step and the columns that record its intent; hold the checkout when its attempts are used up.

    `lines` are the ids of the order lines that the call names (item id: line id), as they were just read.
    """
    record, step = work.record, work.current
    assert step.kind != "create" or record.answered_order is None, "a call that named an order is never sent again"
    if record.attempt >= work.policy.attempts_max:
        return held(
            work,
            record.reason_code or "waiting_retry",
            f"the {step.kind} step had no success in {record.attempt} attempts (submission.attempts_max): see the step's "
            "detail for what the order system answers",
        )
    changes: CheckoutChanges = {
        "step_state": SENDING,
        "sent_at": now,
        "first_sent_at": record.first_sent_at or now,
        "attempt": record.attempt + 1,
        "probe": 0,
        "absent_at": None,
        "awaiting": None,
    }
    if step.kind == "submit" or not work.mapping.draft.supported:
        changes["state"] = "submitting"
    elif record.state != "drafting":
        changes["state"] = "drafting"
    if step.kind == "submit":
        assert record.submit_intent_order in {None, record.order_id}, "only one order may ever be submitted"
        changes["submit_intent_order"] = record.order_id
    return Send(step, changes, dict(lines or {}))
