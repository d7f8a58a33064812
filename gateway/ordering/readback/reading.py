"""An order as the order system shows it, read tolerantly: nothing here raises on any JSON.

Copes with what order systems are known to do: relative hrefs, a missing state, capitalised actions, characteristics under
another name, a note that is one string, nested items or flat ones tied by relationships. What an order costs is its total price by the
order system's own word, or else the prices of its items added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace

from gateway.documents import Json, JsonObject
from gateway.errors import InvalidBodyError
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.relationship_words import plain_word
from gateway.ordering.model import KnownLine, ObservedOrder
from gateway.ordering.readback.markers import read_marker
from gateway.tmf.item_status import is_removed, is_unchanged
from gateway.tmf.totals import TotalKey, amounts_by_key, exactly, item_charges, total_prices

_DEPTH_MAX: Final = 64


def read_order(document: object, mapping: Mapping) -> ObservedOrder | None:
    """Return the order in `document`, or None when it is not one: not an object, or an object without an id."""
    if not isinstance(document, dict):
        return None
    order_id = _identifier(document.get("id"))
    if order_id is None:
        return None
    return ObservedOrder(
        id=order_id,
        href=_text(document.get("href")),
        state=_text(document.get("state")) or "",
        marker=read_marker(document, mapping),
        lines=tuple(_lines(document, mapping)),
        totals=read_totals(document),
    )


def characteristics_of(listed: object) -> JsonObject:
    """Return name to value of a characteristics list; a name that occurs again with a value has the list of its values."""
    found: dict[str, Any] = {}
    repeated: set[str] = set()
    for entry in listed if isinstance(listed, list) else ():
        name = entry.get("name") if isinstance(entry, dict) else None
        value = entry.get("value") if isinstance(name, str) else None
        if not isinstance(name, str) or value is None:
            continue
        if name not in found:
            found[name] = value
        elif name in repeated:
            found[name].append(value)
        else:
            repeated.add(name)
            found[name] = [found[name], value]
    return found


def _lines(document: JsonObject, mapping: Mapping) -> list[KnownLine]:
    """Return every item as a line, parents before children."""
    found: list[KnownLine] = []
    ties: dict[str, str] = {}
    stack: list[tuple[dict[str, Any], str | None, int]] = [
        (item, None, 1) for item in reversed(_objects(document.get("productOrderItem")))
    ]
    while stack:
        item, parent, depth = stack.pop()
        line = _line(item, parent, len(found), mapping)
        found.append(line)
        if parent is None:
            _read_ties(item, line, mapping, ties)
        if depth < _DEPTH_MAX and "productOrderItem" in item:
            nested = _objects(item["productOrderItem"])
            stack.extend([(inner, line.line_id, depth + 1) for inner in reversed(nested)])
    return _tied(found, ties) if ties else found


def _line(item: JsonObject, parent: str | None, position: int, mapping: Mapping) -> KnownLine:
    lines = mapping.lines
    product = item.get("product")
    product = product if isinstance(product, dict) else {}
    item_id = _identifier(item.get("id"))
    line_id = _identifier(item.get(lines.line_id)) or item_id or f"position {position + 1}"
    listed = offering = None
    for name in lines.characteristics:
        if name in product:
            listed = product[name]
            break
    for slot in lines.offering:
        offering = _identifier(_slot(item, slot))
        if offering is not None:
            break
    return KnownLine(
        line_id=line_id,
        item_id=item_id if lines.item_id_echoed else None,
        parent_line_id=parent,
        offering=offering,
        action=(_text(item.get("action")) or "").lower(),
        quantity=_integer(item.get("quantity")),
        characteristics=characteristics_of(listed),
        alterations=_alterations(item) if lines.alterations_readable else None,
        product_id=_identifier(product.get("id")),
        state=_text(item.get("state")),
    )


def _alterations(item: JsonObject) -> tuple[JsonObject, ...]:
    return tuple(
        alteration for price in _objects(item.get("itemPrice")) for alteration in _objects(price.get("priceAlteration"))
    )


def _read_ties(item: JsonObject, line: KnownLine, mapping: Mapping, ties: dict[str, str]) -> None:
    """Note the parents that a flat item's relationships tell, as child to parent, by item id or line id."""
    slots = mapping.item
    for relationship in _objects(item.get("productOrderItemRelationship")):
        target = _identifier(relationship.get("id"))
        kind = relationship.get("relationshipType")
        if target is None:
            continue
        word = plain_word(kind) if isinstance(kind, str) else ""
        if word and word == plain_word(slots.bundles_relationship):
            ties.setdefault(target, line.line_id)
        elif slots.hierarchy == "flat" and word and word == plain_word(slots.relies_on_relationship):
            ties.setdefault(line.line_id, target)


