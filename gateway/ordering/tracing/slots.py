"""The values of an order that a mapping puts into slots of its own, at the places that the standard has for them.

An account compares places by the standard's names; a mapping may write the product code, the characteristics and the action's
word in others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Order
from gateway.ordering.tracing.leaves import Leaf

_CODE: Final = "productOffering.id"
_CHARACTERISTICS: Final = "productCharacteristic"


def in_standard_places(leaves: Iterable[Leaf], mapping: Mapping) -> Iterator[Leaf]:
    """Yield the leaves of an order by `mapping`, each with the standard's path in its item; their own paths stay as they are."""
    slots = mapping.item
    codes = frozenset(slots.product_code) - {_CODE}
    own = re.compile(rf"((?:^|\.)product(?:\[\d+\])?\.){re.escape(slots.characteristics_slot)}(?=\[|\.|$)")
    has_list = slots.characteristics_slot != _CHARACTERISTICS
    has_case = slots.action_case == "capitalised"
    for leaf in leaves:
        inside = leaf.inside
        if leaf.item and inside in codes:
            yield replace(leaf, inside=_CODE)
        elif leaf.item and has_list and inside.startswith("product"):
            yield replace(leaf, inside=own.sub(rf"\1{_CHARACTERISTICS}", inside))
        elif leaf.item and has_case and inside == "action" and isinstance(leaf.value, str):
            yield replace(leaf, value=leaf.value[:1].lower() + leaf.value[1:])
        else:
            yield leaf


def items_by_path(order: Order, mapping: Mapping) -> dict[str, str] | None:
    """Return the ids of the items of a whole order by their paths in it, where a product code is in the place of each id.

    None where the items tell their ids themselves.
    """
    if "id" not in mapping.item.product_code:
        return None
    paths: dict[str, str] = {}
    beneath: Counter[str] = Counter()
    for line in order.lines:
        parent = "" if line.parent_id is None or mapping.item.hierarchy == "flat" else f"{paths[line.parent_id]}."
        paths[line.id] = f"{parent}productOrderItem[{beneath[parent]}]"
        beneath[parent] += 1
    return {path: line_id for line_id, path in paths.items()}
