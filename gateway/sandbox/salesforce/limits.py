"""What Salesforce looks at before it touches the order: the size of a call, and bundles that were sent flat."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import governor_limit, invalid
from gateway.sandbox.items import MAX_DEPTH, measure, objects
from gateway.sandbox.options import SandboxProfile

_PARENT_SIDE = ("bundles",)
_CHILD_SIDE = ("bundledby",)


def check_complexity(items: list[dict[str, Any]], profile: SandboxProfile) -> None:
    """Refuse a call whose items are more than one transaction bears."""
    size = measure(items)
    if size.depth > MAX_DEPTH:
        raise governor_limit(f"product order items are nested more than {MAX_DEPTH} deep")
    if profile.max_items_per_call and size.items > profile.max_items_per_call:
        raise governor_limit("too many product order items in one call")
    if profile.complexity_budget and size.cost > profile.complexity_budget:
        raise governor_limit("product order items too complex for one call")


def nested(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items with bundles that were sent flat, through productOrderItemRelationship, put under their parent.

    The parent `bundles` its children, or a child is `bundledBy` its parent. Other relations leave items where they are.
    """
    parent_of: dict[str, str] = {}
    for position, item in enumerate(items):
        path = f"productOrderItem[{position}].productOrderItemRelationship"
        for relation in objects(item.get("productOrderItemRelationship"), path):
            kind = str(relation.get("relationshipType")).lower()
            other = str(relation.get("id"))
            if kind in _PARENT_SIDE:
                parent_of[other] = str(item.get("id"))
            elif kind in _CHILD_SIDE:
                parent_of[str(item.get("id"))] = other
    if not parent_of:
        return items
    copies = [dict(item) for item in items]
    by_id = {str(item.get("id")): item for item in copies}
    roots: list[dict[str, Any]] = []
    put_under: dict[int, list[dict[str, Any]]] = {}
    for item in copies:
        parent = by_id.get(parent_of.get(str(item.get("id")), ""))
        if parent is None:
            roots.append(item)
        else:
            put_under.setdefault(id(parent), []).append(item)
    # What runs in a circle hangs beneath no root, and would be lost without a word.
    waiting, reached = list(roots), 0
    while waiting:
        item = waiting.pop()
        reached += 1
        if below := put_under.get(id(item)):
            own = objects(item.get("productOrderItem"), "productOrderItem[].productOrderItem")
            item["productOrderItem"] = [*own, *below]
            waiting += below
    if reached < len(copies):
        raise invalid("productOrderItem", "the bundle relations run in a circle")
    return roots
