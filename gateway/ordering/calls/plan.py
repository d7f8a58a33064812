"""The plan of calls for an order: create, add, price, submit, as few as the mapping's limits allow.

Lines are packed in the order of the cart. A root travels with everything beneath it where that fits one call; a bundle that is
too large is split, its children following in later calls beneath the parent that is there by then. Deterministic: the
same order and mapping always give the same plan, so that it can be stored with a hash and never made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.ordering.calls.checks import check_plan
from gateway.ordering.calls.costs import LineCosts
from gateway.ordering.calls.fewest import pack_in_fewest
from gateway.ordering.calls.packing import Call
from gateway.ordering.calls.writer import is_asset_root
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.model import Limits, Mapping
from gateway.ordering.model import Finding, Order, OrderLine, Plan, Step

__all__ = ["PLAN_VERSION", "check_plan", "plan"]

PLAN_VERSION: Final = 4


def plan(order: Order, mapping: Mapping) -> tuple[Plan | None, tuple[Finding, ...]]:
    """Return the steps that bring an order into the order system; None with error findings when it cannot be done.

    Pure and deterministic: the same order and mapping make the same steps.

    Args:
        order: what `translate` returned.
        mapping: the order system; its limits are items, bytes, characteristics and levels of one call.

    Raises:
        Nothing: what does not fit is a finding with the cart's path.

    Source: decision 3 (drafts first); `calls/checks.py` states what holds of every plan.
    """
    findings = Findings()
    growth = mapping.draft.growth
    seen = _Survey(order, mapping)
    if growth in ("none", "cumulative-merge") and seen.depth > mapping.limits.depth_max:
        message = _one_call("levels of items", seen.depth, mapping.limits.depth_max, growth)
        findings.error("does_not_fit", "cartItem", message)
        return None, findings.all()
    costs = LineCosts(order, mapping, seen.parents)
    plain = not seen.assets and seen.depth <= mapping.limits.depth_max
    units = seen.bundles if plain else list(_units(order, mapping, seen.assets))
    calls = pack_in_fewest(costs, mapping, findings, seen.assets, units)
    if calls is None:
        return None, findings.all()
    if growth == "none":
        _check_single(calls[0], mapping.limits, findings)
    steps = [
        Step(sequence=number, kind="create" if number == 1 else "add", item_ids=tuple(call.members))
        for number, call in enumerate(calls, 1)
    ]
    if mapping.price.alterations == "patch-per-line":
        for line in seen.altered:
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
    levels = mapping.limits.depth_max
    children: dict[str, list[OrderLine]] = {}
    tops: list[OrderLine] = []
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


class _Survey:
    """What planning has to know of all lines, seen in one pass: an order of 100 000 of them is in no cache at the next.

    `bundles` are the roots with everything beneath each, `parents` the ids of lines with others beneath them, `assets` the
    lines that go into the POST alone, `altered` those with alterations, `depth` is that of the deepest.
    """

    __slots__ = ("altered", "assets", "bundles", "depth", "parents")

    def __init__(self, order: Order, mapping: Mapping) -> None:
        self.parents: set[str] = set()
        self.assets: list[OrderLine] = []
        self.altered: list[OrderLine] = []
        found: dict[str, list[OrderLine]] = {}
        roots_first = mapping.item.asset_orders == "roots-first"
        unit: list[OrderLine] = []
        root_id = ""
        depth = 0
        for line in order.lines:
            parent_id = line.parent_id
            if parent_id is None:
                root_id = line.id
                unit = found[root_id] = []
                if roots_first and is_asset_root(line, mapping):
                    self.assets.append(line)
            else:
                self.parents.add(parent_id)
                if line.root_id is not root_id:
                    root_id = line.root_id
                    unit = found[root_id]
            unit.append(line)
            depth = max(depth, line.depth)
            if line.alterations:
                self.altered.append(line)
        self.depth = depth
        self.bundles = list(found.values())


def _check_single(call: Call, limits: Limits, findings: Findings) -> None:
    for what, needed, allowed in (
        ("items", call.items, limits.items_max),
        ("bytes", call.size_bytes, limits.bytes_max),
        ("characteristics", call.characteristics, limits.characteristics_max),
        ("units of its budget", call.weight, limits.budget or call.weight),
    ):
        if needed > allowed:
            findings.error("does_not_fit", "cartItem", _one_call(what, needed, allowed, "none"))


def _one_call(what: str, needed: int, allowed: int, growth: str) -> str:
    why = (
        "the order system takes nothing more afterwards"
        if growth == "none"
        else "each call repeats what is there already"
    )
    return f"The order has {needed} {what}, one call carries at most {allowed}, and {why}; order in several carts."
