"""The totals of items that have prices of their own: written where they are absent, told where they say something else. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from gateway.documents import Json, JsonObject
from gateway.tmf.amounts import has_amounts
from gateway.tmf.given_totals import same_amounts, totals_of_cart
from gateway.tmf.item_status import action_word
from gateway.tmf.totals import ITEM_TOTALS, Read, exactly, item_charges, total_prices

# Is called with the path of a total that does not say what the item's prices do.
Tell: TypeAlias = Callable[[str], None]


def with_right_item_totals(cart: JsonObject, tell: Tell, read: Read = item_charges) -> JsonObject:
    """Return the cart with every item's total that says something else than its prices told and replaced.

    What is right is shared with `cart`, which is not changed; `read` as for `cart_charges`. Raises one of
    `gateway.tmf.numbers.INEXACT` when a total cannot be exact.
    """
    items = _items(cart.get("cartItem"), "", tell, read, removed=False)
    return cart if items is cart.get("cartItem") else {**cart, "cartItem": items}


def with_absent_totals(cart: JsonObject) -> JsonObject:
    """Return a cart that is not stored with the totals that it lacks, as a stored one has them; those it gives are left to it.

    Raises InvalidBodyError (400) when they cannot be told exactly.
    """
    totals = totals_of_cart(cart)
    if not totals.are_sums:
        return cart
    with exactly():
        items = _items(cart.get("cartItem"), "", None, item_charges, removed=False)
    return {"cartTotalPrice": totals.prices, **cart, "cartItem": items}


def _items(items: object, above: str, tell: Tell | None, read: Read, *, removed: bool) -> Json:
    if type(items) is not list:
        return items
    changed: list[Any] | None = None
    for position, item in enumerate(items):
        if type(item) is not dict:
            continue
        other = _item(item, f"{above}cartItem[{position}]", tell, read, removed=removed)
        if other is not item:
            if changed is None:
                changed = list(items)
            changed[position] = other
    return items if changed is None else changed


def _item(item: JsonObject, path: str, tell: Tell | None, read: Read, *, removed: bool) -> JsonObject:
    action = action_word(item["action"]) if "action" in item else ""
    gone = removed or action == "delete"
    found = item
    if "itemPrice" in item and not gone and action != "nochange":
        found = _with_total(item, path, tell, read)
    if "cartItem" in item:
        inside = _items(item["cartItem"], f"{path}.", tell, read, removed=gone)
        if inside is not item["cartItem"]:
            found = {**found, "cartItem": inside}
    return found


def _with_total(item: JsonObject, path: str, tell: Tell | None, read: Read) -> JsonObject:
    names = [name for name in ITEM_TOTALS if item.get(name) is not None]
    if tell is None:
        total = [] if names else total_prices(read(item))
        return {**item, ITEM_TOTALS[0]: total} if total else item
    if not names:
        return item
    total = total_prices(read(item))
    if not has_amounts(item["itemPrice"]):
        return item
    if item[names[0]] == total or same_amounts(item[names[0]], total):
        # Under another version's name there may be another total, which nobody added up.
        others = [name for name in names[1:] if not same_amounts(item[name], total)]
        for name in others:
            tell(f"{path}.{name}")
        return {name: value for name, value in item.items() if name not in others} if others else item
    for name in names:
        tell(f"{path}.{name}")
    kept = {name: total if name == names[0] else value for name, value in item.items() if name not in names[1:]}
    if not total:
        del kept[names[0]]
    return kept
