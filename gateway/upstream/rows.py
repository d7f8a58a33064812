"""What the rows of a list of orders say of the markers that are searched. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from msgspec import Struct

from gateway.ordering import (
    Mapping,
    ObservedOrder,
    carries,
    is_changed,
    read_order,
    spelling,
    spelling_of,
    texts_within,
)
from gateway.upstream.evidence import Hint


class Row(Struct, frozen=True):
    """One row: the order it shows, and which of the markers searched it carries, or may."""

    order: ObservedOrder
    carried: frozenset[str] = frozenset()
    hints: tuple[tuple[str, Hint], ...] = ()


def read_row(document: Any, markers: AbstractSet[str], mapping: Mapping) -> Row | None:
    """Return what a row of a list is to the searches for `markers`; None when it is not an order with an id."""
    order = read_order(document, mapping)
    if order is None:
        return None
    carried = frozenset(marker for marker in markers if carries(order, marker, mapping))
    hints = ((marker, _hint(document, order, marker, mapping)) for marker in markers - carried)
    return Row(order, carried, tuple((marker, hint) for marker, hint in hints if hint is not None))


def _hint(document: Any, order: ObservedOrder, marker: str, mapping: Mapping) -> Hint | None:
    """Return how an order that does not carry `marker` as the mapping expects holds it all the same."""
    ours = tombstone_texts(marker, mapping)
    shown = [text for text in order.marker.texts if text not in ours]
    for text in shown:
        if is_changed(spelling_of(text, marker)):
            return Hint(order.id, order.state, spelling_of(text, marker), text)
    if len(shown) < len(order.marker.texts):
        return None
    for text in _near(texts_within(document), marker):
        if text not in ours:
            return Hint(order.id, order.state, spelling_of(text, marker), text, "elsewhere")
    return None


def _near(texts: Iterable[str], marker: str) -> list[str]:
    return [text for text in texts if text == marker or is_changed(spelling_of(text, marker))]


def tombstone_texts(marker: str, mapping: Mapping) -> frozenset[str]:
    """Return the texts by which an abandoned draft of this marker is marked: it is known, and not looked for."""
    return frozenset(
        text.replace("{marker}", marker)
        for text in texts_within(mapping.recovery.tombstone_attributes)
        if "{marker}" in text
    )


def may_hold(order: ObservedOrder, marker: str) -> bool:
    """Tell whether an order that a filter gave for `marker` shows nothing that speaks against its being meant."""
    return spelling(order.marker, marker) in ("none", "unreadable")
