"""What an item of a call says it is about: its action, offering and asset, and which line of the order it names."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import invalid, tmf_error
from gateway.sandbox.catalog import Catalog
from gateway.sandbox.items import text
from gateway.sandbox.orders import ANYWHERE, Line, Order


def action_of(item: dict[str, Any], path: str) -> str:
    """Return the action of an item in lower case, "" when it has none."""
    action = item.get("action")
    if action is None:
        return ""
    if not isinstance(action, str) or action.lower() not in ("add", "modify", "delete"):
        raise invalid(f"{path}.action", "must be add, modify or delete")
    return action.lower()


def offering_of(item: dict[str, Any], path: str) -> str | None:
    """Return the product code of an item, None when it names none."""
    product = item.get("product")
    if product is not None and not isinstance(product, dict):
        raise invalid(f"{path}.product", "must be an object")
    for place, value in (
        ("productOffering", item.get("productOffering")),
        ("product.productOffering", (product or {}).get("productOffering")),
    ):
        if value is None:
            continue
        if not isinstance(value, dict):
            raise invalid(f"{path}.{place}", "must be an object")
        return text(value.get("id"), f"{path}.{place}.id")
    return None


def id_of(item: dict[str, Any], path: str) -> str | None:
    """Return the id of an item, None when it has none."""
    item_id = item.get("id")
    if item_id is None or isinstance(item_id, str):
        return item_id
    raise invalid(f"{path}.id", "must be a string")


def asset_of(item: dict[str, Any]) -> str | None:
    """Return the asset id of an item: the id of its product."""
    product = item.get("product")
    asset = product.get("id") if isinstance(product, dict) else None
    return asset if isinstance(asset, str) and asset else None


class Lines:
    """The lines of an order, found by what items name them by."""

    def __init__(self, order: Order, catalog: Catalog) -> None:
        self._order = order
        self._catalog = catalog

    def named(self, item: dict[str, Any], path: str) -> Line:
        """Return the line that an item at the top of a PATCH names."""
        line = self._by_line_id(item, path)
        if line is not None:
            return line
        item_id = id_of(item, path)
        found = self._by_item_id(ANYWHERE, item_id)
        asset = asset_of(item)
        if not found and asset is not None:
            found = self._order.find(ANYWHERE, "asset", asset)
        if not found and item_id in self._order.lines:
            return self._order.lines[item_id]
        if not found:
            raise unknown_line(path, "names no line of this order; use its orderLineItemId")
        return _only(found, path)

    def child(self, parent: Line, item: dict[str, Any], path: str) -> Line | None:
        """Return the line under a parent that a nested item names, None when there is none yet."""
        line = self._by_line_id(item, path)
        if line is not None:
            if line.parent is not parent:
                raise invalid(f"{path}.orderLineItemId", f"order line {line.id} is not under order line {parent.id}")
            return line
        item_id = id_of(item, path)
        if item_id in parent.children:
            return parent.children[item_id]
        found = self._by_item_id(parent.id, item_id)
        return _only(found, path) if found else self._by_code(parent, item, path)

    def _by_code(self, parent: Line, item: dict[str, Any], path: str) -> Line | None:
        """Return the child that a product code means: one that came by itself, else the only one there is."""
        code = offering_of(item, path)
        if code is None:
            return None
        automatic = self._order.find(parent.id, "automatic", code)
        if automatic:
            return automatic[0]
        configured = [] if self._catalog.is_open else self._order.find(parent.id, "offering", code)
        return _only(configured, path) if configured else None

    def _by_item_id(self, place: str, item_id: str | None) -> list[Line]:
        return self._order.find(place, "item", item_id) if item_id is not None else []

    def _by_line_id(self, item: dict[str, Any], path: str) -> Line | None:
        line_id = item.get("orderLineItemId")
        if line_id is None:
            return None
        line = self._order.lines.get(text(line_id, f"{path}.orderLineItemId"))
        if line is None:
            raise unknown_line(f"{path}.orderLineItemId", "is not a line of this order")
        return line


def _only(lines: list[Line], path: str) -> Line:
    if len(lines) > 1:
        raise invalid(path, f"names {len(lines)} order lines; say which by orderLineItemId")
    return lines[0]


def unknown_line(path: str, message: str) -> Exception:
    """Return the refusal of an item that names no line of its order."""
    return tmf_error(400, "1004", "Unknown order line", f"{path}: {message}")
