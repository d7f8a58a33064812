"""Intents and records of the submission: plain functions over a connection.

The lease lowers the chance that two workers hold one checkout; the fence (`claims.py`) makes the second one's writes count and the
first one's fail. Every write after a claim is checked against the fence; a stale one raises StaleLeaseError.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, func, select

from gateway.checkouts.model import (
    CheckoutRecord,
    LineState,
    findings_decoder,
    lines_decoder,
    marker_of,
    order_decoder,
    plan_decoder,
    plan_hash,
)
from gateway.checkouts.orders import cancellations
from gateway.checkouts.row_changes import SENDING, UNKNOWN, CheckoutChanges, because
from gateway.checkouts.states import FINAL
from gateway.checkouts.stored import history, step_store
from gateway.checkouts.stored import store as checkouts
from gateway.checkouts.stored.abandoned import abandon
from gateway.checkouts.stored.findings import add_findings
from gateway.checkouts.stored.pauses import pauses
from gateway.errors import GatewayError, StaleLeaseError
from gateway.ordering import Order, Plan
from gateway.settings import SubmissionSettings
from gateway.storage.tables import ORDERED_STATES, checkout, inbox
from gateway.submission.decisions.actions import Replan, Save
from gateway.submission.decisions.records import CANCEL_REASON
from gateway.tmf.json import decode_stored, encode_json
from gateway.tmf.totals import TotalKey, amounts_by_key
from gateway.upstream.answers import is_safe_id
from gateway.upstream.cancel_task import CancelWish
from gateway.upstream.evidence import KnownOrder, NotifiedOrder

# Notifications that carry one marker name one order; so many others are looked at.
_TOLD_MAX: Final = 5


def frozen_parts(connection: Connection, record: CheckoutRecord) -> tuple[Order, Plan, dict[str, str]]:
    """Return the order, the plan and the known line ids of a claimed checkout.

    Asserts that order and plan are those the checkout was accepted with.
    """
    found = checkouts.documents(connection, record.tenant, record.id, ("order", "plan", "lines"))
    stored = {kind: found[kind].encode() for kind in ("order", "plan")}
    assert plan_hash(stored) == record.plan_hash, f"checkout {record.id}: order or plan changed after acceptance"
    lines = lines_decoder.decode(found["lines"]) if "lines" in found else {}
    known = {item_id: line.line_id for item_id, line in lines.items() if line.line_id is not None}
    return order_decoder.decode(stored["order"]), plan_decoder.decode(stored["plan"]), known


def cart_totals(connection: Connection, record: CheckoutRecord) -> dict[TotalKey, Decimal]:
    """Return what the cart cost when the checkout was accepted; empty where that was not kept."""
    found = checkouts.documents(connection, record.tenant, record.id, ("totals",))
    return amounts_by_key(decode_stored(found["totals"])) if "totals" in found else {}


class PausedError(GatewayError):
    """The order system was paused while a call was being prepared; nothing was written and nothing is to be sent."""


class SupersededError(GatewayError):
    """The client asked to submit or to cancel while a call was being prepared; nothing was written: decide again."""


def save(
    connection: Connection,
    record: CheckoutRecord,
    decision: Save,
    now: datetime,
    *,
    plan: Plan | None,
    known: dict[str, str],
    settings: SubmissionSettings,
) -> CheckoutRecord:
    """Record a decision under the record's fence and return the new record.

    Extends the lease, or gives it back when the decision rests. Raises StaleLeaseError when the fence moved on,
    SupersededError when the client spoke before the intent of a call was committed, PausedError when an operator paused the
    order system before; then nothing is written. `plan` may be
    None for a decision about no step.
    """
    lease_seconds = settings.lease_seconds
    decision = _unless_another_has_it(connection, record, decision)
    fresh = _as_read(connection, record, decision, now, lease_seconds)
    if fresh is None:
        fresh = _under_lock(connection, record, decision, now, lease_seconds)
    if plan is not None and decision.step_changes:
        if record.step < len(plan.steps):
            step_store.set_step(connection, record, plan.steps[record.step].sequence, decision.step_changes)
        else:
            step_store.put_cancel_step(connection, record, decision.step_changes)
    abandon(connection, record, decision.abandoned, now, settings.cleanup_seconds[0])
    history.record(connection, record.tenant, record.id, decision.happened)
    history.record_payloads(connection, record.tenant, record.id, decision.payloads, now)
    if decision.finding is not None:
        add_findings(connection, record, [decision.finding])
    if decision.lines is None:
        checkouts.put_documents(connection, record.tenant, record.id, {"lines": b"{}"})
    elif decision.lines and not decision.lines.items() <= known.items():
        lines = {item_id: LineState(line_id=line_id) for item_id, line_id in decision.lines.items()}
        checkouts.add_lines(connection, record.tenant, record.id, lines, record.step)
    if decision.replan is not None:
        plan = decision.replan.plan
        if not decision.redraft:
            replace_later_steps(connection, record, plan)
    if decision.redraft:
        assert plan is not None, "only what has a plan is drafted again"
        counts = [len(step.item_ids) for step in plan.steps]
        step_store.plan_steps(connection, fresh, plan, counts)
    return fresh


def _unless_another_has_it(connection: Connection, record: CheckoutRecord, decision: Save) -> Save:
    """Return the decision, or that a person must look where the order it takes is that of another checkout already."""
    order_id = decision.changes.get("order_id")
    if order_id is None or order_id == record.order_id:
        return decision
    others = checkouts.others_of_order(connection, record, order_id)
    if not others:
        return decision
    why = (
        f"order {order_id} is what the order system named, and is the order of {checkouts.named_to(record, others[0])} already: look "
        "there for an order with "
        f"the marker {record.marker}"
    )
    named: CheckoutChanges = {}
    if "answered_order" in decision.changes:
        named = {"answered_order": order_id, "step_state": UNKNOWN, "awaiting": "accepted_order"}
    return Save(
        changes={**named, "state": "held", "due_at": None, **because("foreign_order", why)},
        step_changes={"detail": f"held: {why}"},
        rest=True,
    )


def _as_read(
    connection: Connection, record: CheckoutRecord, decision: Save, now: datetime, lease_seconds: float
) -> CheckoutRecord | None:
    """Change the row of a checkout that is still as the worker knows it; None when somebody changed it, and nothing is written.

    Nearly every decision is one of these, and every call to an order system waits for one: they are not read first. A change
    of what a decision depends on makes a new version of the row, or takes its fence.
    """
    if decision.replan is not None:
        return None
    changes = _changes(record, decision, now, lease_seconds)
    is_intent = decision.changes.get("step_state") == SENDING
    return checkouts.change(
        connection, record, changes, now, fence=record.fence, version=record.version, unless_paused=is_intent
    )


def _under_lock(
    connection: Connection, record: CheckoutRecord, decision: Save, now: datetime, lease_seconds: float
) -> CheckoutRecord:
    """Change the row of a checkout that may be another than the worker knows. Raises as `save`."""
    current = checkouts.get_for_update(connection, record.tenant, record.id)
    if current is None or current.fence != record.fence:
        raise StaleLeaseError(f"checkout {record.id} is another worker's")
    if decision.changes.get("step_state") == SENDING and record.upstream in pauses(connection):
        raise PausedError(f"the order system {record.upstream} is paused")
    requests_changed = _requested(current) != _requested(record)
    if requests_changed and decision.changes.get("step_state") == SENDING:
        raise SupersededError(f"the client's wish for checkout {record.id} changed")
    changes = _changes(current, decision, now, lease_seconds)
    if decision.replan is not None:
        changes = {**put_plan(connection, record, decision.replan), **changes}
    if decision.rest and requests_changed:
        changes["due_at"] = _due_for_request(current, changes.get("due_at"), now)
    fresh = checkouts.change(connection, current, changes, now, fence=record.fence)
    assert fresh is not None, "the row is locked, and its fence was just compared"
    return fresh


def _changes(current: CheckoutRecord, decision: Save, now: datetime, lease_seconds: float) -> CheckoutChanges:
    """Return what a decision changes in the row as it is now.

    An intent is dated by the transaction that commits it: a process that was stopped before it thinks that it is earlier, and
    what is proven by waiting would be counted from before the call could leave.
    """
    changes: CheckoutChanges = {
        "claims_without_progress": 0,
        "lease_until": now if decision.rest else now + timedelta(seconds=lease_seconds),
    }
    if current.state in FINAL:
        # The order may have come to its end meanwhile: then there is nothing left to decide.
        changes["due_at"] = None
        return changes
    changes |= decision.changes
    if decision.changes.get("step_state") == SENDING:
        changes["sent_at"] = now
    return changes


def _requested(record: CheckoutRecord) -> tuple[bool, bool]:
    return record.submit, record.cancel_requested


def _due_for_request(current: CheckoutRecord, due_at: datetime | None, now: datetime) -> datetime:
    """Return when a checkout is due whose client spoke while a decision was made without knowing it.

    A cancellation is heard at once. A submission is heard at once where the decision was to wait for it; a call that is put
    off stays put off.
    """
    return now if current.cancel_requested or due_at is None else due_at


def known_orders(connection: Connection, record: CheckoutRecord) -> tuple[KnownOrder, ...]:
    """Return orders of other checkouts on the same order system, as far as there are such.

    They are the last one that was sent before the call of `record`, and the first and the last one after it; also one that a person
    is to look at: where its marker was changed, no search for a marker shows what is there.
    """
    if record.sent_at is None:
        return ()
    of_upstream = (
        select(checkout.c.order_id, checkout.c.marker_root, checkout.c.generation, checkout.c.sent_at)
        .where(
            checkout.c.tenant == record.tenant,
            checkout.c.upstream == record.upstream,
            checkout.c.id != record.id,
            checkout.c.order_id.is_not(None),
            checkout.c.state.in_(["submitted", "held", *sorted(ORDERED_STATES)]),
        )
        .limit(1)
    )
    before = of_upstream.where(checkout.c.created_at <= record.sent_at, checkout.c.sent_at < record.sent_at)
    after = of_upstream.where(checkout.c.created_at >= record.created_at, checkout.c.sent_at > record.sent_at)
    queries = (
        before.order_by(checkout.c.created_at.desc()),
        after.order_by(checkout.c.created_at),
        after.order_by(checkout.c.created_at.desc()),
    )
    rows = [row for query in queries for row in connection.execute(query)]
    known = {
        row.order_id: KnownOrder(row.order_id, marker_of(row.marker_root, row.generation), row.sent_at) for row in rows
    }
    return tuple(known.values())


def notified_orders(connection: Connection, record: CheckoutRecord) -> tuple[NotifiedOrder, ...]:
    """Return the orders that notifications of the checkout's order system named with the marker of this generation, the first ones."""
    query = (
        select(inbox.c.order_id)
        .where(
            inbox.c.tenant == record.tenant,
            inbox.c.upstream == record.upstream,
            inbox.c.marker == record.marker,
            inbox.c.order_id.is_not(None),
        )
        .group_by(inbox.c.order_id)
        .order_by(func.min(inbox.c.received_at))
        .limit(_TOLD_MAX)
    )
    ids = connection.execute(query).scalars()
    return tuple(NotifiedOrder(order_id, record.marker) for order_id in ids if is_safe_id(order_id))


