"""What following an order may change, as values, and the changes that every look has in common. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import OF_THE_UPSTREAM, ReasonCode
from gateway.checkouts.row_changes import CheckoutChanges, because, without_reason
from gateway.checkouts.waits import schedule, spread
from gateway.ordering import Finding, Mapping, ObservedOrder, tmf_state
from gateway.upstream.cancel_task import CancelTask

# What is told of an order that is followed, besides what is told of its order system.
_OF_FOLLOWING: Final[frozenset[ReasonCode]] = frozenset(
    {"not_shown_yet", "state_unknown", "contents_differ", "waiting_retry", "not_configured"}
)


# States of an order whose cancellation is being decided, or carried out.
CANCELLING: Final = frozenset({"assessingCancellation", "pendingCancellation"})


class TrackingPolicy(Struct, frozen=True, kw_only=True):
    """The settings that following an order depends on.

    `poll_seconds` are the waits while nothing is wrong, `doubt_seconds` those while something is, `patience_seconds` for how long
    something wrong may be an old copy.
    """

    poll_seconds: tuple[float, ...]
    doubt_seconds: tuple[float, ...]
    patience_seconds: float
    live_mismatch: Literal["finding", "hold"] = "finding"


def news(record: CheckoutRecord, changes: CheckoutChanges) -> CheckoutChanges:
    """Return those of the changes that are not so already: what is said again is not a new version of the checkout."""
    new: CheckoutChanges = {**changes}
    for column in list(new):
        if getattr(record, column) == changes.get(column):
            del new[column]  # type: ignore[misc]  # which column it is only shows when it runs
    return new


class Decision(Struct, frozen=True, kw_only=True):
    """What a look changes: `changes` is what clients see, `poll` the columns of the next poll; or why nothing is believed.

    `drafts` are ids of drafts with our marker that are not the order, to be cleaned up; `duplicates` the ids of several live
    orders with our marker. With `lines_believed` the order's lines and their states are recorded.
    """

    changes: CheckoutChanges = {}
    poll: CheckoutChanges = {}
    findings: tuple[Finding, ...] = ()
    drafts: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    lines_believed: bool = False
    ignored: str | None = None


class Reason(NamedTuple):
    """What a checkout says of its order."""

    code: ReasonCode
    message: str


def held(code: ReasonCode, why: str) -> Decision:
    """Stop following the order and ask a person."""
    return Decision(
        changes={"state": "held", "awaiting": None, "awaiting_since": None, **because(code, why)},
        poll={"track_due_at": None},
    )


def settled(record: CheckoutRecord, said: Reason | None = None) -> CheckoutChanges:
    """Return what changes where the order is as it should be: nothing is doubted, and what was told of that is told no more.

    `said` is what is to be told all the same. A reason of somebody else's stays.
    """
    changes: CheckoutChanges = {}
    if record.awaiting is not None:
        changes = {"awaiting": None, "awaiting_since": None}
    told = record.reason_code
    of_following = record.awaiting is not None or told in OF_THE_UPSTREAM or told in _OF_FOLLOWING
    if of_following and record.cancel_requested and record.due_at is not None and record.awaiting is None:
        return changes  # the worker that is about to ask for the cancellation says what it waits for
    if said is None and of_following and record.cancel_requested:
        said = Reason("cancellation_asked", f"the order system was asked to cancel order {record.order_id}")
    if said is None:
        return {**changes, **without_reason()} if of_following else changes
    return {**changes, **because(said.code, said.message)}


def state_changes(record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping) -> CheckoutChanges:
    """Return what is new about the state and the address of the order."""
    changes: CheckoutChanges = {}
    if observed.href and observed.href != record.order_href:
        changes["order_href"] = observed.href
    if observed.state:
        state = tmf_state(mapping, observed.state)
        if (state, observed.state) != (record.order_state, record.upstream_state):
            changes |= {"order_state": state, "upstream_state": observed.state}
    return changes


def cancellation_changes(record: CheckoutRecord, task: CancelTask | None, order_state: str) -> CheckoutChanges:
    """Return what the task says by which a live order in `order_state` is to be cancelled.

    That it was denied is believed once the order is not being cancelled any more; what becomes of the order, the order says.
    """
    if task is None or not record.cancel_requested or task.id != record.cancel_task:
        return {}
    if task.progress != "denied":
        return {"cancel_progress": task.progress}
    if order_state in CANCELLING:
        return {}
    why = f"the order system does not cancel order {record.order_id}: its task {task.id} is {task.state}"
    return {"cancel_progress": "denied", "cancel_requested": False, **because("cancellation_refused", why)}


def next_poll(
    record: CheckoutRecord,
    now: datetime,
    poll_seconds: tuple[float, ...],
    *,
    restart: bool,
    polled: bool,
) -> CheckoutChanges:
    """Return when the order is read next. With `restart` it is followed closely again; what was not `polled` puts nothing off."""
    if not restart and not polled:
        return {}
    attempt = 0 if restart else record.track_attempt + 1
    wait = spread(f"{record.id} {attempt}", schedule(poll_seconds, max(attempt - 1, 0)))
    return {"track_attempt": attempt, "track_due_at": now + timedelta(seconds=wait)}
