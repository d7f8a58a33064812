"""The plan of calls for an order: create, add, price, submit, as few as the mapping's limits allow.

Lines are packed in the order of the cart. A root travels with everything beneath it where that fits one call; a bundle that is
too large is split, its children following in later calls beneath the parent that is there by then. Deterministic: the
same order and mapping always give the same plan, so that it can be stored with a hash and never made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.ordering.checks import check_plan
from gateway.ordering.costs import Cost, LineCosts
from gateway.ordering.findings import Findings
from gateway.ordering.mapping import Limits, Mapping
from gateway.ordering.model import Finding, Order, OrderLine, Plan, Step
from gateway.ordering.wire import is_asset_root

__all__ = ["PLAN_VERSION", "check_plan", "plan"]

PLAN_VERSION: Final = 1


class _Call:
    """A create or add call that is being filled."""

    def __init__(self, base_bytes: int, limits: Limits) -> None:
        self._limits = limits
        self.items = 0
        self.size_bytes = base_bytes
        self.characteristics = 0
        self.members: list[str] = []
        self.inside: set[str] = set()
        self.opened: set[str] = set()

    def fits(self, cost: Cost) -> bool:
        limits = self._limits
        return (
            self.items + cost.items <= limits.items_max
            and self.size_bytes + cost.size_bytes <= limits.bytes_max
            and self.characteristics + cost.characteristics <= limits.characteristics_max
        )

    def put(self, line_id: str, cost: Cost) -> None:
        self.items += cost.items
        self.size_bytes += cost.size_bytes
        self.characteristics += cost.characteristics
        self.members.append(line_id)
        self.inside.add(line_id)


class _Packer:
    """Packs the lines of one order into calls, next fit, in cart order."""

    def __init__(self, order: Order, mapping: Mapping, findings: Findings) -> None:
        self._mapping = mapping
        self._findings = findings
        self._costs = LineCosts(order, mapping)
        self._cumulative = mapping.draft.growth == "cumulative-merge"
        self.calls: list[_Call] = [_Call(self._costs.create_base_bytes, mapping.limits)]

    def pack(self, units: list[list[OrderLine]]) -> bool:
        """Put every unit into calls; False with an error finding when a line fits none."""
        return all(self._place(unit) for unit in units)

    def start_with(self, roots: list[OrderLine]) -> bool:
        """Put `roots` alone into the first call; False with an error finding when they do not fit it."""
        if not self._fill(self.calls[-1], roots):
            message = "One call must hold every installed product that is modified, and they do not fit; order in several carts."
            self._findings.error("does_not_fit", "cartItem", message)
            return False
        self._next_call()
        return True

    def _place(self, unit: list[OrderLine]) -> bool:
        call = self.calls[-1]
        parent = unit[0].parent_id
        if parent is not None and parent in call.inside:
            # Its depth was cut off beneath this parent: it can only follow in a later call.
            call = self._next_call()
        if self._fill(call, unit):
            return True
        if self._mapping.draft.growth == "none":
            return True
        if call.members and self._fill(fresh := self._new_call(), unit):
            self.calls.append(fresh)
            return True
        return self._split(unit)

    def _fill(self, call: _Call, unit: list[OrderLine]) -> bool:
        """Put all of `unit` into `call` if it fits; with growth `none` it goes in whatever it costs."""
        total = Cost()
        costs: list[Cost] = []
        opened: set[str] = set()
        members: set[str] = set()
        for line in unit:
            cost = self._line_cost(line, call, opened, members)
            members.add(line.id)
            costs.append(cost)
            total = _sum(total, cost)
        if self._mapping.draft.growth != "none" and not call.fits(total):
            return False
        for line, cost in zip(unit, costs, strict=True):
            call.put(line.id, cost)
        call.opened |= opened
        return True

    def _line_cost(self, line: OrderLine, call: _Call, opened: set[str], members: set[str]) -> Cost:
        """Return what `line` adds to `call`; what it opens there (a list of children, a carrier) is noted in `opened`."""
        cost = self._costs.own[line.id]
        parent = line.parent_id
        if parent is None:
            return _sum(cost, self._costs.operation(line)) if len(self.calls) > 1 else cost
        here = parent in call.inside or parent in members or self._cumulative
        if not here:
            cost = _sum(cost, self._costs.operation(line))
        if parent not in call.opened and parent not in opened:
            opened.add(parent)
            cost = _sum(cost, self._costs.nesting() if here else self._costs.carrier())
        return cost

    def _new_call(self) -> _Call:
        base = self._costs.add_base_bytes
        if self._cumulative:
            base += self.calls[-1].size_bytes
        return _Call(base, self._mapping.limits)

    def _next_call(self) -> _Call:
        self.calls.append(self._new_call())
        return self.calls[-1]

    def _split(self, unit: list[OrderLine]) -> bool:
        """Put `unit` line by line into this call and as many more as it takes."""
        for line in unit:
            if self._fill(self.calls[-1], [line]):
                continue
            if not self.calls[-1].members or not self._fill(self._next_call(), [line]):
                self._findings.error(
                    "item_too_large", line.path, _too_large(self._costs.own[line.id], self._mapping.limits)
                )
                return False
        return True


def plan(order: Order, mapping: Mapping) -> tuple[Plan | None, tuple[Finding, ...]]:
    """Return the steps that bring `order` into the order system; None with error findings when it cannot be done."""
    findings = Findings()
    growth = mapping.draft.growth
    packer = _Packer(order, mapping, findings)
    assets = [line for line in order.lines if is_asset_root(line, mapping)]
    depth = max((line.depth for line in order.lines), default=0)
    if growth in ("none", "cumulative-merge") and depth > mapping.limits.depth_max:
        findings.error("does_not_fit", "cartItem", _one_call("levels of items", depth, mapping.limits.depth_max))
        return None, findings.all()
    if (assets and not packer.start_with(assets)) or not packer.pack(list(_units(order, mapping, assets))):
        return None, findings.all()
    if growth == "none":
        _check_single(packer.calls[0], mapping.limits, findings)
    steps = [
        Step(sequence=number, kind="create" if number == 1 else "add", item_ids=tuple(call.members))
        for number, call in enumerate((call for call in packer.calls if call.members), 1)
    ]
    if mapping.price.alterations == "patch-per-line":
        costs = LineCosts(Order(header=order.header, lines=()), mapping)
        for line in order.lines:
            if not line.alterations:
                continue
            if costs.price_bytes(line) > mapping.limits.bytes_max:
                message = f"Its price alterations alone exceed the {mapping.limits.bytes_max} bytes of one call."
                findings.error("item_too_large", f"{line.path}.itemPrice", message)
            steps.append(Step(sequence=len(steps) + 1, kind="price", item_ids=(line.id,)))
    if mapping.draft.supported:
        steps.append(Step(sequence=len(steps) + 1, kind="submit"))
    if findings.refused:
        return None, findings.all()
    return Plan(version=PLAN_VERSION, mapping=mapping.name, steps=tuple(steps)), findings.all()


def _units(order: Order, mapping: Mapping, sent: list[OrderLine]) -> Iterator[list[OrderLine]]:
    """Yield what should stay together: each root with what is beneath it, cut off where a call may not go deeper.

    What is beneath a root that is `sent` already is a unit of its own, beneath a parent that is on the order.

    What was cut off follows as units of its own, beneath a parent that is in an earlier unit.
    """
    children: dict[str, list[OrderLine]] = {}
    tops: list[OrderLine] = []
    levels = mapping.limits.depth_max
    gone = {line.id for line in sent}
    for line in order.lines:
        if line.id in gone:
            continue
        if line.parent_id is None or line.parent_id in gone:
            tops.append(line)
        else:
            children.setdefault(line.parent_id, []).append(line)
    if gone:
        levels -= 1 if mapping.draft.growth == "additive" else 0
    while tops:
        deeper: list[OrderLine] = []
        for top in tops:
            unit: list[OrderLine] = []
            stack = [(top, 1)]
            while stack:
                line, level = stack.pop()
                if level > levels:
                    deeper.append(line)
                    continue
                unit.append(line)
                beneath = children.get(line.id)
                if beneath:
                    stack.extend((child, level + 1) for child in reversed(beneath))
            yield unit
        tops = deeper
        levels = mapping.limits.depth_max - (1 if mapping.draft.growth == "additive" else 0)


def _check_single(call: _Call, limits: Limits, findings: Findings) -> None:
    for what, needed, allowed in (
        ("items", call.items, limits.items_max),
        ("bytes", call.size_bytes, limits.bytes_max),
        ("characteristics", call.characteristics, limits.characteristics_max),
    ):
        if needed > allowed:
            findings.error("does_not_fit", "cartItem", _one_call(what, needed, allowed))


def _one_call(what: str, needed: int, allowed: int) -> str:
    return (
        f"The order has {needed} {what}, one call carries at most {allowed}, and the order system takes nothing more "
        "afterwards; order in several carts."
    )


def _too_large(cost: Cost, limits: Limits) -> str:
    return (
        f"The item has {cost.size_bytes} bytes and {cost.characteristics} characteristics; one call carries at most "
        f"{limits.items_max} items, {limits.bytes_max} bytes and {limits.characteristics_max} characteristics, the header "
        "and the item above included."
    )


def _sum(first: Cost, second: Cost) -> Cost:
    return Cost(
        first.items + second.items,
        first.size_bytes + second.size_bytes,
        first.characteristics + second.characteristics,
    )
