"""The positive control: whether a search that found nothing would have found the order of a call in doubt. Pure.

"Not found" counts only where the same question finds orders made before and after that call: an index has windows and lags,
a cache is as old as it is, a filter may find nothing ever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from gateway.ordering import Mapping, ObservedOrder
from gateway.upstream.evidence import Absence, CallInDoubt, proven, uncontrolled
from gateway.upstream.rows import Row
from gateway.upstream.search import Walk

Side: TypeAlias = Literal["older", "younger"]
SIDES: Final[tuple[Side, ...]] = ("older", "younger")
DATE_SECONDS: Final = 2.0
"""A Date header tells whole seconds."""
SKEW_SECONDS: Final = 900.0
"""How far the order system's clock may be from ours, where no Date header tells."""
_MARKER: Final = re.compile(r"gw1-[a-z2-7]{16}-[0-9]+$", re.ASCII)
AGE_SECONDS_MAX: Final = 5.0
"""A page that a cache has kept for longer says nothing of now."""


class Witness(Struct, frozen=True):
    """An order that is there, was made before or after the call, and should be found by `text`.

    `is_ours`: this order system accepted it from us, and it may not be on the list that was read.
    """

    id: str
    text: str
    side: Side
    distance_seconds: float
    is_ours: bool


class Clocks(Struct, frozen=True):
    """How the times that orders show are compared with the call's: it was sent at `sent_at` there, give or take `margin`."""

    sent_at: datetime
    margin: timedelta

    def side(self, made_at: datetime | None) -> Side | None:
        """Return whether an order was made before or after the call; None where that cannot be told."""
        if made_at is None or abs(made_at - self.sent_at) <= self.margin:
            return None
        return "older" if made_at < self.sent_at else "younger"


def clocks_of(doubt: CallInDoubt, listed: Walk, asked_at: float) -> Clocks:
    """Return how to compare the times of a list with that of the call. `asked_at`: the monotonic time of `doubt.now`."""
    if listed.dated is None:
        return Clocks(doubt.sent_at, timedelta(seconds=SKEW_SECONDS))
    ours = doubt.now + timedelta(seconds=listed.dated_at - asked_at)
    return Clocks(doubt.sent_at + (listed.dated - ours), timedelta(seconds=DATE_SECONDS))


def unmarked(rows: Sequence[Row], clocks: Clocks) -> list[Row]:
    """Return the orders that nothing tells from the one in doubt: no marker that can be read, and not older than the call."""
    return [row for row in rows if not row.shows_marker and clocks.side(row.made_at) != "older"]


def may_be_ours(order: ObservedOrder, offerings: frozenset[str]) -> bool:
    """Tell whether an order without a marker may be that of the call: it shows no lines, or one for something that was sent."""
    shown = {line.offering for line in order.lines if line.offering is not None}
    return not shown or not offerings or not offerings.isdisjoint(shown)


def witnesses(doubt: CallInDoubt, rows: Sequence[Row], clocks: Clocks, side: Side) -> list[Witness]:
    """Return the orders of one side that a control can look for, the nearest to the call first."""
    found = [
        Witness(known.id, known.marker, side, abs((known.accepted_at - doubt.sent_at).total_seconds()), is_ours=True)
        for known in doubt.known
        if side == ("older" if known.accepted_at < doubt.sent_at else "younger")
    ]
    ours = {known.id for known in doubt.known}
    for row in rows:
        if (
            row.made_at is not None
            and row.shows_marker
            and row.order.id not in ours
            and clocks.side(row.made_at) == side
        ):
            distance = abs((row.made_at - clocks.sent_at).total_seconds())
            found.append(Witness(row.order.id, row.order.marker.texts[0], side, distance, is_ours=False))
    return sorted(found, key=lambda witness: (witness.distance_seconds, witness.id))


def shows_kept(rows: Sequence[Row], mapping: Mapping) -> bool:
    """Tell whether an order on the list carries a marker of a gateway as the mapping expects: what is sent is kept."""
    expected = mapping.recovery.marker_compare
    return any(is_kept(text, expected) for row in rows for text in row.order.marker.texts)


def is_kept(text: str, expected: str) -> bool:
    """Tell whether a text is a marker of a gateway as the mapping expects it (`recovery.marker_compare`)."""
    if expected == "prefix":
        return _MARKER.search(text) is not None
    return _MARKER.fullmatch(text.lower() if expected == "case-insensitive" else text) is not None


def alike_first(rows: Sequence[Row], clocks: Clocks, mapping: Mapping) -> list[Row]:
    """Return the orders with a marker that is not a gateway's and that are not older than the call, the nearest to it first."""
    found = [
        row
        for row in rows
        if row.shows_marker and clocks.side(row.made_at) != "older" and not shows_kept([row], mapping)
    ]
    return sorted(found, key=lambda row: abs(((row.made_at or clocks.sent_at) - clocks.sent_at).total_seconds()))


def verdict(found: dict[Side, str], *, kept: bool, anything_there: bool) -> Absence:
    """Return what the absence is worth; `found` are the ids of the orders that were found, by their side.

    `kept`: a marker of ours was seen on an order, so that ours would carry one.
    """
    if len(found) == len(SIDES) and not kept:
        return uncontrolled("marker_never_seen")
    if len(found) == len(SIDES):
        return proven(f"orders {found['older']} and {found['younger']}")
    if not anything_there:
        return uncontrolled("nothing_to_control_with")
    return uncontrolled("nothing_younger" if "older" in found else "nothing_older")
