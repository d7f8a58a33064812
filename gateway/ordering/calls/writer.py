"""An order's header and lines in the order system's own words and slots: the step between the canonical order and JSON."""

from __future__ import annotations

from collections import abc
from itertools import islice
from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.ordering.mapping.actions import EXTERNAL_ID_KIND, EXTERNAL_ID_OWNER, in_case
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import AlteredPrice, OrderLine
from gateway.ordering.v5.shapes import alteration_v5, header_v5, item_v5
from gateway.tmf.json import encode_json

_CANONICAL_CODE: Final = ("productOffering", "id")


def action_word(line: OrderLine, mapping: Mapping) -> str:
    """Return the action of `line` as the order system spells it.

    A child that the system adds by itself is not added but (usually) modified.
    """
    action: str = line.item["action"]
    slots = mapping.item
    word = slots.mandatory_child_action if line.mandatory and action == "add" else slots.actions.get(action, action)
    return in_case(word, mapping)


def is_asset_root(line: OrderLine, mapping: Mapping) -> bool:
    """Tell whether `line` starts an order about an installed product, which the order system wants in the POST alone."""
    return (
        mapping.item.asset_orders == "roots-first"
        and line.parent_id is None
        and action_word(line, mapping).lower() != "add"
    )


def product_code(line: OrderLine) -> str | None:
    """Return the product code of `line`: the id of its product offering."""
    offering = line.item.get("productOffering")
    code = offering.get("id") if isinstance(offering, dict) else None
    return code if isinstance(code, str) else None


def is_there_already(line: OrderLine, mapping: Mapping) -> bool:
    """Tell whether `line` is a child that is on the order as soon as its parent is: a later call changes what is there."""
    return line.mandatory and mapping.draft.growth == "additive" and action_word(line, mapping).lower() != "add"


