"""What an observed order makes of its checkout. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from gateway.checkouts.model import CheckoutRecord, LineState
from gateway.checkouts.row_changes import CheckoutChanges, because, without_reason
from gateway.checkouts.states import CART_RELEASED, FINAL, OUTCOME_OF_ORDER, may_follow
from gateway.checkouts.waits import schedule, spread
from gateway.ordering import Mapping, ObservedOrder, is_draft, is_final, tmf_state

# Polls in a row that may show a submitted order as a draft before a person is asked.
DRAFT_POLLS_MAX: Final = 5
_NOT_FOUND_ONCE: Final = "the order system did not know the order when it was last asked; it is asked again"


class Applied(Struct, frozen=True, kw_only=True):
    """What changes: `changes` is what clients see, `poll` the columns of the next poll; or why nothing is believed."""

    changes: CheckoutChanges = {}
    poll: CheckoutChanges = {}
    ignored: str | None = None


def apply_observation(
    record: CheckoutRecord,
    observed: ObservedOrder,
    mapping: Mapping,
    now: datetime,
    poll_seconds: tuple[float, ...],
    *,
    polled: bool,
) -> Applied:
    """Return what an order, as just read, changes about its checkout.

    A final state is never left, and a live order that shows its draft state again is an old copy, at first. `polled`: the
    order was read because its time had come; only then is the next poll put off further.
    """
    if (why := _not_followed(record)) is not None:
        return Applied(ignored=why)
    if record.order_id != observed.id:
        return Applied(ignored="another order")
    if is_draft(mapping, observed.state) or not observed.state:
        return _without_live_state(record, observed, now, poll_seconds, polled=polled)
    state = tmf_state(mapping, observed.state)
    changes: CheckoutChanges = {}
    if record.awaiting == "missing_order":
        changes |= {"awaiting": None, **without_reason()}
    if observed.href and observed.href != record.order_href:
        changes["order_href"] = observed.href
    if (state, observed.state) != (record.order_state, record.upstream_state):
        changes |= {"order_state": state, "upstream_state": observed.state}
    outcome = OUTCOME_OF_ORDER.get(state) if is_final(mapping, state) else None
    if outcome is not None and may_follow(record.state, outcome):
        reason = _reason(outcome, observed)
        return Applied(changes={**changes, "state": outcome, "awaiting": None, **reason}, poll={"track_due_at": None})
    # A state that moved on is followed closely again; one that stays is looked at less and less often.
    return Applied(
        changes=changes, poll=_next_poll(record, now, poll_seconds, restart="order_state" in changes, polled=polled)
    )


def _not_followed(record: CheckoutRecord) -> str | None:
    """Return why the order of a checkout is not followed (any more), or None when it is."""
    if record.state in FINAL:
        return f"the checkout is {record.state}, which is final"
    if record.state == "held":
        return "the checkout is held: a person decides"
    return None if record.state == "submitted" else "the order is not submitted yet"


def _without_live_state(
    record: CheckoutRecord,
    observed: ObservedOrder,
    now: datetime,
    poll_seconds: tuple[float, ...],
    *,
    polled: bool,
) -> Applied:
    """Be patient with an order that shows no live state; in the end ask a person, because it may not be live at all."""
    if polled and record.track_attempt + 1 >= DRAFT_POLLS_MAX:
        why = (
            f"order {observed.id} was submitted, and the order system still shows it as {observed.state or 'having no state'}: "
            "see there whether it is live"
        )
        return Applied(changes={"state": "held", **because("not_verifiable", why)}, poll={"track_due_at": None})
    return Applied(poll=_next_poll(record, now, poll_seconds, polled=polled), ignored="the order shows no live state")


def apply_absence(record: CheckoutRecord, now: datetime, poll_seconds: tuple[float, ...]) -> Applied:
    """Return what it changes that the order system says there is no such order: nothing once, held when it says so again."""
    if (why := _not_followed(record)) is not None:
        return Applied(ignored=why)
    if record.awaiting == "missing_order":
        why = f"order {record.order_id} was submitted and does not exist (any more): look for it in the order system"
        return Applied(changes={"state": "held", **because("not_verifiable", why)}, poll={"track_due_at": None})
    poll: CheckoutChanges = {"track_attempt": 0, "track_due_at": now + timedelta(seconds=poll_seconds[0])}
    return Applied(changes={"awaiting": "missing_order", **because("not_shown_yet", _NOT_FOUND_ONCE)}, poll=poll)


def is_live_after_its_end(record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping) -> bool:
    """Tell whether the order of a checkout that was refused or cancelled is live: somebody submitted its draft by hand."""
    if record.state not in CART_RELEASED or not observed.state or is_draft(mapping, observed.state):
        return False
    return not is_final(mapping, tmf_state(mapping, observed.state))


def _reason(outcome: str, observed: ObservedOrder) -> CheckoutChanges:
    if outcome in {"completed", "partial"}:
        return without_reason()
    return because("ended_by_order_system", f"the order system ended order {observed.id} as {observed.state}")


def _next_poll(
    record: CheckoutRecord,
    now: datetime,
    poll_seconds: tuple[float, ...],
    *,
    restart: bool = False,
    polled: bool,
) -> CheckoutChanges:
    if not restart and not polled:
        return {}
    attempt = 0 if restart else record.track_attempt + 1
    wait = spread(f"{record.id} {attempt}", schedule(poll_seconds, max(attempt - 1, 0)))
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
