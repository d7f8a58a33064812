"""The decision before a checkout sends anything while its order system may know more than this database. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.checkouts.row_changes import FRESH_DRAFT, UNKNOWN, CheckoutChanges, because, without_reason
from gateway.checkouts.stored.abandoned import AbandonedDraft
from gateway.checkouts.stored.recovering import Recovered, generation_of
from gateway.ordering import ObservedOrder, compare_live, is_draft, is_inert
from gateway.submission.decisions.actions import Save, Work
from gateway.submission.decisions.named_order import several_live
from gateway.submission.decisions.records import held

LOOK_AGAIN_SECONDS = 30.0


def after_recovery_look(
    work: Work,
    known: Recovered | None,
    own: Sequence[tuple[str, ObservedOrder]],
    unclaimed: Sequence[ObservedOrder],
    now: datetime,
) -> Save:
    """Decide what a checkout does about the orders that were there before it sends.

    `own` are orders with its marker as they are now, each with the marker that it was found by; `unclaimed` those with a marker
    that belongs to no checkout.
    """
    if known is None:
        return Save(changes={"recover_since": None})
    if not known.listed:
        said = f"orders that were made before the database was restored are being looked for{known.aside}; nothing is sent before"
        return Save(
            changes={"due_at": now + timedelta(seconds=LOOK_AGAIN_SECONDS), **because("recovering", said)}, rest=True
        )
    mapping = work.mapping
    live = [(marker, order) for marker, order in own if not is_draft(mapping, order.state)]
    live = [(marker, order) for marker, order in live if not is_inert(mapping, order)]
    if len(live) > 1:
        return several_live(work, [order for _, order in live])
    if live:
        return _adopted(work, *live[0], now)
    candidates = _candidates(work, known, unclaimed)
    if candidates:
        return _held_for(work, candidates, alike=_alike(work, candidates))
    return _go_on(work, own)


def _candidates(work: Work, known: Recovered, unclaimed: Sequence[ObservedOrder]) -> list[ObservedOrder]:
    """Return the orders that may be of this cart: any, where the cart was there before; else those that hold the same."""
    return list(unclaimed) if known.cart_is_older else _alike(work, unclaimed)


def _alike(work: Work, orders: Sequence[ObservedOrder]) -> list[ObservedOrder]:
    return [order for order in orders if compare_live(work.order, {}, order, work.mapping) is None]


def _held_for(work: Work, candidates: Sequence[ObservedOrder], *, alike: Sequence[ObservedOrder]) -> Save:
    named = [*alike, *(order for order in candidates if order not in alike)]
    ids = ", ".join(order.id for order in named[:5])
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""  # noqa: PLR2004 - as many as are named
    same = " (the first holds the same items)" if alike else ""
    return held(
        work,
        "unclaimed_order",
        f"orders were made by this gateway and belong to no checkout since the database was restored: {ids}{more}{same}; if one is of "
        "this cart, adopt it, otherwise retry",
    )


def _adopted(work: Work, marker: str, order: ObservedOrder, now: datetime) -> Save:
    """Take a live order that carries our marker as the one of this checkout: it is read and compared next."""
    changes: CheckoutChanges = {
        "state": "submitting",
        "submit": True,
        "generation": generation_of(marker) if work.mapping.draft.supported else work.record.generation,
        "order_id": order.id,
        "order_href": order.href,
        "answered_order": order.id,
        "answered_marker": marker,
        "step_state": UNKNOWN,
        "sent_at": now,
        "first_sent_at": work.record.first_sent_at or now,
        "probe": 0,
        "awaiting": "accepted_order",
        "recover_since": None,
        **without_reason(),
    }
    return Save(
        changes=changes, step_changes={"state": "unknown", "detail": f"order {order.id} was found by its marker"}
    )


def _go_on(work: Work, own: Sequence[tuple[str, ObservedOrder]]) -> Save:
    """Go on: nothing of it is live. Drafts that are not known here are given up, and a new one begins under a new marker."""
    record = work.record
    others = [(marker, order) for marker, order in own if order.id != record.order_id or marker != record.marker]
    if not work.mapping.draft.supported or (not others and record.order_id is not None):
        return Save(changes={"recover_since": None, **without_reason()})
    # Also where nothing was found: a draft that was deleted there may have had the marker that comes next.
    newest = max([record.generation, *(generation_of(marker) for marker, _ in own)])
    begun = bool(own) or record.first_sent_at is not None
    given_up = {AbandonedDraft(marker=marker, order_id=order.id) for marker, order in others}
    if record.order_id is not None:
        given_up.add(AbandonedDraft(marker=record.marker, order_id=record.order_id))
    changes: CheckoutChanges = {
        **FRESH_DRAFT,
        "recover_since": None,
        "generation": newest + 1 if begun else record.generation,
        **without_reason(),
    }
    if not begun:
        return Save(changes=changes)
    return Save(
        changes={**changes, "state": "drafting"},
        step_changes={"state": "abandoned", "ended_at": None, "detail": "given up after the database was restored"},
        lines=None,
        abandoned=tuple(sorted(given_up, key=lambda each: each.order_id or "")),
        redraft=True,
    )
