"""The attribute `reason` of a checkout: why it is where it is, and when it is gone on with."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import MEANING, ReasonCode
from gateway.checkouts.states import FINAL, CheckoutState
from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.tmf.json import decode_stored

# Why a checkout that has no other reason is in a state in which no call is being made.
_OF_A_REFUSAL: Final = frozenset({"refused", "too_large", "cancellation_refused", "ended_by_order_system"})
_USUAL: Final[dict[CheckoutState, ReasonCode]] = {
    "accepted": "queued",
    "draft": "waiting_client",
    "submitted": "following_order",
}


def reason_of(record: CheckoutRecord) -> JsonObject | None:
    """Return why a checkout is where it is, and when it is gone on with: {"code", "message", "problem", "nextAttemptAt"}.

    `problem` are the order system's own reasons, where it refused something: [{"path", "message", "upstreamCode"}], each path one of
    the cart's. What goes as it should has a reason while nothing but time or the client is waited for, and none while calls are made.
    """
    code, message = record.reason_code, record.status_reason
    if code is None:
        code = _USUAL.get(record.state)
        if code is None:
            return None
        message = MEANING[code]
        if record.cancel_requested or (record.submit and record.state == "draft"):
            asked = "cancel" if record.cancel_requested else "submit"
            code, message = "queued", f"asked to {asked}; it is worked on as soon as there is room"
    at = next_attempt_at(record)
    return {
        "code": code,
        "message": message or MEANING[code],
        **(
            {"problem": decode_stored(record.reason_problem)} if record.reason_problem and code in _OF_A_REFUSAL else {}
        ),
        "nextAttemptAt": timestamp_text(at) if at is not None else None,
    }


def next_attempt_at(record: CheckoutRecord) -> datetime | None:
    """Return when a checkout is looked at next; None when nobody looks at it by itself."""
    if record.state in FINAL or record.state == "held":
        return None
    moments = [moment for moment in (record.due_at, record.track_due_at) if moment is not None]
    return min(moments, default=None)
