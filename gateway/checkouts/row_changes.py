"""What a decision may change of a checkout and its steps, column by column: mypy refuses a column or state that there is not."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias, TypedDict

from gateway.checkouts.reasons import Awaiting, ReasonCode
from gateway.checkouts.states import CheckoutState

# Where a step of the durable process is: not sent, maybe sent, sent with an outcome that is not known (write-ahead intent).
StepProgress: TypeAlias = Literal["PLANNED", "SENDING", "UNKNOWN"]
PLANNED: Final = "PLANNED"
SENDING: Final = "SENDING"
UNKNOWN: Final = "UNKNOWN"
# How far the task has come by which the order system cancels the order: it may still be done, waits for somebody, or was denied.
CancelProgress: TypeAlias = Literal["open", "waiting", "denied"]
# What clients see of a step.
StepState: TypeAlias = Literal["planned", "sending", "unknown", "done", "refused", "abandoned"]


class FreshDraft(TypedDict):
    """The columns that say how far an order has come, as they are before anything was sent of it."""

    step: int
    step_state: StepProgress
    attempt: int
    probe: int
    unknowns: int
    awaiting: Awaiting | None
    sent_at: datetime | None
    first_sent_at: datetime | None
    absent_at: datetime | None
    order_id: str | None
    order_href: str | None
    order_state: str | None
    upstream_state: str | None
    answered_order: str | None
    answered_marker: str | None


FRESH_DRAFT: Final[FreshDraft] = {
    "step": 0,
    "step_state": PLANNED,
    "attempt": 0,
    "probe": 0,
    "unknowns": 0,
    "awaiting": None,
    "sent_at": None,
    "first_sent_at": None,
    "absent_at": None,
    "order_id": None,
    "order_href": None,
    "order_state": None,
    "upstream_state": None,
    "answered_order": None,
    "answered_marker": None,
}


class CheckoutChanges(TypedDict, total=False):
    """The columns of a checkout that change, with their new values; see `gateway.storage.tables` for what they mean."""

    state: CheckoutState
    status_reason: str | None
    reason_code: ReasonCode | None
    reason_problem: str | None
    submit: bool
    cancel_requested: bool
    cancel_task: str | None
    cancel_progress: CancelProgress | None
    cart_live: bool
    remainder_cart_id: str | None
    generation: int
    plan_hash: str
    mapping_hash: str | None
    steps_total: int
    step: int
    step_state: StepProgress
    attempt: int
    probe: int
    unknowns: int
    mismatches: int
    awaiting: Awaiting | None
    awaiting_since: datetime | None
    searched_at: datetime | None
    sent_at: datetime | None
    first_sent_at: datetime | None
    absent_at: datetime | None
    order_id: str | None
    order_href: str | None
    order_state: str | None
    upstream_state: str | None
    answered_order: str | None
    answered_marker: str | None
    submit_intent_order: str | None
    recover_since: datetime | None
    adopted_order: str | None
    price_drift: str | None
    price_drift_accepted: str | None
    fence: int
    lease_until: datetime
    due_at: datetime | None
    claims_without_progress: int
    track_due_at: datetime | None
    track_attempt: int
    order_removed: bool
    updated_at: datetime


class StepChanges(TypedDict, total=False):
    """The columns of a step that change, with their new values."""

    state: StepState
    attempts: int
    item_count: int
    byte_count: int | None
    order_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    detail: str | None
    mapping_hash: str | None


def because(code: ReasonCode, message: str) -> CheckoutChanges:
    """Return the change that gives a checkout a reason: its code, and the sentence that people read."""
    return {"reason_code": code, "status_reason": message}


def without_reason() -> CheckoutChanges:
    """Return the change that takes the reason away: all goes as it should."""
    return {"reason_code": None, "status_reason": None}


# A draft that waits here until the party is known that its order system demands: nothing of it was sent, and nobody looks at it.
WAITS_FOR_PARTY: Final[CheckoutChanges] = {
    "state": "draft",
    "awaiting": "party",
    "due_at": None,
    **because(
        "waiting_party",
        "the order system takes no order without its party: give relatedParty once the customer is known",
    ),
}
