"""What an observed order makes of its checkout. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from gateway.checkouts.model import CheckoutRecord, LineState
from gateway.checkouts.states import FINAL, OUTCOME_OF_ORDER, may_follow
from gateway.ordering.mapping import Mapping, is_draft, is_final, tmf_state
from gateway.ordering.model import ObservedOrder


class Applied(Struct, frozen=True, kw_only=True):
    """The columns that change (none: nothing new), and why an observation was ignored."""

    changes: dict[str, Any] = {}
    ignored: str | None = None


def apply_observation(  # noqa: PLR0911 - one return for each case, in order of precedence
    record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping, now: datetime, poll_seconds: tuple[float, ...]
) -> Applied:
    """Return what an order, as just read, changes about its checkout.

    A final state is never left, and a live order that shows its draft state again is an old copy.
    """
    if record.state in FINAL:
        return Applied(ignored=f"the checkout is {record.state}, which is final")
    if record.order_id != observed.id:
        return Applied(ignored="another order")
    if record.state == "held":
        return Applied(ignored="the checkout is held: a person decides")
    if record.state != "submitted":
        return Applied(ignored="the order is not submitted yet")
    if is_draft(mapping, observed.state) or not observed.state:
        return Applied(changes=_next_poll(record, now, poll_seconds), ignored="the order shows no live state")
    state = tmf_state(mapping, observed.state)
    changes: dict[str, Any] = {}
    if observed.href and observed.href != record.order_href:
        changes["order_href"] = observed.href
    if (state, observed.state) != (record.order_state, record.upstream_state):
        changes |= {"order_state": state, "upstream_state": observed.state}
    outcome = OUTCOME_OF_ORDER.get(state) if is_final(mapping, state) else None
    if outcome is not None and may_follow(record.state, outcome):
        return Applied(changes={**changes, "state": outcome, "track_due_at": None, **_reason(outcome, observed)})
    # A state that moved on is followed closely again; one that stays is looked at less and less often.
    moved = "order_state" in changes
    return Applied(changes={**changes, **_next_poll(record, now, poll_seconds, restart=moved)})


def _reason(outcome: str, observed: ObservedOrder) -> dict[str, str]:
    if outcome in {"completed", "partial"}:
        return {}
    return {"status_reason": f"the order system ended order {observed.id} as {observed.state}"}


def _next_poll(
    record: CheckoutRecord, now: datetime, poll_seconds: tuple[float, ...], *, restart: bool = False
) -> dict[str, Any]:
    attempt = 0 if restart else record.track_attempt + 1
    wait = poll_seconds[min(attempt, len(poll_seconds) - 1)]
    return {"track_attempt": attempt, "track_due_at": now + timedelta(seconds=wait)}


def line_states(
    item_ids: Iterable[str], lines: dict[str, LineState], observed: ObservedOrder, mapping: Mapping
) -> dict[str, LineState]:
    """Return every item's line with its id and state, as far as the order shows them."""
    shown = {line.line_id: line for line in observed.lines}
    echoed = {line.item_id: line for line in observed.lines if line.item_id is not None}
    fresh: dict[str, LineState] = {}
    for item_id in item_ids:
        known = lines.get(item_id, LineState())
        line = shown.get(known.line_id or "") or (echoed.get(item_id) if known.line_id is None else None)
        if line is None:
            fresh[item_id] = known
        else:
            fresh[item_id] = LineState(
                line_id=line.line_id, state=tmf_state(mapping, line.state) if line.state else known.state
            )
    return fresh
