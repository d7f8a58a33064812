"""Reading product order items, for every kind of server: typed members, their size, and a part of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.sandbox.answers import invalid, missing

MAX_DEPTH = 32
"""Deepest nesting of items that any server here takes."""


class Size(NamedTuple):
    """How much a list of items is: their number, nested ones included, their cost and their depth.

    The cost is the sum of (1 + characteristics) x depth.
    """

    items: int
    cost: int
    depth: int


def objects(value: Any, path: str) -> list[dict[str, Any]]:
    """Return a list of JSON objects; [] for null or absent."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(path, "must be an array")
    for position, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise invalid(f"{path}[{position}]", "must be an object")
    return value


def text(value: Any, path: str) -> str:
    """Return a string that is not empty."""
    if value is None or value == "":
        raise missing(path, "is mandatory")
    if not isinstance(value, str):
        raise invalid(path, "must be a string")
    return value


def quantity_of(item: dict[str, Any], path: str) -> int:
    """Return the quantity of an item, 1 when absent."""
    quantity = item.get("quantity", 1)
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
        raise invalid(f"{path}.quantity", "must be an integer of 1 or more")
    return quantity


def characteristics_of(item: dict[str, Any], path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values and the value types of an item's product characteristics, by name."""
    product = item.get("product")
    if product is None:
        return {}, {}
    if not isinstance(product, dict):
        raise invalid(f"{path}.product", "must be an object")
    values: dict[str, Any] = {}
    types: dict[str, str] = {}
    for member in ("productCharacteristic", "productCharacteristics"):
        place = f"{path}.product.{member}"
        for position, entry in enumerate(objects(product.get(member), place)):
            name = text(entry.get("name"), f"{place}[{position}].name")
            values[name] = entry.get("value")
            if isinstance(entry.get("valueType"), str):
                types[name] = entry["valueType"]
    return values, types


def measure(items: list[dict[str, Any]]) -> Size:
    """Return the size of a list of items."""
    count = cost = deepest = 0
    stack = [(item, 1) for item in items]
    while stack:
        item, depth = stack.pop()
        product = item.get("product")
        characteristics = product.get("productCharacteristic") if isinstance(product, dict) else None
        count += 1
        cost += (1 + (len(characteristics) if isinstance(characteristics, list) else 0)) * depth
        deepest = max(deepest, depth)
        children = objects(item.get("productOrderItem"), "productOrderItem[].productOrderItem")
        stack.extend((child, depth + 1) for child in children)
    return Size(count, cost, deepest)


def halved(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return about the first half of the items: of a single one, the half of its children."""
    if len(items) > 1:
        return items[: len(items) // 2]
    if items and isinstance(items[0].get("productOrderItem"), list) and items[0]["productOrderItem"]:
        return [items[0] | {"productOrderItem": halved(items[0]["productOrderItem"])}]
    return items
