"""What a checkout shows depending on who looks, and on the settings: what may be asked of it now (`actions`), whole addresses.

Pure; the commands decide once more when they are asked.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final, Literal, TypeAlias
from urllib.parse import urljoin

from gateway.callers import Caller
from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED
from gateway.checkouts.shown.reason_document import next_attempt_at
from gateway.checkouts.states import FINAL
from gateway.documents import JsonObject
from gateway.roles import OPERATING, ORDERING
from gateway.services import Services

ActionName: TypeAlias = Literal["change", "submit", "cancel", "retry", "poll", "adopt", "close"]
_BUILT: Final = frozenset({"accepted", "drafting", "draft"})
# A client is asked to come again after so long at most: a notification of the order system may change a checkout at any time.
_ASK_AGAIN_SECONDS_MAX: Final = 60
_RUNNING: Final = frozenset({"accepted", "drafting", "submitting", "submitted"})


def _ask_again_seconds(record: CheckoutRecord, now: datetime) -> int | None:
    """Return after how many seconds a client that waits for a checkout should ask again: at its next attempt, or soon.

    None where nothing happens by itself: it has ended, is held, or waits for its client.
    """
    waits_for_work = (
        record.state == "draft" and (record.submit or record.cancel_requested) and record.due_at is not None
    )
    if record.state not in _RUNNING and not waits_for_work:
        return None
    at = next_attempt_at(record)
    seconds = math.ceil((at - now).total_seconds()) if at is not None else 1
    return min(max(seconds, 1), _ASK_AGAIN_SECONDS_MAX)


def ask_again_headers(record: CheckoutRecord, now: datetime) -> list[tuple[bytes, bytes]]:
    """Return the Retry-After of an answer that shows a checkout, or an order or a flow of one; none where nothing happens by itself."""
    seconds = _ask_again_seconds(record, now)
    return [] if seconds is None else [(b"retry-after", b"%d" % seconds)]


def complete(document: JsonObject, record: CheckoutRecord, caller: Caller, services: Services) -> JsonObject:
    """Complete the resource of a record in place, and return it.

    An address that the order system gives without its host is one there, not here.
    """
    mapping, upstream = services.mappings.get(record.mapping), services.settings.upstreams.get(record.upstream)
    takes_cancellations = mapping is not None and bool(mapping.api.cancel_resource)
    document["actions"] = actions_of(record, caller, takes_cancellations=takes_cancellations)
    order = document.get("productOrder")
    if order is not None and order["href"] and upstream is not None:
        order["href"] = urljoin(upstream.base_url, order["href"])
    return document


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
