"""The decision before a draft is submitted whose checkout gave up others: none of them may be live. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.checkouts.changing.found_live import abandoned_live
from gateway.ordering import ObservedOrder
from gateway.submission.decisions.actions import Action, ReadOrder, Work
from gateway.submission.decisions.records import held


def after_given_up_look(work: Work, alive: Sequence[ObservedOrder]) -> Action:
    """Go on with the submission, or hold the checkout: `alive` are the drafts that were given up and are live."""
    record = work.record
    if not alive:
        assert record.order_id is not None, "a draft that is submitted has an id"
        return ReadOrder(record.order_id)
    live = alive[0]
    decision = held(
        work,
        "duplicate_orders",
        f"order {live.id}, a draft that was given up, is live ({live.state}): it was submitted in the order system; see whether it is "
        f"what was wanted. Draft {record.order_id}, which was made in its place, is not submitted",
    )
    return replace(decision, finding=abandoned_live(live.id))
