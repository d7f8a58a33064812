"""What lines cost in a call: items, bytes, characteristics. Counted once per line, never below what is sent.

A line is counted when a packer first asks, and what it costs is kept only while somebody may ask again: a large order is gone
through once, not once to be counted and again to be packed, and nothing is held of the lines that are packed.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct

from gateway.documents import JsonObject
from gateway.ordering.calls.writer import Writer, characteristic_count, is_there_already
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Order, OrderLine
from gateway.tmf.json import encode_json

LINE_ID_BYTES: Final = 100
"""Room for an order system's line id, unknown when the plan is made; the longest known are 36 characters."""
_STAND_IN: Final = len('"{lineId:}"')
_CHARACTER_BYTES_MAX: Final = 6
COUNTS_LINE_IDS: Final = 4
"""The version of plans from which on children that are on the order already are counted with their line ids."""
_ORDER_ID_SLACK: Final = 2
_NESTING: Final = len(',"productOrderItem":[]')
_RELATIONS: Final = len(',"productOrderItemRelationship":[],')
_PATCH_OPERATION: Final = len('{"op":"add","path":"/productOrderItem/-","value":},')
_PATCH_LEVEL: Final = len("/productOrderItem/000000")


class Cost(Struct, frozen=True, gc=False):
    """The share of a call that something takes."""

    items: int = 0
    size_bytes: int = 0
    characteristics: int = 0
    weight: int = 0

    def plus(self, other: Cost) -> Cost:
        """Return both together."""
        return Cost(
            self.items + other.items,
            self.size_bytes + other.size_bytes,
            self.characteristics + other.characteristics,
            self.weight + other.weight,
        )


class LineCosts:
    """The costs of one order's lines and of what surrounds them in a call, for one mapping.

    `parents` are the ids of the lines that have others beneath them; only packing needs them.
    """

    def __init__(self, order: Order, mapping: Mapping, parents: AbstractSet[str] = frozenset()) -> None:
        self.mapping = mapping
        self.writer = Writer(mapping)
        self.flat = mapping.item.hierarchy == "flat"
        self._relation_bytes = _RELATIONS + _size(self.writer.relation("", ""))
        self._line_id = "i" * _line_id_bytes(order)
        self.parents = parents
        self._counted: dict[str, Cost] = {}
        limits = mapping.limits
        self._weights = limits.budget_item_weight, limits.budget_characteristic_weight
        self.level_weight = limits.budget_depth_weight if limits.budget else 0
        marker = "m" * mapping.recovery.marker_length_max
        self.create_base_bytes = _size(
            {**self.writer.head(order.header, marker), **mapping.draft.create_attributes, "productOrderItem": []}
        )
        self.add_base_bytes = _size({**patch_head(mapping), **mapping.draft.add_attributes, "productOrderItem": []})
        if mapping.draft.growth == "json-patch-append":
            self.add_base_bytes = sum(
                _PATCH_OPERATION + _size({key: value}) for key, value in mapping.draft.add_attributes.items()
            ) + len("[]")

    def own(self, line: OrderLine) -> Cost:
        """Return the cost of `line` itself at the top of a call, without what surrounds it there.

        What is deeper weighs `level_weight` times more with each level.
        """
        cost = self._counted.get(line.id)
        if cost is None:
            cost = self._counted[line.id] = self._count(line)
        return cost

    def packed(self) -> Cost:
        """Return what the lines cost together that were asked for since the last call, and forget them."""
        total = _sum(self._counted.values())
        self._counted = {}
        return total

    def _count(self, line: OrderLine) -> Cost:
        size = self.writer.size_bytes(line) + 1
        if self.flat and line.parent_id is not None:
            size += self._relations_bytes(line)
        if is_there_already(line, self.mapping):
            size += _size({self.mapping.lines.line_id: self._line_id})
        count = characteristic_count(line)
        of_item, of_characteristic = self._weights
        return Cost(1, size, count, of_item + of_characteristic * count)

    def _relations_bytes(self, line: OrderLine) -> int:
        """Both relationships of a flat child, each in an array of its own; the parent may be named by its line id."""
        slots = self.mapping.item
        names = _size(slots.bundles_relationship) + _size(slots.relies_on_relationship)
        return 2 * self._relation_bytes + names + _size(line.id) + len(self._line_id)

    def nesting(self) -> Cost:
        """Return the cost of the array of children that the first child opens in its parent."""
        return Cost(0, 0 if self.flat else _NESTING)

    def carrier(self) -> Cost:
        """Return the cost of the item that stands for a parent on the order and carries what is new beneath it."""
        growth = self.mapping.draft.growth
        if growth == "additive":
            size = _size(self.writer.carrier(self._line_id)) + 1
            return Cost(
                1, size + (self._relation_bytes if self.flat else _NESTING), 0, self.mapping.limits.budget_item_weight
            )
        return Cost()

    def operation(self, line: OrderLine) -> Cost:
        """Return the cost of the JSON patch operation that appends `line` to a list on the order."""
        if self.mapping.draft.growth != "json-patch-append":
            return Cost()
        return Cost(0, _PATCH_OPERATION + _PATCH_LEVEL * line.depth)

    def price_bytes(self, line: OrderLine) -> int:
        """Return the bytes of the call that prices `line`."""
        item = self.writer.priced_item(line, self._line_id)
        return _size({**patch_head(self.mapping), "productOrderItem": [item]}) + _ORDER_ID_SLACK


def _sum(costs: Iterable[Cost]) -> Cost:
    items = size_bytes = characteristics = weight = 0
    for cost in costs:
        items += cost.items
        size_bytes += cost.size_bytes
        characteristics += cost.characteristics
        weight += cost.weight
    return Cost(items, size_bytes, characteristics, weight)


def _line_id_bytes(order: Order) -> int:
    """Return the room that a line id takes; it may be the item's own id, or, in a preview, what stands in for it."""
    ids = [line.id for line in order.lines]
    if max(map(len, ids), default=0) * _CHARACTER_BYTES_MAX + _STAND_IN <= LINE_ID_BYTES:
        return LINE_ID_BYTES
    return max(LINE_ID_BYTES, max(map(_size, ids)) + _STAND_IN)


def patch_head(mapping: Mapping) -> JsonObject:
    """Return what every PATCH carries: v5 demands @type on it."""
    return {"@type": mapping.order.type_name} if mapping.dialect == "tmf622-v5" and mapping.order.type_name else {}


def _size(value: object) -> int:
    return len(encode_json(value))
