"""`itemTotalPrice` and `cartTotalPrice`: written from the prices the items carry, whenever they carry any.

What a client sends as a total is kept when it says the same as the prices do (with its own name and description), and
replaced when it does not. A cart whose items carry no prices keeps the totals it was given: there is nothing to add up.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

from gateway.tmf.prices import EXACT, STORED, amounts_of, as_number
from gateway.tmf.totals import Counted, TotalKey, amounts_by_key, cart_charges, exactly, total_prices

_TOTAL: Final = "itemTotalPrice"
# The API file of v4.0.0 spells it so; a client that does gets it back so.
_TOTAL_CAPITAL: Final = "ItemTotalPrice"


class _Before(NamedTuple):
    """A total before a change that told the sum of the prices; empty when it did not. `is_ours`: just as it is written here."""

    total: list[Any]
    is_ours: bool = False


_NONE_BEFORE: Final = _Before([])


def write_totals(document: dict[str, Any], before: dict[str, Any] | None = None) -> None:
    """Write the totals of a checked cart, in place; `before` is the cart as it was, when this is a change.

    Raises InvalidBodyError (400) when they cannot be told exactly.
    """
    with exactly():
        if before is None:
            _write(document, _NONE_BEFORE, {})
        else:
            _write(document, *_totals_written(before))


def _write(document: dict[str, Any], own_total: _Before, own_totals: dict[str, _Before]) -> None:
    """Write the totals; `own_total` and `own_totals` (by item) are those that the prices had before the change."""
    has_prices = False

    def write_item(item: dict[str, Any], counted: list[Counted]) -> None:
        nonlocal has_prices
        name = _TOTAL_CAPITAL if _TOTAL_CAPITAL in item and _TOTAL not in item else _TOTAL
        _write_total(item, name, counted, own_totals.get(item.get("id", ""), _NONE_BEFORE))
        has_prices = has_prices or bool(counted)

    counted = cart_charges(document, write_item)
    _write_total(document, "cartTotalPrice", counted if has_prices else [], own_total, drop=has_prices)


def _write_total(
    node: dict[str, Any], name: str, counted: list[Counted], before: _Before, *, drop: bool = False
) -> None:
    """Write the sum; without prices remove what told it `before`, or, with `drop`, whatever there is."""
    given = node.get(name)
    if counted:
        total = total_prices(counted, STORED)
        is_ours = before.is_ours and given == before.total
        if given is None or is_ours or not _says_the_same(given, total):
            node[name] = total
    elif given is not None and (drop or (before.total and _says_the_same(given, before.total))):
        # Told again by a client that wrote back what it had read (in v5 with types) without the prices.
        del node[name]


def _totals_written(before: dict[str, Any]) -> tuple[_Before, dict[str, _Before]]:
    """Return the totals of the cart and of each item (by its id) that told what the prices came to."""
    totals: dict[str, _Before] = {}

    def remember(item: dict[str, Any], counted: list[Counted]) -> None:
        if counted:
            totals[item.get("id", "")] = _told(item.get(_TOTAL, item.get(_TOTAL_CAPITAL)), total_prices(counted))

    total = total_prices(cart_charges(before, remember))
    return _told(before.get("cartTotalPrice"), total), totals


def _told(given: Any, total: list[dict[str, Any]]) -> _Before:
    if total and given == total:
        return _Before(given, is_ours=True)
    # With a client's words in it, or with the types of v5, it is a total of the prices all the same.
    return _Before(given, is_ours=False) if total and given and _says_the_same(given, total) else _NONE_BEFORE


def _says_the_same(given: Any, total: list[dict[str, Any]]) -> bool:
    """Tell whether a total that was given has the amounts and alterations of the prices; it may leave out their unit."""
    stated = amounts_by_key(given)
    amounts: dict[TotalKey, Decimal] = {}
    for key, value in amounts_by_key(total).items():
        without_unit = key._replace(unit_of_measure="")
        named = without_unit if key not in stated and without_unit in stated else key
        amounts[named] = EXACT.add(amounts[named], value) if named in amounts else value
    return stated == amounts and _alterations(given) == _alterations(total)


def _alterations(prices: Any) -> list[Any]:
    """Return what the alterations listed with prices do, their words left out."""
    found = []
    for price in prices if type(prices) is list else ():
        listed = price.get("priceAlteration") if type(price) is dict else None
        for node in listed if type(listed) is list else ():
            if type(node) is dict:
                change = node.get("price")
                percentage = as_number(change.get("percentage")) if type(change) is dict else None
                found.append((percentage, as_number(node.get("applicationDuration")), amounts_of(change)))
    return found