def _tied(lines: list[KnownLine], ties: dict[str, str]) -> list[KnownLine]:
    """Return the lines with the parents of `ties`, parents first as far as there is no cycle."""
    by_name = {line.item_id: line.line_id for line in lines if line.item_id is not None}
    by_name |= {line.line_id: line.line_id for line in lines}
    children: dict[str, list[KnownLine]] = {}
    ordered: list[KnownLine] = []
    tops: list[KnownLine] = []
    for line in lines:
        named = line.parent_line_id or ties.get(line.line_id) or ties.get(line.item_id or "")
        parent = by_name.get(named) if named is not None else None
        if parent is None or parent == line.line_id:
            tops.append(line)
        else:
            children.setdefault(parent, []).append(replace(line, parent_line_id=parent))
    stack = list(reversed(tops))
    while stack:
        line = stack.pop()
        ordered.append(line)
        stack.extend(reversed(children.pop(line.line_id, [])))
    return ordered + [line for rest in children.values() for line in rest]


def _slot(item: JsonObject, slot: str) -> Json:
    node: Any = item
    for name in slot.split("."):
        if not isinstance(node, dict):
            return None
        node = node.get(name)
    return node


def _objects(value: object) -> list[JsonObject]:
    if isinstance(value, dict):
        return [value]
    return [member for member in value if isinstance(member, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _identifier(value: object) -> str | None:
    """Return an id as text: order systems write numbers too."""
    if type(value) is str:
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value)


def _integer(value: object) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal | float):
        number = Decimal(value)
        if number.is_finite() and abs(number) < 10**18 and number == number.to_integral_value():
            return int(number)
    return None


def read_totals(document: JsonObject) -> dict[TotalKey, Decimal]:
    """Return the totals of an order document by their keys; empty when it shows no price that can be added up.

    `orderTotalPrice` counts where it is there; otherwise the `itemTotalPrice` of every item, otherwise every `itemPrice` as
    often as the item's quantity says. Items that are removed or do not change have no part in it, as in the cart's totals.
    """
    items = [item for item in _items(document) if not is_unchanged(item)]
    for prices in (document.get("orderTotalPrice"), _all(items, "itemTotalPrice")):
        try:
            with exactly():
                found = amounts_by_key(prices)
        except InvalidBodyError:
            return {}
        if found:
            return found
    try:
        with exactly():
            return amounts_by_key(total_prices([charge for item in items for charge in item_charges(item)]))
    except InvalidBodyError:
        return {}


def _all(items: list[JsonObject], name: str) -> list[Json]:
    return [price for item in items if isinstance(item.get(name), list) for price in item[name]]


def _items(document: JsonObject) -> Iterator[JsonObject]:
    stack: list[tuple[Any, int]] = [(document, 0)]
    while stack:
        node, depth = stack.pop()
        below = node.get("productOrderItem") if depth < _DEPTH_MAX else None
        for item in below if isinstance(below, list) else ():
            if isinstance(item, dict) and not is_removed(item):
                stack.append((item, depth + 1))
                yield item
