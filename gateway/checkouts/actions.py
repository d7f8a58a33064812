"""What may be asked of a checkout now, and by whom: the attribute `actions`. Pure; the commands decide once more when they are asked."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from gateway.callers import Caller
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED
from gateway.checkouts.states import FINAL
from gateway.roles import OPERATING, ORDERING

ActionName: TypeAlias = Literal["change", "submit", "cancel", "retry", "poll", "adopt", "close"]
_BUILT: Final = frozenset({"accepted", "drafting", "draft"})


def actions_of(record: CheckoutRecord, caller: Caller, *, takes_cancellations: bool) -> list[ActionName]:
    """Return what this caller may do with the checkout now; `takes_cancellations`: its order system can be asked to cancel an order."""
    if record.state in FINAL:
        return []
    orders, operates = caller.has_role(*ORDERING), caller.has_role(*OPERATING)
    is_held = record.state == "held"
    is_held_for_price = is_held and record.price_drift is not None and record.submit_intent_order is None
    is_open = record.state in _BUILT and not record.submit and not record.cancel_requested
    is_live = record.submit_intent_order is not None or record.state == "submitted"
    may_cancel = is_held_for_price or (not is_held and (not is_live or takes_cancellations))
    is_followed = record.state == "submitted" or (
        record.state in {"drafting", "submitting"} and record.step_state != PLANNED
    )
    allowed: dict[ActionName, bool] = {
        "change": orders and is_open,
        "submit": (orders and is_open and record.awaiting != "party") or (operates and is_held_for_price),
        "cancel": orders and may_cancel and not record.cancel_requested,
        "retry": operates and record.state != "draft" and not record.has_lost_its_cart,
        "poll": operates and is_followed,
        "adopt": operates and is_held,
        "close": operates and (is_held or record.state == "submitted"),
    }
    return [name for name, is_allowed in allowed.items() if is_allowed]
