"""A checkout as a standard consumer reads it: the ProcessFlow of TMF701 v4, each of its calls a TaskFlow. Pure.

TMF701 has four states of a flow (active, hold, cancelled, completed) and one more of a task (new). The checkout's own words stand in
characteristics, because `failed` and `rejected` are told as `cancelled`: nothing was, or will be, fulfilled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from gateway.carts.after_order import CARTS_PATH, CHECKOUT_PATH
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.states import CheckoutState
from gateway.checkouts.stored.step_store import StepRow
from gateway.clock import timestamp_text
from gateway.tmf.json import decode_stored

FLOWS_PATH: Final = "/tmf-api/processFlowManagement/v4/processFlow"
FlowState: TypeAlias = Literal["active", "hold", "cancelled", "completed"]
TaskState: TypeAlias = Literal["new", "active", "hold", "cancelled", "completed"]
FLOW_STATE: Final[dict[CheckoutState, FlowState]] = {
    "accepted": "active",
    "drafting": "active",
    # It waits for its client.
    "draft": "hold",
    "submitting": "active",
    "submitted": "active",
    "held": "hold",
    "completed": "completed",
    "partial": "completed",
    "failed": "cancelled",
    "rejected": "cancelled",
    "cancelled": "cancelled",
}
_TASK_STATE: Final[dict[str, TaskState]] = {
    "planned": "new",
    "sending": "active",
    "unknown": "active",
    "done": "completed",
    "refused": "cancelled",
    "abandoned": "cancelled",
}
_SPECIFICATION: Final = "checkout"


def flow_document(
    record: CheckoutRecord, steps: Sequence[StepRow], documents: Mapping[str, str], base_url: str
) -> dict[str, Any]:
    """Return the ProcessFlow of a checkout; its id is the checkout's."""
    asked = decode_stored(documents.get("request", "{}"))
    href = f"{base_url}{FLOWS_PATH}/{record.id}"
    return {
        "@type": "ProcessFlow",
        "id": record.id,
        "href": href,
        "state": FLOW_STATE[record.state],
        "processFlowDate": timestamp_text(record.created_at),
        "processFlowSpecification": _SPECIFICATION,
        "channel": [_with_type(channel, "ChannelRef") for channel in _objects(asked.get("channel"))],
        "relatedParty": [_with_type(party, "RelatedParty") for party in _objects(asked.get("relatedParty"))],
        "relatedEntity": list(_entities(record, base_url)),
        "characteristic": _characteristics(
            checkoutState=record.state,
            statusReason=record.status_reason,
            reasonCode=record.reason_code,
            externalId=record.external_id,
            correlationId=record.correlation_id,
            lastUpdate=timestamp_text(record.updated_at),
        ),
        "taskFlow": [
            {
                "@type": "TaskFlowRef",
                "id": task_id(step),
                "href": f"{href}/taskFlow/{task_id(step)}",
                "@referredType": "TaskFlow",
            }
            for step in steps
        ],
    }


def task_document(record: CheckoutRecord, step: StepRow, base_url: str) -> dict[str, Any]:
    """Return the TaskFlow of one call of a checkout."""
    href = f"{base_url}{FLOWS_PATH}/{record.id}"
    return {
        "@type": "TaskFlow",
        "id": task_id(step),
        "href": f"{href}/taskFlow/{task_id(step)}",
        "state": task_state(record, step),
        "taskFlowSpecification": step.kind,
        "priority": step.sequence,
        "isMandatory": True,
        "completionMethod": "automatic",
        "startDate": _text(step.started_at),
        "completionDate": _text(step.ended_at),
        "relatedEntity": list(_entities(record, base_url)),
        "characteristic": _characteristics(
            stepState=step.state,
            attempts=step.attempts,
            itemCount=step.item_count,
            byteCount=step.byte_count,
            generation=step.generation + 1,
            detail=step.detail,
        ),
    }


def task_id(step: StepRow) -> str:
    """Return the id of a task within its flow: the draft that the call belongs to, and its place there."""
    return f"{step.generation + 1}-{step.sequence}"


def task_state(record: CheckoutRecord, step: StepRow) -> TaskState:
    """Return the state of a call in TMF701's words: one that is not done rests while a person must decide."""
    state = _TASK_STATE[step.state]
    if record.state == "held" and state == "active":
        return "hold"
    if state == "new" and FLOW_STATE[record.state] in {"cancelled", "completed"}:
        return "cancelled"
    return state


def checkout_states(states: Iterable[str]) -> list[str]:
    """Return the states of checkouts that are told as these states of flows."""
    wanted = set(states)
    return [state for state, told in FLOW_STATE.items() if told in wanted]


def _entities(record: CheckoutRecord, base_url: str) -> Iterable[dict[str, Any]]:
    yield _entity("Checkout", record.id, f"{base_url}{CHECKOUT_PATH}/{record.id}")
    if record.cart_id is not None:
        href = f"{base_url}{CARTS_PATH}/{record.cart_id}" if record.cart_version is not None else None
        yield _entity("ShoppingCart", record.cart_id, href)
    if record.order_id is not None:
        yield _entity("ProductOrder", record.order_id, None)


def _entity(kind: str, entity_id: str, href: str | None) -> dict[str, Any]:
    entity = {"@type": "RelatedEntity", "id": entity_id, "role": kind[0].lower() + kind[1:], "@referredType": kind}
    return entity if href is None else {**entity, "href": href}


def _characteristics(**values: str | int | None) -> list[dict[str, Any]]:
    return [
        {"name": name, "value": value, "valueType": "integer" if isinstance(value, int) else "string"}
        for name, value in values.items()
        if value is not None
    ]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _with_type(entry: dict[str, Any], kind: str) -> dict[str, Any]:
    return entry if "@type" in entry else {**entry, "@type": kind}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp_text(moment)
