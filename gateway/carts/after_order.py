"""What becomes of a cart once it is ordered: what a client is told of it, and where the items go that were saved for later. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, Literal, TypeAlias

from gateway.documents import JsonObject
from gateway.tmf.json import decode_stored, encode_json

CartState: TypeAlias = Literal["open", "inCheckout", "ordered"]
STATES: Final[tuple[CartState, ...]] = ("open", "inCheckout", "ordered")
# Attributes of the gateway's own that carts are shown with; only the server writes them.
SHOWN: Final = ("checkoutState", "checkout")
_SHOWN_TEXTS: Final = tuple(f'"{name}"'.encode() for name in SHOWN)
# What all of these begin with: most carts have none, and are looked through once.
_SHOWN_BEGIN: Final = b'"checkout'
CARTS_PATH: Final = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUT_PATH: Final = "/tmf-api/checkoutManagement/v1/checkout"
# What belongs to a cart and does not go on with its items.
_OWN: Final = frozenset({"id", "href", "validFor", "cartItem", "cartTotalPrice", *SHOWN})


def checkout_state(checkout_id: str | None, *, ordered: bool) -> CartState:
    """Return where a cart is: it can be changed, a checkout holds it, or its order is live or has come to its end."""
    if checkout_id is None:
        return "open"
    return "ordered" if ordered else "inCheckout"


def shown_state(checkout_id: str | None, base_url: str, *, ordered: bool) -> JsonObject:
    """Return the attributes that say where a cart is: `checkoutState`, and `checkout` (id, href) while one holds it."""
    told: dict[str, Any] = {"checkoutState": checkout_state(checkout_id, ordered=ordered)}
    if checkout_id is not None:
        told["checkout"] = {"id": checkout_id, "href": f"{base_url}{CHECKOUT_PATH}/{checkout_id}"}
    return told


def tag_beside(checkout_id: str | None, *, ordered: bool) -> str:
    """Return what tells apart, in the entity tag of a cart, the states it is shown in with the same version; empty while it is open."""
    return "" if checkout_id is None else f"{checkout_state(checkout_id, ordered=ordered)}-{checkout_id}"


def with_state(document: bytes, told: JsonObject) -> bytes:
    """Return the JSON text of a cart with `told` at its end.

    The text is not decoded, unless it seems to have an attribute of such a name from before they were the server's.
    """
    # From its end: of the ways to look through a text for a few bytes this takes a third of the time.
    if document.rfind(_SHOWN_BEGIN) >= 0 and any(map(document.__contains__, _SHOWN_TEXTS)):
        return encode_json({**decode_stored(document.decode()), **told})
    # Up to its last brace, without a copy of its own.
    return b",".join((memoryview(document)[: document.rindex(b"}")], encode_json(told)[1:]))


def go_on(remainder_id: str | None) -> str:
    """Return the sentence that says how a customer goes on after a cart was ordered."""
    if remainder_id is None:
        return "Make a new cart."
    return f"What was saved for later goes on in cart {remainder_id}; make a new cart for anything else."


def remainder_reference(remainder_id: str | None, base_url: str) -> JsonObject:
    """Return the members of an error that name the cart in which what was saved for later goes on; none without such a cart."""
    if remainder_id is None:
        return {}
    href = f"{base_url}{CARTS_PATH}/{remainder_id}"
    return {"shoppingCart": {"remainder": {"id": remainder_id, "href": href}}}


def remainder(cart: JsonObject, paths: Collection[str]) -> JsonObject | None:
    """Return the cart, without id and totals, in which the items at `paths` (`cartItem[0].cartItem[2]`) go on; None without any.

    An item takes along what is inside it; one that was inside of an ordered item stands by itself. Relationships to items that were
    ordered are left out. The cart itself stays as it is.
    """
    wanted = frozenset(paths)
    items = [item for item, _ in _at_paths(cart.get("cartItem"), "", wanted)]
    if not items:
        return None
    there = frozenset(_ids(items))
    kept = {name: value for name, value in cart.items() if name not in _OWN}
    return {**kept, "cartItem": [_related_within(item, there) for item in items]}


def without_any_item(cart: JsonObject) -> JsonObject:
    """Return the cart, without id and totals, and without items."""
    return {**{name: value for name, value in cart.items() if name not in _OWN}, "cartItem": []}


def without_items(cart: JsonObject, item_ids: Collection[str]) -> JsonObject:
    """Return the cart without the items of these ids, wherever they are in it."""
    return {**cart, "cartItem": _without(cart.get("cartItem"), frozenset(item_ids))}


def top_ids(cart: JsonObject) -> list[str]:
    """Return the ids of the first-level items of a cart."""
    return [item["id"] for item in cart.get("cartItem", []) if type(item) is dict and type(item.get("id")) is str]


def _at_paths(items: Any, above: str, wanted: frozenset[str]) -> list[tuple[dict[str, Any], str]]:
    found: list[tuple[dict[str, Any], str]] = []
    for number, item in enumerate(items if type(items) is list else []):
        path = f"{above}cartItem[{number}]"
        if type(item) is not dict:
            continue
        if path in wanted:
            found.append((item, path))
        else:
            found.extend(_at_paths(item.get("cartItem"), f"{path}.", wanted))
    return found


def _ids(items: Any) -> list[str]:
    found: list[str] = []
    for item in items if type(items) is list else []:
        if type(item) is dict:
            if type(item.get("id")) is str:
                found.append(item["id"])
            found.extend(_ids(item.get("cartItem")))
    return found


def _related_within(item: dict[str, Any], there: frozenset[str]) -> dict[str, Any]:
    changed = dict(item)
    relations = item.get("cartItemRelationship")
    if type(relations) is list:
        kept = [entry for entry in relations if type(entry) is not dict or entry.get("id") in there]
        changed.pop("cartItemRelationship")
        if kept:
            changed["cartItemRelationship"] = kept
    if type(item.get("cartItem")) is list:
        changed["cartItem"] = [
            _related_within(inner, there) if type(inner) is dict else inner for inner in item["cartItem"]
        ]
    return changed


def _without(items: Any, item_ids: frozenset[str]) -> list[Any]:
    left: list[Any] = []
    for item in items if type(items) is list else []:
        if type(item) is dict:
            if item.get("id") in item_ids:
                continue
            if type(item.get("cartItem")) is list:
                left.append({**item, "cartItem": _without(item["cartItem"], item_ids)})
                continue
        left.append(item)
    return left
