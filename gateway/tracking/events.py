"""Reading notifications of any order system: which event, which order. Pure and tolerant; nothing here is trusted."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

ID_CHARACTERS_MAX: Final = 255


class Event(Struct, frozen=True):
    """What a notification says. `key` tells two deliveries of one event from two events.

    `identified`: the key is the sender's own eventId. Without one, two events that look the same cannot be told apart.
    """

    key: str
    order_id: str | None
    event_type: str
    identified: bool = True


class DueEvent(Struct, frozen=True):
    """A recorded notification whose time has come: where it came from, what it is about, how often it was looked at."""

    tenant: str
    upstream: str
    dedup_key: str
    order_id: str
    state: str
    attempts: int
    received_at: datetime


def read_event(document: dict[str, Any], raw: bytes) -> Event:
    """Return the event of a notification.

    Both shapes are read: `event.productOrder` (TMF622) and a bare `productOrder` (Salesforce). Without an eventId the whole
    body is the key.
    """
    event_type = _text(document.get("eventType")) or "unknown"
    event_id = _text(document.get("eventId"))
    key = event_id if event_id is not None else "sha256-" + hashlib.sha256(raw).hexdigest()
    return Event(key, _order_id(document), event_type, identified=event_id is not None)


def _order_id(document: dict[str, Any]) -> str | None:
    event = document.get("event")
    holders = [event, document] if isinstance(event, dict) else [document]
    for holder in holders:
        for name in ("productOrder", "resource"):
            order = holder.get(name)
            if isinstance(order, dict) and (order_id := _text(order.get("id"))) is not None:
                return order_id
    return None


def _text(value: Any) -> str | None:
    """Return an id as text: order systems write numbers too."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and 0 < len(value) <= ID_CHARACTERS_MAX and value.isprintable():
        return value
    return None