def lines_there_already(
    lines: abc.Sequence[OrderLine], mapping: Mapping, known: abc.Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the attribute that names the line, by item id, of those of a call's `lines` that are there already.

    They came by themselves with a parent of an earlier call; `known` are the line ids that were read.
    """
    here = {line.id for line in lines}
    return {
        line.id: {mapping.lines.line_id: known[line.id]}
        for line in lines
        if line.mandatory and line.id in known and line.parent_id not in here and is_there_already(line, mapping)
    }


def own_children(lines: abc.Sequence[OrderLine]) -> dict[str, str]:
    """Return, by the id of a line, the sibling of the same product that the order system adds by itself.

    That one has to be sent first, or with it: until it is, the system takes whatever names their product for the child that
    is there.
    """
    first = {(line.parent_id, product_code(line)): line.id for line in lines if line.mandatory}
    if not first:
        return {}
    siblings = ((line.id, first.get((line.parent_id, product_code(line)))) for line in lines if not line.mandatory)
    return {line_id: own for line_id, own in siblings if own is not None}


class Writer:
    """Writes headers and items for one mapping. Items share what they can with the order: do not change them."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        slots = mapping.item
        self._type_name = slots.type_name
        self.is_v5 = mapping.dialect == "tmf622-v5"
        self._characteristics = slots.characteristics_slot
        self._code_slots = [tuple(slot.split(".")) for slot in slots.product_code]
        self._plain_code = self._code_slots == [_CANONICAL_CODE]
        self._plain_characteristics = self._characteristics == "productCharacteristic"
        self._shared = not self.is_v5 and self._plain_code and self._plain_characteristics
        self._type_bytes = _size({"@type": self._type_name}) - len("{}") + len(",") if self._type_name else 0
        self._words: dict[tuple[str, bool], str] = {}

    def head(self, header: JsonObject, marker: str) -> JsonObject:
        """Return the order's header with its type and the marker of this attempt, without items."""
        head: dict[str, Any] = {}
        if self.mapping.order.type_name:
            head["@type"] = self.mapping.order.type_name
        slot = self.mapping.recovery.marker_slot
        head[slot] = self.marker(marker)
        if not self.is_v5:
            head.update(header)
            return head
        written = header_v5(header)
        if isinstance(written.get(slot), list):
            # Further external identifiers follow the marker: v5 wants the most recent system first.
            written[slot] = [*head[slot], *written[slot]]
        head.update(written)
        return head

    def marker(self, marker: str) -> Json:
        """Return the marker as its slot holds it: v5's externalId is a list of external identifiers."""
        if self.is_v5 and self.mapping.recovery.marker_slot == "externalId":
            return [
                {
                    "@type": "ExternalIdentifier",
                    "owner": EXTERNAL_ID_OWNER,
                    "externalIdentifierType": EXTERNAL_ID_KIND,
                    "id": marker,
                }
            ]
        return marker

    def item(self, line: OrderLine) -> JsonObject:
        """Return the item of `line` without the items beneath it."""
        item = item_v5(line.item) if self.is_v5 else {**line.item}
        item["action"] = self._word(line)
        if not self._plain_code:
            self._write_code(item, product_code(line))
        if not self._plain_characteristics and "product" in item:
            item["product"] = self._own_slot(item["product"])
        if self._type_name:
            item["@type"] = self._type_name
        return item

    def _own_slot(self, product: object) -> Json:
        """Return a product, and those it is made of, with the characteristics in the mapping's slot."""
        if type(product) is not dict:
            return product
        written = {
            (self._characteristics if key == "productCharacteristic" else key): value for key, value in product.items()
        }
        if type(written.get("product")) is list:
            written["product"] = [self._own_slot(inner) for inner in written["product"]]
        return written

    def size_bytes(self, line: OrderLine) -> int:
        """Return the bytes of the item of `line` as JSON, without the items beneath it."""
        if not self._shared or "@type" in line.item:
            return _size(self.item(line))
        # Only the action's word and the type differ from what the order holds: the item need not be made to be counted.
        return _size(line.item) + self._type_bytes + len(self._word(line).encode()) - len(line.item["action"])

    def _word(self, line: OrderLine) -> str:
        key = (line.item["action"], line.mandatory)
        word = self._words.get(key)
        if word is None:
            word = self._words[key] = action_word(line, self.mapping)
        return word

    def whole_item(self, line: OrderLine) -> JsonObject:
        """Return the item of `line` with the alterations that are sent in a call of their own."""
        item = self.item(line)
        if line.alterations:
            item["itemPrice"] = [*item.get("itemPrice", ()), *self._altered_prices(line)]
        return item

    def carrier(self, line_id: str) -> JsonObject:
        """Return the item that stands for a parent on the order and only carries what is new beneath it."""
        action = in_case(self.mapping.item.existing_parent_action, self.mapping)
        return {**self._type("ProductOrderItem"), self.mapping.lines.line_id: line_id, "action": action}

    def priced_item(self, line: OrderLine, line_id: str) -> JsonObject:
        """Return the item that sets the price alterations of one line: its line id, no action."""
        return {
            **self._type("ProductOrderItem"),
            self.mapping.lines.line_id: line_id,
            "itemPrice": self._altered_prices(line),
        }

    def relation(self, target: str, kind: str) -> JsonObject:
        """Return a relationship to the item or line `target`."""
        return {**self._type("OrderItemRelationship"), "id": target, "relationshipType": kind}

    def _altered_prices(self, line: OrderLine) -> list[JsonObject]:
        """Return the prices that carry the alterations of `line`: one of all, or those it names."""
        left = iter([alteration_v5(one) for one in line.alterations] if self.is_v5 else line.alterations)
        prices = line.altered_prices or (AlteredPrice(attributes={}, count=len(line.alterations)),)
        return [
            {**self._type("OrderPrice"), **price.attributes, "priceAlteration": list(islice(left, price.count))}
            for price in prices
        ]

    def _type(self, name: str) -> JsonObject:
        return {"@type": name} if self.is_v5 else {}

    def _write_code(self, item: JsonObject, code: str | None) -> None:
        """Put the product code into the mapping's slots; the canonical slot goes unless it is one of them."""
        if code is None:
            return
        if _CANONICAL_CODE not in self._code_slots:
            rest = {key: value for key, value in item["productOffering"].items() if key != "id"}
            item["productOffering"] = rest
            if not rest:
                del item["productOffering"]
        for slot in self._code_slots:
            node = item
            for name in slot[:-1]:
                inner = node.get(name)
                node[name] = dict(inner) if isinstance(inner, dict) else {}
                node = node[name]
            node[slot[-1]] = code


def _size(value: object) -> int:
    return len(encode_json(value))


def characteristic_count(line: OrderLine) -> int:
    """Return how many characteristics `line` sends."""
    product = line.item.get("product")
    listed = product.get("productCharacteristic") if isinstance(product, dict) else None
    return len(listed) if isinstance(listed, list) else 0
