"""The items of one call, arranged as the order system wants them: children in their parents, or flat and tied by relationships."""

from __future__ import annotations

from collections import abc
from typing import Any

from gateway.documents import Json, JsonObject
from gateway.ordering.calls.writer import Writer
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import OrderLine

# A line and its item, as JSON or as bytes; no line where the item only carries what is beneath it.
Pair = tuple[OrderLine | None, Any]


class Forest:
    """Arranges the items of one call: children in their parents, or flat and tied by relationships."""

    def __init__(self, mapping: Mapping, known_line_ids: abc.Mapping[str, str]) -> None:
        self._mapping = mapping
        self._known = known_line_ids
        self._writer = Writer(mapping)
        self._flat = mapping.item.hierarchy == "flat"

    def grow(self, items: abc.Iterable[Pair], *, carry: bool = True) -> list[Pair]:
        """Return the items at the top of the call, each with its line.

        A parent that is on the order already is carried by an item with its line id (its line is None here), or, without
        `carry`, left out: then its children are at the top.
        """
        here: dict[str, Any] = {}
        addresses: dict[str, str] = {}
        relations: dict[str, tuple[list[Any], list[Any]]] = {}
        top: list[Pair] = []
        for line, item in items:
            assert line is not None
            if type(item) is dict:  # what is bytes already has nothing beneath it
                here[line.id] = item
            parent = here.get(line.parent_id) if line.parent_id is not None else None
            if parent is None and line.parent_id is not None:
                addresses[line.parent_id] = self.line_id(line.parent_id) if carry or self._flat else line.parent_id
                if carry:
                    parent = here[line.parent_id] = self._writer.carrier(addresses[line.parent_id])
                    top.append((None, parent))
            if self._flat and line.parent_id is not None:
                slots = self._mapping.item
                address = addresses.get(line.parent_id, line.parent_id)
                self._tie(relations, line.id, item, address, slots.relies_on_relationship)
                if parent is not None:
                    self._tie(relations, line.parent_id, parent, line.id, slots.bundles_relationship)
            if self._flat or parent is None:
                top.append((line, item))
            else:
                parent.setdefault("productOrderItem", []).append(item)
        return top

    def line_id(self, item_id: str) -> str:
        """Return the order system's id of the line of `item_id`."""
        known = self._known.get(item_id)
        if known is not None:
            return known
        if self._mapping.lines.line_id == "id" and self._mapping.lines.item_id_echoed:
            return item_id
        raise LookupError(f"the line id of item {item_id} is not known")

    def _tie(
        self,
        relations: dict[str, tuple[list[Json], list[Json]]],
        item_id: str,
        item: JsonObject,
        target: str,
        kind: str,
    ) -> None:
        """Relate `item` to `target`, unless the cart has said so itself; the order's own lists are not changed."""
        if not kind:
            return
        if item_id not in relations:
            given = list(item.get("productOrderItemRelationship", ()))
            relations[item_id] = (given, list(given))
        given, listed = relations[item_id]
        entry = self._writer.relation(target, kind)
        if entry not in given:
            listed.append(entry)
        item["productOrderItemRelationship"] = listed
