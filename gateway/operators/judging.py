"""What operators' commands decide, as pure functions."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import PLANNED, CheckoutChanges, without_reason
from gateway.errors import Problem
from gateway.ordering import LiveDifference, Mapping, ObservedOrder, is_draft

_ORDER = "productOrder.id"
_MARKER_BEGIN = "gw1-"


class Placed(Struct, frozen=True, kw_only=True):
    """What a checkout ordered, as it is stored: the order and what is known of its lines, as JSON text."""

    order: str
    lines: str


def retried(record: CheckoutRecord, now: datetime, *, keeps_drafts: bool) -> CheckoutChanges:
    """Return the changes that let the process go on at once with a checkout that is held or waits.

    Counters that ended it begin again. A live POST that was sent before and is not in doubt is preceded by a search, so that
    whatever became of it is found; a draft is read before every call anyway; a call in doubt stays in doubt and is looked for.
    """
    if record.state not in {"held", "submitted"}:
        # A call may be under way: it comes to its end, and what waits is gone on with.
        return {"attempt": 0, "probe": 0, "due_at": now, **without_reason()}
    changes: CheckoutChanges = {
        "attempt": 0,
        "probe": 0,
        "mismatches": 0,
        "claims_without_progress": 0,
        "due_at": now,
        # A worker that still holds the lease decides again.
        "fence": record.fence + 1,
        "lease_until": now,
        **without_reason(),
    }
    if record.step >= record.steps_total:
        return {
            **changes,
            "state": "submitted",
            "due_at": None,
            "track_due_at": now,
            "track_attempt": 0,
            "awaiting": None,
            # One that is a draft there is submitted once more when it was looked at.
            "unknowns": 0,
        }
    if record.reason_code == "unclaimed_order":
        # A person looked: none of the orders that were named is this cart's.
        changes["recover_since"] = None
    begun = record.submit_intent_order is not None or (not keeps_drafts and record.first_sent_at is not None)
    changes["state"] = "submitting" if begun else "drafting"
    if not keeps_drafts and record.first_sent_at is not None and record.step_state == PLANNED:
        changes |= {"step_state": "UNKNOWN", "awaiting": "turned_away_order"}
    return changes


def judge_adoption(
    record: CheckoutRecord,
    order_id: str,
    observed: ObservedOrder | None,
    difference: LiveDifference | None,
    mapping: Mapping,
    *,
    override: bool,
    unclaimed: bool = False,
) -> list[Problem]:
    """Return why an order cannot be taken as the checkout's; empty when it can.

    `unclaimed`: its marker belongs to no checkout, since the database was restored.
    """
    if observed is None:
        return [Problem(_ORDER, "names no order of the order system")]
    if observed.id != order_id:
        return [Problem(_ORDER, f"is answered with order {observed.id}: give that id if it is the one that is meant")]
    problems: list[Problem] = []
    others = [text for text in observed.marker.texts if text.lower().startswith(_MARKER_BEGIN)]
    if others and not unclaimed and not any(record.marker_root in text.lower() for text in others):
        problems.append(Problem(_ORDER, "carries the marker of another checkout"))
    if is_draft(mapping, observed.state):
        problems.append(
            Problem(_ORDER, "is a draft there, so it is not live: `retry` goes on with the checkout's own draft")
        )
    if difference is not None and not override:
        what = f'does not hold what was ordered ({difference.describe()}); repeat with "override": true to take it all the same'
        problems.append(Problem(_ORDER, what))
    return problems
