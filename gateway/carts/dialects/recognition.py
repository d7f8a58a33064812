"""Which version a cart is written in, where no path says so: a cart that is sent along with something else.

Told by what only one version has. A cart without any such sign is v4, of which it then has nothing that differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.carts.dialects import V1, V4, V5, Dialect
from gateway.documents import JsonObject

_V5_MEDIA: Final = frozenset({"EmailContactMedium", "PhoneContactMedium"})
_V1_STATUSES: Final = frozenset({"Active", "SavedForLater"})


def version_of(cart: JsonObject) -> Dialect:
    """Return the dialect of a cart."""
    items = list(_items(cart))
    products = [product for item in items if type(product := item.get("product")) is dict]
    if _is_v5(cart, products):
        return V5
    return V1 if _is_v1(cart, items, products) else V4


def _items(holder: JsonObject) -> Iterator[JsonObject]:
    for name in ("cartItem", "cardItem"):
        for item in _objects(holder.get(name)):
            yield item
            yield from _items(item)


def _objects(value: object) -> list[JsonObject]:
    return [entry for entry in value if type(entry) is dict] if type(value) is list else []


def _is_v5(cart: JsonObject, products: list[JsonObject]) -> bool:
    holders = (cart, *products)
    return (
        any("partyOrPartyRole" in party for holder in holders for party in _objects(holder.get("relatedParty")))
        or any(medium.get("@type") in _V5_MEDIA for medium in _objects(cart.get("contactMedium")) if _named(medium))
        or any(type(place.get("place")) is dict for product in products for place in _objects(product.get("place")))
        or any(
            _named(entry) and entry["@type"] != "Characteristic" and entry["@type"].endswith("Characteristic")
            for product in products
            for entry in _objects(product.get("productCharacteristic"))
        )
    )


def _named(node: JsonObject) -> bool:
    return type(node.get("@type")) is str


def _is_v1(cart: JsonObject, items: list[JsonObject], products: list[JsonObject]) -> bool:
    prices = [
        price
        for holder, names in ((cart, ("cartTotalPrice",)), *((item, ("itemPrice", "totalItemPrice")) for item in items))
        for name in names
        for price in _objects(holder.get(name))
    ]
    return (
        any(type(item.get("note")) is dict or "totalItemPrice" in item or "cardItem" in item for item in items)
        or any(type(item.get("status")) is str and item["status"] in _V1_STATUSES for item in items)
        or any(item.get("action") == "no_change" for item in items)
        or any("type" in medium and "mediumType" not in medium for medium in _objects(cart.get("contactMedium")))
        or any("characteristic" in product and "productCharacteristic" not in product for product in products)
        or any(_is_wrapped(price.get("price")) for price in prices)
        or any(
            "type" in entry and "relationshipType" not in entry
            for item in items
            for entry in _objects(item.get("cartItemRelationship"))
        )
    )


def _is_wrapped(price: object) -> bool:
    return type(price) is dict and any(type(amount) is dict and "money" in amount for amount in price.values())


def with_given_actions(cart: JsonObject, given: JsonObject) -> JsonObject:
    """Return the stored form of the cart `given` with the words for actions that its sender wrote, where they are others.

    Nobody said in which version the cart is: the translation tells how such a word was read.
    """
    items, sent = cart.get("cartItem"), given.get("cartItem", given.get("cardItem"))
    if type(items) is not list or type(sent) is not list or len(items) != len(sent):
        return cart
    read = [
        _with_given_action(item, one) if type(item) is dict and type(one) is dict else item
        for item, one in zip(items, sent, strict=True)
    ]
    return {**cart, "cartItem": read} if any(new is not old for new, old in zip(read, items, strict=True)) else cart


def _with_given_action(item: JsonObject, given: JsonObject) -> JsonObject:
    whole = with_given_actions(item, given)
    word = given.get("action")
    return {**whole, "action": word} if type(word) is str and word != item.get("action") else whole
