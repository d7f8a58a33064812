"""The values of an order that a mapping puts into slots of its own, at the places that the standard has for them.

An account compares places by the standard's names; a mapping may write the product code, the characteristics and the action's
word in others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from gateway.ordering.account_leaves import Leaf
from gateway.ordering.mapping import Mapping

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
