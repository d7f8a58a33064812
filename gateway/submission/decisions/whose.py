"""Whose order it is that the order system shows: told by the marker it carries, not by its id. Pure."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from gateway.ordering import Marker, ObservedOrder, carries, spelling
from gateway.submission.decisions.actions import Work

Whose: TypeAlias = Literal["ours", "respelled", "other", "unmarked"]
"""`ours`: it carries our marker as the mapping expects it; `respelled`: in another spelling, that can be read all the same;
`other`: what it carries has nothing of ours, or is not understood; `unmarked`: it shows nothing."""

_RESPELLED: Final = frozenset({"case", "affixed", "cut", "respelled"})
_MARKER_CHARACTERS_MAX: Final = 255


def whose(work: Work, observed: ObservedOrder) -> Whose:
    """Tell whose order it is by the marker that it shows."""
    return "ours" if carries(observed, work.record.marker, work.mapping) else _of(observed.marker, work.record.marker)


def answered_whose(work: Work) -> Whose:
    """Tell whose order the answer to the `create` of this generation showed."""
    text = work.record.answered_marker
    return _of(Marker((text,) if text else ()), work.record.marker)


def shown_marker(observed: ObservedOrder | None) -> str | None:
    """Return the first text in the marker's slot, as far as it is kept; None when there is none."""
    texts = () if observed is None else observed.marker.texts
    return texts[0][:_MARKER_CHARACTERS_MAX] if texts else None


def _of(shown: Marker, ours: str) -> Whose:
    how = spelling(shown, ours)
    if how in {"exact", "none"}:
        return "ours" if how == "exact" else "unmarked"
    return "respelled" if how in _RESPELLED else "other"
