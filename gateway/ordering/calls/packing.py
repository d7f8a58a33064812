"""Filling calls: which lines travel together, within the limits of each call.

The usual packing goes through the cart in its order and opens a call when the last one is full (next fit); where that may not be
the fewest, `gateway.ordering.calls.fewest` tries others.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.ordering.calls.costs import Cost, LineCosts
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.model import Limits, Mapping
from gateway.ordering.model import OrderLine


class Call:
    """A create or add call that is being filled; of its members, `inside` are those with children.

    `levels` is how deep those stand in it, where that has a weight.
    """

    __slots__ = ("_limits", "characteristics", "inside", "items", "levels", "members", "opened", "size_bytes", "weight")

    def __init__(self, base_bytes: int, limits: Limits) -> None:
        self._limits = limits
        self.items = 0
        self.size_bytes = base_bytes
        self.characteristics = 0
        self.weight = 0
        self.members: list[str] = []
        self.inside: set[str] = set()
        self.opened: set[str] = set()
        self.levels: dict[str, int] = {}

    def fits(self, cost: Cost) -> bool:
        """Tell whether the call has room for `cost`."""
        limits = self._limits
        return (
            self.items + cost.items <= limits.items_max
            and self.size_bytes + cost.size_bytes <= limits.bytes_max
            and self.characteristics + cost.characteristics <= limits.characteristics_max
            and (not limits.budget or self.weight + cost.weight <= limits.budget)
        )

    def put(self, line_ids: list[str], cost: Cost, parents: set[str]) -> None:
        """Add lines that fit; `cost` is that of all of them, `parents` those of them that have children."""
        self.items += cost.items
        self.size_bytes += cost.size_bytes
        self.characteristics += cost.characteristics
        self.weight += cost.weight
        self.members += line_ids
        self.inside |= parents

    def copy(self) -> Call:
        """Return a call filled alike, to try something in."""
        other = Call(self.size_bytes, self._limits)
        other.items, other.characteristics, other.weight = self.items, self.characteristics, self.weight
        other.members, other.inside, other.opened = [*self.members], {*self.inside}, {*self.opened}
        other.levels = {**self.levels}
        return other


class Packer:
    """Packs the lines of one order into calls, next fit, in the order they are given.

    Where a call repeats what is there already, `whole_repeated` counts its bytes. Those of the last call, which has everything,
    are the same however the lines are distributed: they need not be counted again once they are known to fit.
    """

    def __init__(
        self,
        costs: LineCosts,
        mapping: Mapping,
        findings: Findings,
        *,
        whole_repeated: bool = True,
    ) -> None:
        self.mapping = mapping
        self.costs = costs
        self._findings = findings
        self._cumulative = mapping.draft.growth == "cumulative-merge"
        self._appends = mapping.draft.growth == "json-patch-append"
        self._carried = mapping.draft.growth == "additive"
        self._whole = mapping.draft.growth == "none"
        self.packed = Cost()
        self.calls: list[Call] = [Call(costs.create_base_bytes, mapping.limits)]
        self._repeated = self._cumulative and whole_repeated

    def start_with(self, roots: list[OrderLine]) -> bool:
        """Put `roots` alone into the first call; False with an error finding when they do not fit it."""
        if not self.fill(self.calls[-1], roots):
            message = "One call must hold every installed product that is modified, and they do not fit; order in several carts."
            self._findings.error("does_not_fit", "cartItem", message)
            return False
        self.costs.packed()
        self._next_call()
        return True

    def pack(self, units: Iterable[list[OrderLine]]) -> bool:
        """Put every unit into calls; False with an error finding when a line fits none.

        `packed` is then what their lines cost without their surroundings.
        """
        for unit in units:
            if not self._place(unit):
                return False
            self.packed = self.packed.plus(self.costs.packed())
        return True

    def _place(self, unit: list[OrderLine]) -> bool:
        call = self.calls[-1]
        parent = unit[0].parent_id
        if parent is not None and parent in call.inside:
            # Its depth was cut off beneath this parent: it can only follow in a later call.
            call = self._next_call()
        if self.fill(call, unit) or self._whole:
            return True
        if call.members and self.fill(fresh := self.new_call(), unit):
            self.calls.append(fresh)
            return True
        return self._split(unit)

    def fill(self, call: Call, unit: list[OrderLine]) -> bool:
        """Put all of `unit` into `call` if it fits; with growth `none` it goes in whatever it costs."""
        items = size_bytes = characteristics = weight = 0
        opened: set[str] = set()
        parents: set[str] = set()
        line_ids: list[str] = []
        levels: dict[str, int] = {}
        own, inner, level_weight = self.costs.own, self.costs.parents, self.costs.level_weight
        plain = not self._appends
        first = call is self.calls[0]
        for line in unit:
            cost = own(line)
            parent = line.parent_id
            if level_weight:
                level = levels[line.id] = self._level(line, call, levels)
                weight += cost.weight * level_weight * (level - 1)
            # Nothing but the line itself: a root, or a further child in a list that is open in this call.
            if not (plain and (parent is None or parent in opened or parent in call.opened)):
                cost = cost.plus(self._surroundings(line, call, opened, parents, first=first))
            line_id = line.id
            line_ids.append(line_id)
            if line_id in inner:
                parents.add(line_id)
            items += cost.items
            size_bytes += cost.size_bytes
            characteristics += cost.characteristics
            weight += cost.weight
        whole = Cost(items, size_bytes, characteristics, weight)
        if not self._whole and not call.fits(whole):
            return False
        call.put(line_ids, whole, parents)
        call.opened |= opened
        call.levels.update({line_id: level for line_id, level in levels.items() if line_id in parents})
        return True

    def _level(self, line: OrderLine, call: Call, levels: dict[str, int]) -> int:
        """Return how deep `line` stands in `call`; `levels` are those of what goes in with it."""
        parent = line.parent_id
        if parent is None or self._cumulative:
            return line.depth
        # What carries it where its parent is on the order already stands at the top.
        return (levels.get(parent) or call.levels.get(parent) or (1 if self._carried else 0)) + 1

    def _surroundings(self, line: OrderLine, call: Call, opened: set[str], parents: set[str], *, first: bool) -> Cost:
        """Return what `line` adds to `call` beside itself; what it opens there (a list of children, a carrier) goes to `opened`."""
        cost = Cost()
        parent = line.parent_id
        if parent is None:
            return cost if first else self.costs.operation(line)
        here = parent in call.inside or parent in parents or self._cumulative
        if not here:
            cost = cost.plus(self.costs.operation(line))
        if parent not in call.opened and parent not in opened:
            opened.add(parent)
            cost = cost.plus(self.costs.nesting() if here else self.costs.carrier())
        return cost

    def new_call(self) -> Call:
        """Return an empty add call."""
        base = self.costs.add_base_bytes
        if self._repeated:
            base += self.calls[-1].size_bytes
        return Call(base, self.mapping.limits)

    def _next_call(self) -> Call:
        self.calls.append(self.new_call())
        return self.calls[-1]

    def _split(self, unit: list[OrderLine]) -> bool:
        """Put `unit` line by line into this call and as many more as it takes."""
        for line in unit:
            if self.fill(self.calls[-1], [line]):
                continue
            if not self.calls[-1].members or not self.fill(self._next_call(), [line]):
                message = _too_large(self.costs.own(line), self.mapping.limits)
                self._findings.error("item_too_large", line.path, message)
                return False
        return True


def _too_large(cost: Cost, limits: Limits) -> str:
    budget = f", a budget of {limits.budget} (the item takes {cost.weight})" if limits.budget else ""
    return (
        f"The item has {cost.size_bytes} bytes and {cost.characteristics} characteristics; one call carries at most "
        f"{limits.items_max} items, {limits.bytes_max} bytes and {limits.characteristics_max} characteristics{budget}, the "
        "header and the item above included."
    )
