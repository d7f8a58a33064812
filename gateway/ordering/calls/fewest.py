"""Fewer calls where next fit may waste room: first fit, and for a handful of bundles every way there is.

Deterministic and near-linear: nothing is tried when a lower bound says that there is nothing to gain, and the search through
open calls is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.ordering.calls.costs import Cost, LineCosts
from gateway.ordering.calls.packing import Call, Packer
from gateway.ordering.calls.writer import own_children
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import OrderLine

OPEN_CALLS_MAX: Final = 64
"""Calls that are looked through for room; older ones are full enough."""
PIECES_MAX: Final = 7
"""Up to so many pieces every distribution is tried."""
_TRIES_MAX: Final = 40_000


def pack_in_fewest(
    costs: LineCosts, mapping: Mapping, findings: Findings, assets: list[OrderLine], units: list[list[OrderLine]]
) -> list[Call] | None:
    """Return the calls for `units` (parents before children), None with an error finding when a line fits no call.

    `assets` are lines that must be alone in the first call. Lines keep the order of the cart within a call.
    """
    packer = Packer(costs, mapping, findings)
    if (assets and not packer.start_with(assets)) or not packer.pack(units):
        return None
    best = [call for call in packer.calls if call.members]
    if mapping.draft.growth == "none" or len(best) == 1:
        return best
    lowest = (1 if assets else 0) + _lower_bound(packer.packed, costs, mapping)
    if len(best) <= lowest:
        return best
    search = _Search(costs, mapping, assets, units)
    for largest_first in () if search.cut else (True, False):
        other = search.first_fit(largest_first=largest_first) if len(best) > lowest else None
        if other is not None and len(other) < len(best):
            best = other
    if len(best) > lowest:
        best = search.exhaustive(lowest, len(best) - 1) or best
    return best


def _lower_bound(total: Cost, costs: LineCosts, mapping: Mapping) -> int:
    """Return a number of calls below which lines that cost `total` cannot be sent, whatever the packing."""
    limits = mapping.limits
    room = max(limits.bytes_max - min(costs.create_base_bytes, costs.add_base_bytes), 1)
    needs = [
        -(-total.items // limits.items_max),
        -(-total.characteristics // limits.characteristics_max),
        -(-total.size_bytes // room),
    ]
    if limits.budget:
        needs.append(-(-total.weight // limits.budget))
    return max(needs, default=1)


class _Search:
    """Other packings of the same units; `cut` tells that some are beneath others, cut off by their depth."""

    def __init__(
        self, costs: LineCosts, mapping: Mapping, assets: list[OrderLine], units: list[list[OrderLine]]
    ) -> None:
        self._costs = costs
        self._mapping = mapping
        self._assets = assets
        self._units = units
        self._lines = {line.id: line for unit in units for line in unit}
        self._ranks = {line_id: rank for rank, line_id in enumerate(self._lines)}
        self._after = own_children([*self._lines.values()])
        self._first = 1 if assets else 0
        self._levels = mapping.limits.depth_max
        self.cut = any(unit[0].parent_id in self._lines for unit in units)

    def _packer(self) -> Packer:
        packer = Packer(self._costs, self._mapping, Findings(), whole_repeated=False)
        if self._assets:
            packer.fill(packer.calls[0], self._assets)
        return packer

    def _in_order(self, calls: list[Call]) -> list[Call]:
        for call in calls:
            call.members.sort(key=lambda line_id: self._ranks.get(line_id, -1))
        return calls

    def _fits_alone(self, unit: list[OrderLine]) -> bool:
        """Tell whether a unit fits one call: then it is never split."""
        packer = self._packer()
        return packer.fill(packer.new_call(), unit) or (not self._assets and packer.fill(packer.calls[0], unit))

    def first_fit(self, *, largest_first: bool) -> list[Call] | None:
        """Return the calls when bundles that must be split go first, then the others, each where there is room first.

        The others go by their size, or in the order of the cart; neither is always the better one.
        """
        packer = self._packer()
        if self._assets:
            packer.calls.append(packer.new_call())
        whole = {position for position, unit in enumerate(self._units) if self._fits_alone(unit)}
        if not packer.pack(unit for position, unit in enumerate(self._units) if position not in whole):
            return None
        sizes = {position: self._share(self._units[position]) for position in whole}
        start = self._first
        for position in sorted(whole, key=lambda one: (-sizes[one] if largest_first else 0, one)):
            unit = self._units[position]
            start = max(start, len(packer.calls) - OPEN_CALLS_MAX)
            if any(packer.fill(call, unit) for call in packer.calls[start:]):
                continue
            packer.calls.append(packer.new_call())
            if not packer.fill(packer.calls[-1], unit):
                return None
        # An add call may have room that the POST, with the header, has not.
        return self._in_order([call for call in packer.calls if call.members]) if packer.calls[0].members else None

    def _share(self, unit: list[OrderLine]) -> float:
        """Return the largest share of a call's limits that `unit` takes."""
        limits, own = self._mapping.limits, [self._costs.own(line) for line in unit]
        shares = [
            sum(cost.items for cost in own) / limits.items_max,
            sum(cost.size_bytes for cost in own) / limits.bytes_max,
            sum(cost.characteristics for cost in own) / limits.characteristics_max,
        ]
        if limits.budget:
            levels = [1 + self._costs.level_weight * (line.depth - 1) for line in unit]
            shares.append(sum(cost.weight * level for cost, level in zip(own, levels, strict=True)) / limits.budget)
        return max(shares)

    def exhaustive(self, fewest: int, most: int) -> list[Call] | None:
        """Return a packing with the fewest calls from `fewest` to `most`, every distribution of the pieces tried.

        A piece is a unit that fits one call, or a line of one that does not. None with too many pieces, or without a packing.
        """
        if len(self._units) > PIECES_MAX:
            return None
        home = {line.id: number for number, unit in enumerate(self._units) for line in unit}
        too_deep: set[int] = set()
        for number, unit in enumerate(self._units):
            if (above := home.get(unit[0].parent_id or "")) is not None:
                too_deep |= {number, above}
        pieces: list[list[OrderLine]] = []
        for number, unit in enumerate(self._units):
            whole = number not in too_deep and self._fits_alone(unit)
            pieces.extend([unit] if whole else [[line] for line in unit])
        if len(pieces) > PIECES_MAX:
            return None
        for count in range(fewest, most + 1):
            self._tries = _TRIES_MAX
            packer = self._packer()
            calls = packer.calls + [packer.new_call() for _ in range(count - 1)]
            found = next(self._distributions(packer, calls, pieces, {line.id: 0 for line in self._assets}), None)
            if found is not None:
                return self._in_order(found)
        return None

    def _distributions(
        self, packer: Packer, calls: list[Call], pieces: list[list[OrderLine]], place: dict[str, int]
    ) -> Iterator[list[Call]]:
        """Yield the ways to put `pieces` into `calls`.

        A child is never in an earlier call than its parent, nor than the sibling of its product that comes by itself.
        """
        if not pieces:
            if all(call.members for call in calls):
                yield calls
            return
        piece, rest = pieces[0], pieces[1:]
        before = (piece[0].parent_id, self._after.get(piece[0].id))
        earliest = max(place.get(line_id or "", self._first) for line_id in before)
        for number in range(max(earliest, self._first), len(calls)):
            self._tries -= 1
            if self._tries < 0:
                return
            changed = calls[number].copy()
            packer.calls = [changed if number == 0 else calls[0]]
            there = place | {line.id: number for line in piece}
            if packer.fill(changed, piece) and (not self.cut or self._level(piece[0], there) <= self._levels):
                now = [changed if position == number else call for position, call in enumerate(calls)]
                yield from self._distributions(packer, now, rest, there)

    def _level(self, line: OrderLine, place: dict[str, int]) -> int:
        """Return how deep `line` stands in its call: what is above it is there too, or carries it, or is only named."""
        level = 1
        while line.parent_id is not None:
            if place[line.parent_id] != place[line.id]:
                return level + (1 if self._mapping.draft.growth == "additive" else 0)
            level, line = level + 1, self._lines[line.parent_id]
        return level
