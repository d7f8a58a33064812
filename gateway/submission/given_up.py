"""Finding an order that a checkout gave up: by its id, and by its marker, also where somebody submitted it meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from gateway.ordering import (
    Mapping,
    Marker,
    ObservedOrder,
    carries,
    is_alive,
    is_changed,
    searches_drafts_only,
    spelling,
)
from gateway.upstream.evidence import CallInDoubt, FindResult
from gateway.upstream.port import AnotherOrder, ReadFailed


class OrderReads(Protocol):
    """What is asked of an order system."""

    async def get_order(self, order_id: str) -> ObservedOrder | None:
        """Read an order; see `Upstream.get_order`."""

    async def find(
        self, marker: str, *, since: datetime, doubt: CallInDoubt | None = None, live: bool = False
    ) -> FindResult:
        """Search for a marker; see `Upstream.find`."""


class FoundOrders(NamedTuple):
    """The orders that were found, each read by its id, and whether these are all."""

    orders: list[ObservedOrder]
    complete: bool


def shows(order: ObservedOrder, marker: str, mapping: Mapping) -> bool:
    """Tell whether an order shows this marker of ours: as it was sent, as it is marked when it is given up, or spelled otherwise."""
    return carries(order, marker, mapping) or is_changed(spelling(order.marker, marker))


async def find_given_up(
    upstream: OrderReads,
    mapping: Mapping,
    marker: str,
    order_id: str | None,
    since: datetime,
    now: datetime,
    *,
    in_its_place: bool = False,
) -> FoundOrders:
    """Return the orders of an abandoned draft. Raises ReadFailed where one of them cannot be read.

    Also of a draft whose id is known the marker is searched: something may have made it twice. A search that is narrowed to drafts
    misses one that somebody submitted meanwhile: where no draft is found, live orders are searched as well, unless the order was
    read by its id and nothing lives `in_its_place`, which is looked for after an order that ended. Those are many, and a search that
    breaks off among them is no reason to look again soon. Neither is the list, which shows the order of a live POST that was refused
    and whose marker was changed: no filter finds that.
    """
    orders: dict[str, ObservedOrder] = {}
    named = await _by_id(upstream, mapping, marker, order_id) if order_id else None
    if named is not None:
        orders[named.id] = named
    if mapping.recovery.find == "none":
        return FoundOrders(list(orders.values()), bool(order_id))
    found = await upstream.find(marker, since=since)
    hits = _hits(found)
    is_known = named is not None and shows(named, marker, mapping)
    if not hits and searches_drafts_only(mapping) and (in_its_place or not is_known):
        hits = _hits(await upstream.find(marker, since=since, live=True))
    if not hits and not order_id and not mapping.draft.supported:
        refused = CallInDoubt(sent_at=since, now=now, answered="refused", is_alike=lambda _: False)
        hits = _hits(await upstream.find(marker, since=since, doubt=refused))
    for hit in hits:
        is_another = hit.id in orders and not shows(orders[hit.id], marker, mapping)
        if (hit.id not in orders or is_another) and (order := await _read(upstream, mapping, marker, hit)) is not None:
            orders[order.id] = order
    return FoundOrders(list(orders.values()), True if order_id else found.complete)


async def find_alive(
    upstream: OrderReads, mapping: Mapping, marker: str, order_id: str | None, since: datetime
) -> list[ObservedOrder]:
    """Return the live orders of an abandoned draft. Raises ReadFailed where one of them cannot be read.

    Where it is read by its id and shows its marker nothing is searched.
    """
    named = await _by_id(upstream, mapping, marker, order_id) if order_id else None
    if named is not None and shows(named, marker, mapping):
        return [named] if is_alive(mapping, named) else []
    if mapping.recovery.find == "none":
        return []
    found = []
    for hit in _hits(await upstream.find(marker, since=since, live=True)):
        order = await _read(upstream, mapping, marker, hit)
        if order is not None and shows(order, marker, mapping) and is_alive(mapping, order):
            found.append(order)
    return found


def _hits(found: FindResult) -> list[ObservedOrder]:
    """Return what carries our marker, and what shows it spelled otherwise: one that is cut may be of another draft of the checkout."""
    hits = list(found.orders)
    for hint in found.hints:
        if is_changed(hint.how) and all(hint.order_id != hit.id for hit in hits):
            shown = Marker((hint.shown,))
            hits.append(ObservedOrder(id=hint.order_id, href=None, state=hint.state, marker=shown, lines=()))
    return hits


async def _by_id(upstream: OrderReads, mapping: Mapping, marker: str, order_id: str) -> ObservedOrder | None:
    try:
        return await upstream.get_order(order_id)
    except AnotherOrder as answer:
        # What goes by that id now is told by its marker, or is not ours.
        return answer.order if shows(answer.order, marker, mapping) else None


async def _read(upstream: OrderReads, mapping: Mapping, marker: str, hit: ObservedOrder) -> ObservedOrder | None:
    """Read what a search found; what shows as live there is told also when it cannot be read, or its id leads to another order."""
    try:
        order = await upstream.get_order(hit.id)
    except ReadFailed:
        if is_alive(mapping, hit):
            return hit
        raise
    is_ours = order is not None and (shows(order, marker, mapping) or not order.marker.is_shown)
    return hit if not is_ours and is_alive(mapping, hit) and shows(hit, marker, mapping) else order
