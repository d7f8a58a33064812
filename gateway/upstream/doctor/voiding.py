"""A test order is voided as the mapping says, and looked at afterwards: whether it shows that it is void."""

from __future__ import annotations

import contextlib
from typing import Final

from gateway.ordering import (
    carries,
    render_tombstone,
    texts_within,
    tmf_state,
)
from gateway.tmf.json import encode_json
from gateway.upstream.doctor.probe import Probe
from gateway.upstream.outcome import (
    Accepted,
    Duplicate,
    NotExecuted,
    NotSent,
    Outcome,
    Rejected,
)
from gateway.upstream.port import ReadFailed

POLL_SECONDS: Final = 0.25
POLL_SECONDS_MAX: Final = 2.0
_CANCELLING: Final = frozenset({"assessingCancellation", "pendingCancellation", "cancelled"})
REASON: Final = "test order of gateway doctor"


async def voided(probe: Probe, order_id: str, marker: str, wait_seconds: float) -> str | None:
    """Void a test order as the mapping says; return why it is not void, or None."""
    mapping, recovery = probe.mapping, probe.mapping.recovery
    if not mapping.draft.supported:
        return await _cancelled(probe, order_id, wait_seconds)
    if recovery.abandon == "leave":
        return f"order {order_id} is left: the mapping voids nothing (recovery.abandon)"
    if recovery.abandon == "delete":
        outcome = await probe.delete(order_id)
        if not isinstance(outcome, Accepted):
            return f"order {order_id} could not be deleted: {how(outcome)}"
        return await _gone(probe, order_id)
    return await _marked_void(probe, order_id, marker)


async def _marked_void(probe: Probe, order_id: str, marker: str) -> str | None:
    mapping = probe.mapping
    outcome = await probe.send(render_tombstone(mapping, order_id, marker))
    if not isinstance(outcome, Accepted):
        return f"order {order_id} could not be marked as void: {how(outcome)}"
    wanted = {text.replace("{marker}", marker) for text in texts_within(mapping.recovery.tombstone_attributes)}
    try:
        order = await probe.order(order_id)
    except ReadFailed as failure:
        return f"order {order_id} could not be read after it was marked as void: {failure}"
    if order is not None and carries(order, marker, mapping) and not wanted.intersection(order.marker.texts):
        return f"order {order_id} was marked as void, and does not show it"
    return None


async def _gone(probe: Probe, order_id: str) -> str | None:
    try:
        order = await probe.order(order_id)
    except ReadFailed as failure:
        return f"order {order_id} was deleted, and reading it fails: {failure}"
    return None if order is None else f"order {order_id} was deleted, and is still there"


async def _cancelled(probe: Probe, order_id: str, wait_seconds: float) -> str | None:
    mapping = probe.mapping
    if not mapping.api.cancel_resource:
        return f"order {order_id} is live: the mapping names no way to cancel it (api.cancel_resource)"
    body = {"productOrder": {"id": order_id}, "cancellationReason": REASON}
    if mapping.dialect == "tmf622-v5":
        body = {"@type": "CancelProductOrder", "productOrder": {"id": order_id, "@type": "ProductOrderRef"}, **body}
    headers = {"Content-Type": "application/json"}
    outcome = await probe.call("POST", mapping.api.cancel_resource, "cancel", encode_json(body), headers)
    if not isinstance(outcome, Accepted):
        return f"order {order_id} could not be cancelled: {how(outcome)}"
    state = ""
    began, pause_seconds = probe.clock(), POLL_SECONDS
    while probe.clock() - began <= wait_seconds:
        with contextlib.suppress(ReadFailed):
            order = await probe.order(order_id)
            state = tmf_state(mapping, order.state) if order is not None else "cancelled"
        if state in _CANCELLING:
            return None
        await probe.sleep(pause_seconds)
        pause_seconds = min(POLL_SECONDS_MAX, pause_seconds * 2)
    return f"order {order_id} was cancelled, and shows {state or 'nothing that can be read'}"


def how(outcome: Outcome) -> str:
    """Return what became of a call, in words."""
    if isinstance(outcome, Accepted):
        return f"{outcome.status} without the id of an order"
    words = {NotSent: "not sent", NotExecuted: "turned away", Rejected: "refused", Duplicate: "refused as a duplicate"}
    return f"{words.get(type(outcome), 'no usable answer')} ({outcome.detail})"
