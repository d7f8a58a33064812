"""What the rows of a list of orders say of the markers that are searched. Pure."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from datetime import datetime, time
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.documents import Json
from gateway.ordering import (
    Mapping,
    ObservedOrder,
    carries,
    is_alive,
    is_changed,
    read_order,
    spelling,
    spelling_of,
    texts_near,
    texts_within,
)
from gateway.tmf.moments import parse_moment
from gateway.upstream.evidence import Hint

DATES: Final = {"tmf622-v4": ("orderDate",), "tmf622-v5": ("creationDate", "orderDate")}
"""The attributes of an order that say when it was made, by dialect."""
_ZONED: Final = re.compile(r"[Tt ][^Tt ]*(?:[Zz]|[+-]\d\d:?\d\d)$", re.ASCII)


class Row(Struct, frozen=True):
    """One row: the order it shows, when that was made, and which of the markers searched it carries, or may."""

    order: ObservedOrder
    made_at: datetime | None = None
    carried: frozenset[str] = frozenset()
    hints: tuple[tuple[str, Hint], ...] = ()

    @property
    def shows_marker(self) -> bool:
        """Tell whether what the row shows in the marker's slot tells it from every other order."""
        return self.order.marker.understood and bool(self.order.marker.texts)


def read_row(document: Json, markers: AbstractSet[str], mapping: Mapping) -> Row | None:
    """Return what a row of a list is to the searches for `markers`; None when it is not an order with an id."""
    order = read_order(document, mapping)
    if order is None:
        return None
    carried = frozenset(marker for marker in markers if carries(order, marker, mapping))
    hints = ((marker, _hint(document, order, marker, mapping)) for marker in sorted(markers - carried))
    return Row(
        # A list may have thousands of rows, and an order is read by its id before it is used.
        replace(order, lines=(), totals={}),
        _made_at(document, mapping),
        carried,
        tuple((marker, hint) for marker, hint in hints if hint is not None),
    )


def _made_at(document: dict[str, Any], mapping: Mapping) -> datetime | None:
    """Return when the order was made; None where that is not shown, has no zone, or only names a day (a time of midnight)."""
    for name in DATES[mapping.dialect]:
        text = document.get(name)
        moment = parse_moment(text) if isinstance(text, str) and _ZONED.search(text) else None
        if moment is not None and moment.time() != time.min:
            return moment
    return None


def _hint(document: Any, order: ObservedOrder, marker: str, mapping: Mapping) -> Hint | None:
    """Return how an order that does not carry `marker` as the mapping expects holds it all the same."""
    tombstones = tombstone_texts(marker, mapping)
    if tombstones.intersection(order.marker.texts) and not is_alive(mapping, order):
        return None
    for text in order.marker.texts:
        if is_changed(spelling_of(text, marker)):
            return Hint(order.id, order.state, spelling_of(text, marker), text)
    for text in texts_near(document, marker):
        if text not in tombstones:
            return Hint(order.id, order.state, spelling_of(text, marker), text, "elsewhere")
    return None


def tombstone_texts(marker: str, mapping: Mapping) -> frozenset[str]:
    """Return the texts by which an abandoned draft of this marker is marked: it is known, and not looked for."""
    return frozenset(
        text.replace("{marker}", marker)
        for text in texts_within(mapping.recovery.tombstone_attributes)
        if "{marker}" in text
    )


def hint_of(order: ObservedOrder, marker: str) -> Hint:
    """Return the hint that an order may be ours, whatever it shows in the marker's slot."""
    shown = order.marker.texts
    return Hint(order.id, order.state, spelling(order.marker, marker), shown[0] if shown else "")
