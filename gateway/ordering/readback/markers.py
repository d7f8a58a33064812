"""The marker that an order shows, compared with the one that was sent. Pure.

Order systems are known to change what they are given: other case, cut to a length, something put before it, the hyphens gone.
What a mapping does not expect is not taken for ours, and not for a stranger's either: it is told with both spellings.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, TypeAlias

from gateway.documents import JsonObject
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import NO_MARKER, Marker, ObservedOrder

Spelling: TypeAlias = Literal["exact", "case", "affixed", "cut", "respelled", "unreadable", "other", "none"]
"""How what is shown relates to our marker, the nearest first.

`exact`: one of the texts is ours; `case`: but for upper and lower case; `affixed`: ours, with more before or after it;
`cut`: a part of ours, long enough to be no other's; `respelled`: ours but for hyphens and the like; `unreadable`: something is
there that is not understood; `other`: texts that have nothing of ours; `none`: nothing is shown.
"""

CUT_CHARACTERS_MIN: Final = 12
"""A part of a marker that is shorter may be found in anything."""
_NEAREST: Final[tuple[Spelling, ...]] = ("exact", "case", "affixed", "cut", "respelled", "unreadable", "other", "none")
_CHANGED: Final = frozenset({"case", "affixed", "cut", "respelled"})
_SIGNS: Final = re.compile(r"[^0-9a-z]+")
# What stands behind a text that is shown in part.
_MORE: Final = " .\u2026"
_SHOWN_CHARACTERS_MAX: Final = 80
_DEPTH_MAX: Final = 32
_ROOT_CHARACTERS: Final = 16


def spelling(shown: Marker, ours: str) -> Spelling:
    """Return how near the texts of `shown` come to our marker."""
    met: set[Spelling] = {spelling_of(text, ours) for text in shown.texts}
    if not shown.understood:
        met.add("unreadable")
    return next((each for each in _NEAREST if each in met), "none")


def spelling_of(text: str, ours: str) -> Spelling:
    """Return how near one text comes to our marker: `other` when it has nothing of it."""
    if text == ours:
        return "exact"
    shown, marker = text.casefold(), ours.casefold()
    if shown == marker:
        return "case"
    if _is_another_generation(shown, marker):
        return "other"
    if marker in shown:
        return "affixed"
    beginning = shown.rstrip(_MORE)
    if len(beginning) >= CUT_CHARACTERS_MIN and (
        beginning in marker if beginning == shown else marker.startswith(beginning)
    ):
        return "cut"
    plain_shown, plain = _SIGNS.sub("", shown), _SIGNS.sub("", marker)
    return "respelled" if len(plain) >= CUT_CHARACTERS_MIN and plain in plain_shown else "other"


def is_changed(how: Spelling) -> bool:
    """Tell whether a spelling is of our marker, and not as it was sent."""
    return how in _CHANGED


def carries(observed: ObservedOrder, ours: str, mapping: Mapping) -> bool:
    """Tell whether the order shows our marker in a form that the mapping expects (`recovery.marker_compare`)."""
    expected = mapping.recovery.marker_compare
    return any(_is_ours(text, ours, expected) for text in observed.marker.texts)


def _is_ours(text: str, ours: str, expected: str) -> bool:
    if text == ours:
        return True
    if expected == "case-insensitive":
        return spelling_of(text, ours) == "case"
    return expected == "prefix" and text.endswith(ours)


def both_spellings(observed: ObservedOrder, ours: str, mapping: Mapping) -> str:
    """Return what the order shows instead of our marker, as the end of a sentence for people: both spellings."""
    slot, shown = mapping.recovery.marker_slot, observed.marker
    if shown == NO_MARKER:
        return f"{slot} {ours} was sent, and it shows none"
    if not shown.texts:
        return f"{slot} {ours} was sent, and it shows something there that is not understood"
    texts = ", ".join(readable(text) for text in shown.texts[:3])
    return f"{slot} {ours} was sent, and it shows {texts}"


def readable(text: str) -> str:
    """Return a text from outside on one line, without what does not print, cut to length."""
    kept = "".join(character if character.isprintable() else " " for character in text[: _SHOWN_CHARACTERS_MAX + 1])
    return kept if len(kept) <= _SHOWN_CHARACTERS_MAX else f"{kept[:_SHOWN_CHARACTERS_MAX]}..."


def read_marker(document: JsonObject, mapping: Mapping) -> Marker:
    """Return what the marker's slot of an order shows: a text, a number, an object with an id, or a list of these."""
    value = document.get(mapping.recovery.marker_slot)
    entries = value if isinstance(value, list) else [value]
    texts: list[str] = []
    understood = True
    for entry in entries:
        found = _texts_of(entry)
        texts.extend(found or ())
        understood = understood and found is not None
    return Marker(tuple(dict.fromkeys(texts)), understood)


def _texts_of(entry: object) -> list[str] | None:
    """Return the texts of one entry of the slot, none for an empty one; None when it is not understood."""
    if entry is None or entry in ("", {}, []):
        return []
    text = _text_of(entry)
    if text is not None:
        return [text]
    if not isinstance(entry, dict):
        return None
    named = (_text_of(entry.get(name)) for name in ("id", "value", "externalId"))
    return [each for each in named if each is not None] or None


def _text_of(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def texts_near(value: object, ours: str) -> list[str]:
    """Return the texts anywhere in a JSON value that have something of our marker, or are it."""
    root = ours.casefold().partition("-")[2].rpartition("-")[0]
    # Any part of our marker of CUT_CHARACTERS_MIN characters holds one of these.
    parts = (root[:8], root[4:12], root[8:16]) if len(root) == _ROOT_CHARACTERS else None
    found: list[str] = []
    for text in texts_within(value):
        if parts is not None:
            folded = text.casefold()
            if not any(part in folded for part in parts):
                continue
        if text == ours or is_changed(spelling_of(text, ours)):
            found.append(text)
    return found


def texts_within(value: object) -> list[str]:
    """Return every text anywhere in a JSON value, the names of attributes left out."""
    found: list[str] = []
    stack: list[tuple[Any, int]] = [(value, 0)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, str):
            found.append(node)
        elif depth < _DEPTH_MAX and isinstance(node, dict | list):
            stack.extend((inner, depth + 1) for inner in (node.values() if isinstance(node, dict) else node))
    return found


def _is_another_generation(shown: str, marker: str) -> bool:
    """Tell whether `shown` holds the marker of another draft of the same checkout, and not ours."""
    root, _, _ = marker.rpartition("-")
    if not root:
        return False
    numbers = set(re.findall(rf"{re.escape(root)}-([0-9]+)", shown))
    return bool(numbers) and marker[len(root) + 1 :] not in numbers
