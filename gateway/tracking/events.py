"""Reading notifications of any order system: which event, which order, whose marker. Pure and tolerant; nothing here is trusted.

The order stands in `event.productOrder` (TMF622), in `productOrder` (Salesforce), in `resource`, or is the `event` itself (MEF Sonata); in
an event of a cancellation it is what the task `cancelProductOrder` names. An official example is read as the file has it, in `value`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from msgspec import Struct, field

from gateway.checkouts.model import MARKER_BEGINNING
from gateway.documents import JsonObject
from gateway.ordering import Mapping, read_marker
from gateway.tmf.moments import parse_date_time
from gateway.tracking.notices import (
    CANCEL_NAMES,
    EventKind,
    Note,
    event_kind,
    is_of_cancellation,
    item_states,
    notes_of,
)

ID_CHARACTERS_MAX: Final = 255
_MARKER: Final = re.compile(re.escape(MARKER_BEGINNING) + "([a-z2-7]{16})-([0-9]{1,3})")
_MARKER_AT_END: Final = re.compile(_MARKER.pattern + r"\Z")
_ORDER_NAMES: Final = ("productOrder", "resource")
# `timeOcurred` is how the official files spell it, in schemas or in examples.
_TIMES: Final = ("eventTime", "timeOccurred", "timeOcurred")


class Event(Struct, frozen=True):
    """What a notification says. `key` tells two deliveries of one event from two events.

    `identified`: the key is the sender's own eventId. Without one, two events that look the same cannot be told apart. `marker`
    is that of a gateway, as it was sent, where the order that the event speaks of shows one in a form that the mapping expects.
    `state` and `items` are in the order system's words; of an event about a cancellation there is none.
    """

    key: str
    order_id: str | None
    event_type: str
    identified: bool = True
    marker: str | None = None
    state: str | None = None
    occurred_at: datetime | None = None
    items: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @property
    def kind(self) -> EventKind:
        """Which of the standard's events it is."""
        return event_kind(self.event_type)


class DueEvent(Struct, frozen=True):
    """A recorded notification whose time has come: where it came from, what it is about, how often it was looked at.

    `order_state` is the state that it names, in the order system's word; `item_states` those of items, as a JSON object.
    """

    tenant: str
    upstream: str
    dedup_key: str
    order_id: str
    state: str
    attempts: int
    received_at: datetime
    marker: str | None = None
    event_type: str | None = None
    order_state: str | None = None
    item_states: str | None = None
    occurred_at: datetime | None = None
    notes: str | None = None
    due_at: datetime | None = None
    raw_bytes: int = 0


def read_event(
    document: JsonObject, raw: bytes, mapping: Mapping, *, name: str = "", message_id: str | None = None
) -> Event:
    """Return the event of a notification.

    `name` is that of the path, for a body that names none. Without an eventId a signed message's id is the key, or else the whole body.
    """
    value = document.get("value")
    if isinstance(value, dict) and not document.keys() & {"eventId", "eventType", "event", *_ORDER_NAMES}:
        document = value
    names = (_text(each) for each in (document.get("eventType"), name, document.get("@type")))
    event_type = next((each for each in names if each is not None), "unknown")
    event_id = _text(document.get("eventId")) or (_text(f"message-{message_id}") if message_id is not None else None)
    key = event_id if event_id is not None else "sha256-" + hashlib.sha256(raw).hexdigest()
    payload, order = _order(document, event_type)
    of_cancellation = is_of_cancellation(event_type)
    asks = event_kind(event_type) == "informationRequired"
    moments = (parse_date_time(text) for each in _TIMES if isinstance(text := document.get(each), str))
    return Event(
        key,
        _text(order.get("id")),
        event_type,
        identified=event_id is not None,
        marker=_marker(order, mapping),
        state=None if of_cancellation else _text(order.get("state")),
        occurred_at=next((moment for moment in moments if moment is not None), None),
        items={} if of_cancellation else item_states(order),
        notes=notes_of(order, payload, document.get("fieldPath") if asks else None),
    )


def marker_parts(marker: str) -> tuple[str, int] | None:
    """Return the part that all drafts of a checkout share and the number of the draft; None when it is not a marker of a gateway."""
    found = _MARKER.fullmatch(marker)
    return (found[1], int(found[2])) if found is not None else None


def _order(document: dict[str, Any], event_type: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what of a notification the order stands in, and the order that it is about; an empty one when it names none."""
    event = document.get("event")
    holders = [event, document] if isinstance(event, dict) else [document]
    for holder in holders:
        for order in _named(holder):
            if _text(order.get("id")) is not None:
                return holder, order
    if isinstance(event, dict) and "productorder" in event_type.casefold() and not is_of_cancellation(event_type):
        return event, event
    return holders[0], {}


def _named(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the orders that a part of a notification names: itself, or by the task that cancels one."""
    for name in _ORDER_NAMES:
        if isinstance(order := holder.get(name), dict):
            yield order
    for name in CANCEL_NAMES:
        task = holder.get(name)
        if isinstance(task, dict) and isinstance(order := task.get("productOrder"), dict):
            yield order


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
