"""The order as its notifications tell it, for order systems whose orders cannot be read (`api.order_readable = false`). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.checkouts.model import CheckoutRecord
from gateway.ordering import KnownLine, Marker, ObservedOrder
from gateway.tmf.json import decode_stored
from gateway.tracking.events import DueEvent
from gateway.tracking.notices import is_of_cancellation


def happened_at(event: DueEvent) -> datetime:
    """Return when something happened: as the order system says, or else when it was told."""
    return event.occurred_at or event.received_at


def order_told(record: CheckoutRecord, events: Sequence[DueEvent], after: datetime | None) -> ObservedOrder | None:
    """Return the order of a checkout as the latest of the events shows it; None when none of them says more than what is known.

    `after` is when the last thing happened that was believed: what was overtaken by it is not news. The order counts as ours: the answer
    to our own call named it, or a notification with our marker.
    """
    news = [
        event
        for event in events
        if event.order_state is not None
        and not is_of_cancellation(event.event_type or "")
        and (after is None or happened_at(event) >= after)
    ]
    if not news or record.order_id is None:
        return None
    news.sort(key=lambda event: (happened_at(event), event.received_at))
    items: dict[str, str] = {}
    for event in news:
        items |= decode_stored(event.item_states) if event.item_states is not None else {}
    return ObservedOrder(
        id=record.order_id,
        href=None,
        state=news[-1].order_state or "",
        marker=Marker((record.marker,)),
        lines=tuple(_line(item_id, state) for item_id, state in items.items()),
    )


def _line(item_id: str, state: str) -> KnownLine:
    return KnownLine(
        line_id=item_id,
        item_id=item_id,
        parent_line_id=None,
        offering=None,
        action="",
        quantity=None,
        characteristics={},
        state=state,
    )
