"""Reading notifications of any order system: which event, which order, whose marker. Pure and tolerant; nothing here is trusted."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from gateway.checkouts.model import MARKER_BEGINNING
from gateway.ordering import Mapping, read_marker

ID_CHARACTERS_MAX: Final = 255
_MARKER: Final = re.compile(re.escape(MARKER_BEGINNING) + "([a-z2-7]{16})-([0-9]{1,3})")
_MARKER_AT_END: Final = re.compile(_MARKER.pattern + r"\Z")


class Event(Struct, frozen=True):
    """What a notification says. `key` tells two deliveries of one event from two events.

    `identified`: the key is the sender's own eventId. Without one, two events that look the same cannot be told apart. `marker`
    is that of a gateway, as it was sent, where the order that the event speaks of shows one in a form that the mapping expects.
    """

    key: str
    order_id: str | None
    event_type: str
    identified: bool = True
    marker: str | None = None


class DueEvent(Struct, frozen=True):
    """A recorded notification whose time has come: where it came from, what it is about, how often it was looked at."""

    tenant: str
    upstream: str
    dedup_key: str
    order_id: str
    state: str
    attempts: int
    received_at: datetime
    marker: str | None = None


def read_event(document: dict[str, Any], raw: bytes, mapping: Mapping) -> Event:
    """Return the event of a notification.

    Both shapes are read: `event.productOrder` (TMF622) and a bare `productOrder` (Salesforce). Without an eventId the whole
    body is the key.
    """
    event_type = _text(document.get("eventType")) or "unknown"
    event_id = _text(document.get("eventId"))
    key = event_id if event_id is not None else "sha256-" + hashlib.sha256(raw).hexdigest()
    order = _order(document)
    return Event(
        key,
        _text(order.get("id")),
        event_type,
        identified=event_id is not None,
        marker=_marker(order, mapping),
    )


def marker_parts(marker: str) -> tuple[str, int] | None:
    """Return the part that all drafts of a checkout share and the number of the draft; None when it is no marker of a gateway."""
    found = _MARKER.fullmatch(marker)
    return (found[1], int(found[2])) if found is not None else None


def _order(document: dict[str, Any]) -> dict[str, Any]:
    """Return the order that a notification is about; an empty one when it names none."""
    event = document.get("event")
    holders = [event, document] if isinstance(event, dict) else [document]
    for holder in holders:
        for name in ("productOrder", "resource"):
            order = holder.get(name)
            if isinstance(order, dict) and _text(order.get("id")) is not None:
                return order
    return {}


def _marker(order: dict[str, Any], mapping: Mapping) -> str | None:
    """Return the one marker of a gateway that an order shows; None where it shows none, or several."""
    expected = mapping.recovery.marker_compare
    pattern = _MARKER_AT_END if expected == "prefix" else _MARKER
    found: set[str] = set()
    for text in read_marker(order, mapping).texts:
        shown = text.casefold() if expected == "case-insensitive" else text
        match = pattern.search(shown) if expected == "prefix" else pattern.fullmatch(shown)
        if match is not None:
            found.add(match[0])
    return found.pop() if len(found) == 1 else None


def _text(value: Any) -> str | None:
    """Return an id as text: order systems write numbers too."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and 0 < len(value) <= ID_CHARACTERS_MAX and value.isprintable():
        return value
    return None
