"""What an order costs by the order system's own word: its total price, or the prices of its items added up. Pure, and tolerant."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from gateway.errors import InvalidBodyError
from gateway.tmf.item_status import is_removed, is_unchanged
from gateway.tmf.totals import TotalKey, amounts_by_key, exactly, item_charges, total_prices

_DEPTH_MAX: Final = 64


def read_totals(document: dict[str, Any]) -> dict[TotalKey, Decimal]:
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


def _all(items: list[dict[str, Any]], name: str) -> list[Any]:
    return [price for item in items if isinstance(item.get(name), list) for price in item[name]]


def _items(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stack: list[tuple[Any, int]] = [(document, 0)]
    while stack:
        node, depth = stack.pop()
        below = node.get("productOrderItem") if depth < _DEPTH_MAX else None
        for item in below if isinstance(below, list) else ():
            if isinstance(item, dict) and not is_removed(item):
                stack.append((item, depth + 1))
                yield item