def cancel_wish(connection: Connection, record: CheckoutRecord) -> CancelWish:
    """Return why and when the client wants the checkout's order to be cancelled, as its request said it, where there is one."""
    asked = cancellations.latest_of(connection, record.tenant, record.id)
    request = {} if asked is None else decode_stored(asked.document)
    reason, date = request.get("cancellationReason"), request.get("requestedCancellationDate")
    return CancelWish(
        reason if type(reason) is str and reason else CANCEL_REASON, date if type(date) is str and date else None
    )


def put_plan(connection: Connection, record: CheckoutRecord, replan: Replan) -> CheckoutChanges:
    """Store the new plan and the finding about it; return what changes in the checkout's row."""
    stored = checkouts.documents(connection, record.tenant, record.id, ("order", "findings"))
    plan = encode_json(replan.plan)
    findings = findings_decoder.decode(stored.get("findings", "[]"))
    documents = {"plan": plan, "findings": encode_json((*findings, replan.finding))}
    checkouts.put_documents(connection, record.tenant, record.id, documents)
    order = stored["order"].encode()
    return {"plan_hash": plan_hash({"order": order, "plan": plan}), "steps_total": len(replan.plan.steps)}


def replace_later_steps(connection: Connection, record: CheckoutRecord, plan: Plan) -> None:
    """Plan the steps after the current one again; none of them was ever sent."""
    step_store.replace_steps(connection, record, plan, record.step + 1)
