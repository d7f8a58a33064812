"""How many items a call may carry for an order system that has refused larger ones. Pure.

The limits of a mapping are what is known beforehand; some order systems have limits that nobody can know (a budget of CPU
time, of heap), and say only "too large". Then what is not sent yet is cut into calls of half the size, the size is kept for the
checkouts to come, and grows again by a quarter each time a while passes without a refusal. It is forgotten when a call of one
item is refused: what was too large was that item, or the whole order, and says nothing of the size of calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.ordering.calls.plan import plan as plan_of
from gateway.ordering.calls.writer import is_asset_root
from gateway.ordering.mapping.model import Limits, Mapping
from gateway.ordering.model import Order, Plan, Step

GROWTH: Final = 1.25
"""What a remembered size is multiplied with each time it recovers."""
_GROWTH_STEPS_MAX: Final = 60


class CallSize(Struct, frozen=True):
    """The most new items a call may carry, learnt from a refusal at the moment `learnt_at`."""

    items_max: int
    learnt_at: datetime


def halved(item_count: int) -> int | None:
    """Return the size of the calls to try after one with `item_count` items was too large; None when it cannot be cut."""
    return item_count // 2 if item_count > 1 else None


def recovered(size: CallSize | None, limits: Limits, now: datetime, recovery_seconds: float) -> int | None:
    """Return how many items a call may carry now; None when nothing smaller than the mapping's own limit is known.

    The size grows by a quarter, and by one item at least, for each `recovery_seconds` since it was learnt.
    """
    if size is None:
        return None
    items_max = max(size.items_max, 1)
    periods = max((now - size.learnt_at) // timedelta(seconds=recovery_seconds), 0)
    for _ in range(min(periods, _GROWTH_STEPS_MAX)):
        if items_max >= limits.items_max:
            break
        items_max = max(int(items_max * GROWTH), items_max + 1)
    return items_max if items_max < limits.items_max else None


def learnt(items_max: int, known: int | None, now: datetime) -> CallSize:
    """Return what to remember after a refusal taught `items_max` while `known` was in force: the smaller one, from now on."""
    return CallSize(items_max if known is None else min(items_max, known), now)


def fitted(plan: Plan, order: Order, mapping: Mapping, items_max: int | None) -> Plan:
    """Return a plan for `order` of which nothing is sent yet, in calls of at most `items_max` new items.

    That is `plan` cut, or one that was made for this size where it has fewer calls: it joins what a cut leaves over.
    """
    smaller = cut(plan, order, mapping, items_max)
    if items_max is None or len(smaller.steps) == len(plan.steps):
        return smaller
    limits = replace(mapping.limits, items_max=min(items_max, mapping.limits.items_max))
    made, _ = plan_of(order, replace(mapping, limits=limits))
    return made if made is not None and len(made.steps) < len(smaller.steps) else smaller


def cut(plan: Plan, order: Order, mapping: Mapping, items_max: int | None, *, first: int = 0) -> Plan:
    """Return `plan` with the create and add steps from index `first` on cut into steps of at most `items_max` new items.

    The steps before `first` stay as they are. The order of the items stays too, so a parent still comes before its children;
    items of one root stay together where they fit one call. A step is only ever cut, never joined with another: what
    kept to the limits of the mapping still does. A POST that must hold every installed product is not cut either. Without a
    limit, or where an order takes nothing more after its POST, the plan is returned as it is.
    """
    if items_max is None or not mapping.draft.supported or mapping.draft.growth == "none":
        return plan
    roots = {line.id: line.root_id for line in order.lines}
    assets = {line.id for line in order.lines if is_asset_root(line, mapping)}
    steps: list[Step] = list(plan.steps[:first])
    for step in plan.steps[first:]:
        divisible = step.kind == "add" or (step.kind == "create" and assets.isdisjoint(step.item_ids))
        parts = _parts(step.item_ids, roots, max(items_max, 1)) if divisible else [step.item_ids]
        for number, item_ids in enumerate(parts):
            kind = "add" if step.kind == "create" and number else step.kind
            steps.append(Step(sequence=len(steps) + 1, kind=kind, item_ids=item_ids))
    return replace(plan, steps=tuple(steps))


def _parts(item_ids: tuple[str, ...], roots: dict[str, str], items_max: int) -> list[tuple[str, ...]]:
    """Cut one step's items, in their order, into parts of at most `items_max`, whole roots together where they fit."""
    parts: list[list[str]] = [[]]
    for family in _families(item_ids, roots):
        if parts[-1] and len(parts[-1]) + len(family) > items_max:
            parts.append([])
        for item_id in family:
            if len(parts[-1]) >= items_max:
                parts.append([])
            parts[-1].append(item_id)
    return [tuple(part) for part in parts]


def _families(item_ids: tuple[str, ...], roots: dict[str, str]) -> Iterator[list[str]]:
    """Yield runs of items that are beneath one root."""
    family: list[str] = []
    for item_id in item_ids:
        if family and roots[item_id] != roots[family[-1]]:
            yield family
            family = []
        family.append(item_id)
    if family:
        yield family
