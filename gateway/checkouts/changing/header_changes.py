"""A change of a draft's header in place: one more step of its plan, before the submission. Plain functions over a connection."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from gateway.checkouts.model import CheckoutRecord, plan_decoder, plan_hash
from gateway.checkouts.row_changes import PLANNED, because
from gateway.checkouts.stored import step_store, store
from gateway.ordering import Plan, with_header_step
from gateway.tmf.json import encode_json


def plan_in_place(connection: Connection, record: CheckoutRecord) -> Plan | None:
    """Return the plan in which the header of the draft is set next; None unless everything else is there, and nothing is in doubt.

    A step that sets the header and was not sent yet is the same step with the new header.
    """
    if record.order_id is None or record.step_state != PLANNED or record.attempt or record.awaiting is not None:
        return None
    stored = store.documents(connection, record.tenant, record.id, ("plan",)).get("plan")
    if stored is None:
        return None
    plan = plan_decoder.decode(stored)
    if record.step >= len(plan.steps) or plan.steps[record.step].kind not in ("header", "submit"):
        return None
    return with_header_step(plan, record.step)


def set_header(
    connection: Connection,
    record: CheckoutRecord,
    plan: Plan,
    documents: dict[str, bytes],
    now: datetime,
    delay_seconds: float,
) -> None:
    """Let the header of the draft be set by `plan`, `delay_seconds` from now; `documents` are those of the changed request."""
    changed = {kind: documents[kind] for kind in ("request", "findings", "order")} | {"plan": encode_json(plan)}
    store.put_documents(connection, record.tenant, record.id, changed)
    step_store.replace_steps(connection, record, plan, record.step)
    store.change(
        connection,
        record,
        {
            "state": "drafting",
            "plan_hash": plan_hash(changed),
            "steps_total": len(plan.steps),
            **because("queued", "the request changed; its draft is changed shortly after the last change"),
            "due_at": now + timedelta(seconds=delay_seconds),
            # A worker that still holds the lease of the draft as it was must not write to this one.
            "fence": record.fence + 1,
            "lease_until": now,
        },
        now,
    )
