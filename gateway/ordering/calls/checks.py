"""The invariants of a plan, asserted when it is made and again before it is acted upon."""

from __future__ import annotations

from gateway.ordering.calls.costs import LineCosts
from gateway.ordering.calls.writer import is_asset_root, own_children
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Order, OrderLine, Plan, Step


def check_plan(order: Order, plan: Plan, mapping: Mapping) -> None:
    """Raise AssertionError unless `plan` is a plan for `order` that keeps every promise.

    Every line is in exactly one create or add step; no parent is in a later step than its child, nor after it in the same
    one, and no child that the system adds by itself is after its siblings of the same product; no step exceeds the mapping's
    limits (bytes by the planner's count, which is never below what is sent); price steps are one per line with alterations and
    follow the lines; a submit is the last step, and there is one exactly when the mapping has drafts; an order about installed
    products starts with their roots alone when the mapping says so.
    """
    _check_order_of_kinds(plan, mapping)
    lines = {line.id: line for line in order.lines}
    assert len(lines) == len(order.lines), "two lines have the same id"
    growth = [step for step in plan.steps if step.kind in ("create", "add")]
    place: dict[str, tuple[int, int]] = {}
    for step in growth:
        for position, item_id in enumerate(step.item_ids):
            assert item_id in lines, f"step {step.sequence} names the unknown item {item_id}"
            assert item_id not in place, f"item {item_id} is in two steps"
            place[item_id] = (step.sequence, position)
    assert len(place) == len(lines), "a line is in no step"
    for line in order.lines:
        if line.parent_id is not None:
            assert place[line.parent_id] < place[line.id], f"item {line.id} comes before its parent"
    for line_id, own in own_children(order.lines).items():
        assert place[own] < place[line_id], f"item {line_id} comes before {own}, which the order system adds by itself"
    assets = {line.id for line in order.lines if is_asset_root(line, mapping)}
    assert not assets or assets.issuperset(growth[0].item_ids), "the POST holds more than the installed products"
    costs = LineCosts(order, mapping)
    for step in growth:
        _check_limits(step, lines, costs, mapping)
    priced = [step.item_ids for step in plan.steps if step.kind == "price"]
    wanted = [(line.id,) for line in order.lines if line.alterations]
    assert sorted(priced) == sorted(wanted), "price steps and lines with alterations differ"


def _check_order_of_kinds(plan: Plan, mapping: Mapping) -> None:
    """Assert the order create, add, price, header, submit and consecutive sequence numbers from 1."""
    ranks = {"create": 0, "add": 1, "price": 2, "header": 3, "submit": 4}
    kinds = [step.kind for step in plan.steps]
    assert kinds, "the plan has no step"
    assert [step.sequence for step in plan.steps] == list(range(1, len(kinds) + 1)), "sequence numbers have gaps"
    assert [ranks[kind] for kind in kinds] == sorted(ranks[kind] for kind in kinds), "steps are out of order"
    assert kinds.count("create") == 1, "a plan has one create"
    assert kinds.count("submit") == (1 if mapping.draft.supported else 0), "a draft is submitted once"
    assert mapping.draft.supported or "header" not in kinds, "only the header of a draft is changed"
    assert mapping.draft.growth != "none" or "add" not in kinds, "the order system takes no more items"


def _check_limits(step: Step, lines: dict[str, OrderLine], costs: LineCosts, mapping: Mapping) -> None:
    limits = mapping.limits
    members = set(step.item_ids)
    additive = mapping.draft.growth == "additive"
    carriers = {
        parent
        for item_id in step.item_ids
        if (parent := lines[item_id].parent_id) is not None and parent not in members
    }
    items = len(members) + (len(carriers) if additive else 0)
    assert items <= limits.items_max, f"step {step.sequence} has {items} items"
    own = [costs.own(lines[item_id]) for item_id in step.item_ids]
    characteristics = sum(cost.characteristics for cost in own)
    assert characteristics <= limits.characteristics_max, f"step {step.sequence} has {characteristics} characteristics"
    base = costs.create_base_bytes if step.kind == "create" else costs.add_base_bytes
    size = base + sum(cost.size_bytes for cost in own)
    size += len(carriers) * costs.carrier().size_bytes if additive else 0
    assert size <= limits.bytes_max, f"step {step.sequence} has {size} bytes"
    depths: dict[str, int] = {}
    for item_id in step.item_ids:
        parent = lines[item_id].parent_id
        above = 0 if parent is None else depths.get(parent, 1 if additive else 0)
        depths[item_id] = above + 1
    assert max(depths.values(), default=0) <= limits.depth_max, f"step {step.sequence} is too deep"
    weight = len(carriers) * costs.carrier().weight if additive else 0
    for item_id, cost in zip(step.item_ids, own, strict=True):
        weight += cost.weight * (1 + costs.level_weight * (depths[item_id] - 1))
    assert not limits.budget or weight <= limits.budget, f"step {step.sequence} has the weight {weight}"
