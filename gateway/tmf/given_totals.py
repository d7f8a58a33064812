"""The totals of a cart beside those that its client gave: which of them stand, and what only the client knows.

Where an item has a price, the totals are sums. What a client gives stands while it says the same, with its own words. Two things
it alone knows are kept, because no item says them: an alteration of a total (a voucher for the whole cart) and a price that by
its type is of the cart as a whole (a delivery fee). As with every price, `price` is what was there before the alteration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from gateway.documents import Json, JsonObject
from gateway.tmf.amounts import amounts_of
from gateway.tmf.charge_words import OF_THE_CART, Head, head_of
from gateway.tmf.numbers import EXACT, as_number
from gateway.tmf.prices import read_charge
from gateway.tmf.totals import (
    Counted,
    Read,
    TotalKey,
    Unknown,
    Visit,
    amounts_by_key,
    cart_charges,
    exactly,
    has_prices,
    item_charges,
    total_prices,
)

# What an alteration does, its words left out: percentage, duration, amounts.
Effect: TypeAlias = tuple[Any, ...]


class CartTotals(NamedTuple):
    """What a cart costs: one computation for what is compared with the customer's view and for what is sent.

    `are_sums` tells that an item has a price; else the totals are the client's own. `agrees` is whether the totals given with the
    cart have the same amounts (as the items' totals, where no item has a price), `has_own` whether they say something of the cart
    as a whole, `unknown` the amounts that are left out.
    """

    prices: list[dict[str, Any]]
    are_sums: bool
    agrees: bool
    has_own: bool = False
    unknown: tuple[Unknown, ...] = ()


def totals_of_cart(cart: JsonObject, read: Read = item_charges, visit: Visit | None = None) -> CartTotals:
    """Return the totals of a cart; `read` and `visit` as for `cart_charges`, `visit` only of a cart whose items have prices.

    Raises InvalidBodyError (400) when they cannot be told exactly.
    """
    given = cart.get("cartTotalPrice")
    with exactly():
        if not has_prices(cart.get("cartItem")):
            prices = given if isinstance(given, list) else []
            own = any(map(_alterations, prices))
            return CartTotals(prices, are_sums=False, agrees=not prices or _agree(cart, prices), has_own=own)
        unknown: list[Unknown] = []
        counted = cart_charges(cart, visit, read)
        sums = total_prices(counted, unknown=unknown)
        total = with_own_of_cart(sums, given, counted)
        has_own, left_out = total is not sums, tuple(unknown)
        if isinstance(given, list) and same_amounts(given, total):
            return CartTotals(given, are_sums=True, agrees=True, has_own=has_own, unknown=left_out)
        return CartTotals(total, are_sums=True, agrees=False, has_own=has_own, unknown=left_out)


def _agree(cart: JsonObject, given: list[Json]) -> bool:
    """Tell whether totals say nothing else than those of the items, of a cart whose items have no prices."""
    of_items, stated = amounts_by_key(total_prices(cart_charges(cart))), amounts_by_key(given)
    return all(stated[key] == value for key, value in of_items.items() if key in stated)


def cart_total_prices(cart: JsonObject) -> list[JsonObject]:
    """Return the totals of a cart as a list of CartPrice; errors as `totals_of_cart`."""
    return totals_of_cart(cart).prices


def cart_totals(cart: JsonObject) -> dict[TotalKey, Decimal]:
    """Return the exact totals of a cart by their keys; errors as `totals_of_cart`."""
    prices = cart_total_prices(cart)
    with exactly():
        return amounts_by_key(prices)


def says_the_same(given: object, total: list[JsonObject]) -> bool:
    """Tell whether totals that were given have the amounts and alterations of `total`."""
    return same_amounts(given, total) and _effects(given) == _effects(total)


def same_amounts(given: object, total: list[JsonObject]) -> bool:
    """Tell whether totals that were given have the amounts of `total`; they may leave out the unit of measure."""
    if given == total:
        return True
    stated = amounts_by_key(given)
    amounts: dict[TotalKey, Decimal] = {}
    for key, value in amounts_by_key(total).items():
        without_unit = key._replace(unit_of_measure="")
        named = without_unit if key not in stated and without_unit in stated else key
        amounts[named] = EXACT.add(amounts[named], value) if named in amounts else value
    return stated == amounts


def with_own_of_cart(
    total: list[JsonObject], given: object, counted: Sequence[Counted], before: Sequence[Counted] = ()
) -> list[JsonObject]:
    """Return `total` with what `given` (a list of CartPrice) says of the cart as a whole; `before`: the prices before a change."""
    if type(given) is not list or not any(type(entry) is dict and _says_own(entry) for entry in given):
        return total
    of_items = {effect for counts in (counted, before) for effect in _effects_of_items(counts)}
    found = list(total)
    heads = {head_of(entry) for entry in total}
    for entry in given:
        if type(entry) is not dict:
            continue
        head = head_of(entry)
        if head.price_type in OF_THE_CART and head not in heads:
            found.append(entry)
            continue
        own = [node for node in _alterations(entry) if _effect(node) not in of_items]
        if own:
            _put(own, entry, head, found)
    return total if found == total else found


def own_of_cart(cart: JsonObject, but: Sequence[JsonObject] = ()) -> list[JsonObject]:
    """Return the entries of a cart's totals that say something of the cart as a whole, with nothing but its own alterations.

    What the entries `but` of another cart say as well is left out.
    """
    given = cart.get("cartTotalPrice")
    if type(given) is not list or not has_prices(cart.get("cartItem")):
        return []
    with exactly():
        counted = cart_charges(cart)
        of_items, heads = set(_effects_of_items(counted)), {charge.head for charge, _ in counted}
    there = [node for entry in but for node in _alterations(entry)]
    found = []
    for entry in given:
        own = [node for node in _alterations(entry) if _effect(node) not in of_items and node not in there]
        head = head_of(entry) if type(entry) is dict else None
        if own or (head is not None and head.price_type in OF_THE_CART and head not in heads and entry not in but):
            kept = {name: value for name, value in entry.items() if name != "priceAlteration"}
            found.append({**kept, "priceAlteration": own} if own else kept)
    return found


def _says_own(entry: JsonObject) -> bool:
    return bool(entry.get("priceAlteration")) or head_of(entry).price_type in OF_THE_CART


def _put(own: list[JsonObject], entry: JsonObject, head: Head, found: list[JsonObject]) -> None:
    """Put alterations of the given total `entry` where they apply, or keep them in an entry of their own."""
    charge = read_charge(entry)
    currency = charge.currency if charge is not None else ""
    for position, other in enumerate(found):
        if _may_be(head, head_of(other)) and currency in ("", _currency(other)):
            found[position] = {**other, "priceAlteration": [*_alterations(other), *own]}
            return
    kept = {name: value for name, value in entry.items() if name not in ("price", "priceAlteration")}
    found.append({**kept, "priceAlteration": own})


def _may_be(given: Head, own: Head) -> bool:
    """Tell whether a total that was given may be one of the cart's: whatever its head says, that one says too."""
    return all(not theirs or theirs == ours for theirs, ours in zip(given, own, strict=True))


def _currency(entry: JsonObject) -> str:
    charge = read_charge(entry)
    return charge.currency if charge is not None else ""


def _effects_of_items(counted: Sequence[Counted]) -> Iterator[Effect]:
    """Yield what the alterations of the items' prices do, once and for the whole quantity."""
    for charge, quantity in counted:
        for node in _alterations(charge.price):
            effect = _effect(node)
            yield effect
            if quantity != 1:
                percentage, duration, (kinds, values) = effect
                yield percentage, duration, (kinds, tuple(EXACT.multiply(value, quantity) for value in values))


def _alterations(entry: object) -> list[JsonObject]:
    listed = entry.get("priceAlteration") if type(entry) is dict else None
    return [node for node in listed if type(node) is dict] if type(listed) is list else []


def _effect(node: JsonObject) -> Effect:
    change = node.get("price")
    percentage = as_number(change.get("percentage")) if type(change) is dict else None
    return percentage, as_number(node.get("applicationDuration")), amounts_of(change)


def _effects(prices: object) -> list[Effect]:
    """Return what the alterations listed with prices do."""
    return [_effect(node) for price in (prices if type(prices) is list else ()) for node in _alterations(price)]
