"""The demo's cart, and the catalogue that makes the sandbox treat its bundles as bundles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.documents import JsonObject

GROUPS: Final = 10
OPTIONS_PER_GROUP: Final = 11


def built_in_cart() -> JsonObject:
    """Return the cart of `cart.json`, its bundle grown by 120 optional children in two levels (10 groups of 11)."""
    cart: dict[str, Any] = json.loads(Path(__file__).with_name("cart.json").read_text(encoding="utf-8"))
    children: list[dict[str, Any]] = cart["cartItem"][0]["cartItem"]
    for group in range(1, GROUPS + 1):
        group_id = f"1.{group + 1}"
        options = [
            _item(f"{group_id}.{option}", f"ADD_ON_{group:02}_{option:02}", "ATTR_ZONE", f"zone {option}")
            for option in range(1, OPTIONS_PER_GROUP + 1)
        ]
        children.append(_item(group_id, f"ADD_ON_GROUP_{group:02}", "ATTR_BILLED", "monthly") | {"cartItem": options})
    return cart


def _item(item_id: str, offering: str, characteristic: str, value: str) -> dict[str, Any]:
    return {
        "@type": "CartItem",
        "id": item_id,
        "action": "add",
        "quantity": 1,
        "productOffering": {"id": offering},
        "product": {"productCharacteristic": [{"name": characteristic, "valueType": "Text", "value": value}]},
    }


def children_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items nested in a cart or an item (R17 spells the attribute `cardItem` in one place)."""
    found = node.get("cartItem") or node.get("cardItem") or []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def every_item(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every item below `node`, each before what is nested in it."""
    stack = children_of(node)[::-1]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(children_of(item)[::-1])


def offering_of(item: dict[str, Any]) -> str | None:
    """Return the id of the product offering an item names."""
    offering = item.get("productOffering")
    return offering.get("id") if isinstance(offering, dict) else None


def mandatory_children(item: dict[str, Any]) -> set[str]:
    """Return the offerings that the item's own offering says come with it (TMF620 bundledProductOffering)."""
    offering = item.get("productOffering")
    bundled = offering.get("bundledProductOffering") if isinstance(offering, dict) else None
    return {
        member["id"]
        for member in (bundled if isinstance(bundled, list) else [])
        if isinstance(member, dict) and "id" in member
        if (member.get("bundledProductOfferingOption") or {}).get("numberRelOfferLowerLimit", 0) >= 1
    }


def catalogue_of(cart: dict[str, Any]) -> str | None:
    """Return the sandbox's catalogue (TOML) in which every bundle of the cart has its children.

    None when no item of the cart has a mandatory child: the sandbox then takes every code as it comes.
    """
    products: dict[str, dict[str, int]] = {}
    for item in every_item(cart):
        code = offering_of(item)
        if code is None:
            continue
        children = products.setdefault(code, {})
        mandatory = mandatory_children(item)
        for child in {offering_of(each) for each in children_of(item)} | mandatory:
            if child is not None:
                children[child] = max(children.get(child, 0), int(child in mandatory))
    if not any(minimum for children in products.values() for minimum in children.values()):
        return None
    for child in {child for children in products.values() for child in children}:
        products.setdefault(child, {})
    lines = []
    for code, children in products.items():
        lines.append(f"[[product]]\ncode = {json.dumps(code)}\n")
        lines += [
            f"[[product.child]]\ncode = {json.dumps(child)}\nminimum = {minimum}\n"
            for child, minimum in sorted(children.items())
        ]
    return "\n".join(lines)
