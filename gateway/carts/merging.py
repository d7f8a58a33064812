"""Two carts into one: the cart of a guest goes into the saved cart of the customer that the guest turned out to be. Pure.

Every item of the guest's cart comes after those of the customer's, each with what it had. An id that the customer's cart has
already, or one that a reader of numbers takes for it (`01` beside `1`), is replaced by a free number, and relationships follow
it. Contact media and related parties are added unless the same are there; of other attributes that both carts have, the customer's stay.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.carts.dialects.forms import V1_MARK
from gateway.carts.rules import free_ids, item_ids, number_of
from gateway.documents import JsonObject
from gateway.tmf.given_totals import own_of_cart

_LISTS: Final = ("contactMedium", "relatedParty")
# What belongs to a cart and is not handed on.
_OWN: Final = frozenset({"id", "href", "validFor", "cartItem", "cartTotalPrice", *_LISTS})


def merged_carts(customer: JsonObject, guest: JsonObject) -> JsonObject:
    """Return the customer's cart with the guest's in it; both are stored carts, and stay as they are."""
    names = _new_ids(customer, guest)
    merged = dict(customer)
    items = [_renamed(item, names) for item in guest.get("cartItem", [])]
    if items:
        merged["cartItem"] = [*customer.get("cartItem", []), *items]
    for name in _LISTS:
        there = customer.get(name, [])
        if added := [entry for entry in guest.get(name, []) if entry not in there]:
            merged[name] = [*there, *added]
    if own := own_of_cart(guest, but=own_of_cart(customer)):
        # A voucher for the whole cart; the totals beside it are written again.
        merged["cartTotalPrice"] = [*customer.get("cartTotalPrice", []), *own]
    for name, value in guest.items():
        if name not in _OWN:
            merged.setdefault(name, value)
    return merged


def _new_ids(customer: dict[str, Any], guest: dict[str, Any]) -> dict[str, str]:
    """Return the new id of each item of the guest's cart whose id the customer's cart has."""
    taken, own = item_ids(customer), item_ids(guest)
    numbers = {number for item_id in taken if (number := number_of(item_id)) is not None}
    free = free_ids(taken | own)
    return {item_id: next(free) for item_id in sorted(own) if item_id in taken or number_of(item_id) in numbers}


def _renamed(item: Any, names: dict[str, str]) -> Any:
    """Return an item, and those inside it, with new ids and with relationships to them."""
    if type(item) is not dict or not names:
        return item
    changed = dict(item)
    if item.get("id") in names:
        changed["id"] = names[item["id"]]
    if type(item.get("cartItem")) is list:
        changed["cartItem"] = [_renamed(inner, names) for inner in item["cartItem"]]
    if type(item.get("cartItemRelationship")) is list:
        changed["cartItemRelationship"] = [_pointed(entry, names) for entry in item["cartItemRelationship"]]
    return changed


def _pointed(relationship: Any, names: dict[str, str]) -> Any:
    if type(relationship) is not dict or type(relationship.get("id")) is not str:
        return relationship
    kept = {name: value for name, value in relationship.items() if name != V1_MARK}
    return {**kept, "id": names[relationship["id"]]} if relationship["id"] in names else relationship
