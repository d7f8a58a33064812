"""A running checkout's plan is exchanged for one in smaller calls: documents, hash and step rows change together.

Plain functions over a connection, called under the fence by `gateway.submission.store.save`. What was sent stays as it was.
"""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.checkouts import step_store
from gateway.checkouts import store as checkouts
from gateway.checkouts.model import CheckoutRecord, findings_decoder, plan_hash
from gateway.checkouts.row_changes import CheckoutChanges
from gateway.ordering import Plan
from gateway.submission.decisions.actions import Replan
from gateway.tmf.json import encode_json


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
    """Plan the steps after the current one anew; none of them was ever sent."""
    step_store.replace_steps(connection, record, plan, record.step + 1)
