"""How the plain TM Forum servers show an order, filter a list of them, and what lines the ledger sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from gateway.sandbox.items import characteristics_of
from gateway.sandbox.orders import Line, Order

_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "eq": lambda left, right: left == right,
}


def stamp(moment: datetime) -> str:
    """Write a date-time in RFC 3339, UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def order_view(order: Order, href: str, *, is_v4: bool, with_items: bool) -> dict[str, Any]:
    """Return the order as GET shows it: the document that was sent, and what the server adds."""
    document = order.header
    view: dict[str, Any] = {
        "@type": document.get("@type", "ProductOrder"),
        "id": order.number,
        "href": href,
        "state": order.state,
        "orderDate" if is_v4 else "creationDate": stamp(order.created),
    }
    view |= {key: value for key, value in document.items() if key not in view and key != "productOrderItem"}
    if with_items:
        view["productOrderItem"] = [_item_view(item, order) for item in document["productOrderItem"]]
    return view


def _item_view(item: dict[str, Any], order: Order) -> dict[str, Any]:
    if order.is_draft:
        return item
    state = order.state
    if state == "partial":
        state = "failed" if str(_offering(item)).startswith("PARTIAL_") else "completed"
    view = item | {"state": state}
    children = item.get("productOrderItem")
    if children:
        view["productOrderItem"] = [_item_view(child, order) for child in children]
    return view


def lines_of(items: list[dict[str, Any]]) -> dict[str, Line]:
    """Return the lines of an order by id, nested items after their parent; a line's id is its item's."""
    lines: dict[str, Line] = {}
    bundles: dict[str, str] = {}
    stack: list[tuple[dict[str, Any], Line | None]] = [(item, None) for item in reversed(items)]
    while stack:
        item, parent = stack.pop()
        characteristics, _ = characteristics_of(item, "")
        product = item.get("product")
        line = Line(
            id=item["id"],
            item_id=item["id"],
            parent=parent,
            offering=_offering(item),
            action=item["action"].lower(),
            quantity=item.get("quantity", 1),
            characteristics=characteristics,
            alterations=[
                alteration for price in item.get("itemPrice") or () for alteration in price.get("priceAlteration") or ()
            ],
            asset_id=product.get("id") if isinstance(product, dict) else None,
        )
        lines[line.id] = line
        for relation in item.get("productOrderItemRelationship") or ():
            if relation.get("relationshipType") == "bundles":
                bundles[relation["id"]] = line.id
        stack.extend((child, line) for child in reversed(item.get("productOrderItem") or []))
    for child_id, parent_id in bundles.items():
        if child_id in lines and lines[child_id].parent is None and child_id != parent_id:
            lines[child_id].parent = lines[parent_id]
    return lines


def _offering(item: dict[str, Any]) -> str | None:
    offering = item.get("productOffering")
    if not isinstance(offering, dict):
        product = item.get("product")
        offering = product.get("productOffering") if isinstance(product, dict) else None
    code = offering.get("id") if isinstance(offering, dict) else None
    return code if isinstance(code, str) else None


def matches(view: dict[str, Any], name: str, wanted: Iterable[str]) -> bool:
    """Whether an attribute, named by a dotted path, has one of the values; any element of an array will do."""
    path = name.split(".")
    compare = _COMPARISONS["eq"]
    if len(path) > 1 and path[-1] in _COMPARISONS:
        compare = _COMPARISONS[path.pop()]
    values = list(_values(view, path))
    return any(compare(value, choice) for value in values for choice in wanted)


def _values(value: Any, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for entry in value:
            yield from _values(entry, path)
    elif not path:
        if isinstance(value, bool):
            yield str(value).lower()
        elif value is not None and not isinstance(value, dict):
            yield str(value)
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
