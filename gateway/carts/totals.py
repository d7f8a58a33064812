"""`itemTotalPrice` and `cartTotalPrice`: written from the prices the items carry, whenever they carry any.

What a client sends as a total is kept when it says the same as the prices do (with its own name and description), and
replaced when it does not; what it says of the cart as a whole (a voucher) is kept with the total. A cart whose items carry no
prices keeps the totals it was given: there is nothing to add up.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from gateway.documents import JsonObject
from gateway.tmf.amounts import has_amounts
from gateway.tmf.given_totals import says_the_same, with_own_of_cart
from gateway.tmf.numbers import STORED
from gateway.tmf.totals import Counted, cart_charges, exactly, total_prices

_TOTAL: Final = "itemTotalPrice"
# The API file of v4.0.0 spells it so; a client that does gets it back so.
_TOTAL_CAPITAL: Final = "ItemTotalPrice"


class _Before(NamedTuple):
    """A total before a change that told the sum of the prices; empty when it did not. `is_ours`: just as it is written here."""

    total: list[Any]
    is_ours: bool = False


_NONE_BEFORE: Final = _Before([])


class _Earlier(NamedTuple):
    """A cart before a change: its total, those of its items by their ids, and its prices."""

    total: _Before
    items: dict[str, _Before]
    counted: list[Counted]


_NO_EARLIER: Final = _Earlier(_NONE_BEFORE, {}, [])


def write_totals(document: JsonObject, before: JsonObject | None = None) -> None:
    """Write the totals of a checked cart, in place; `before` is the cart as it was, when this is a change.

    Raises InvalidBodyError (400) when they cannot be told exactly.
    """
    with exactly():
        _write(document, _NO_EARLIER if before is None else _totals_written(before))


def _write(document: dict[str, Any], earlier: _Earlier) -> None:
    """Write the totals; `earlier` are those that the prices had before the change."""
    has_prices = False

    def write_item(item: dict[str, Any], counted: list[Counted]) -> None:
        nonlocal has_prices
        name = _TOTAL_CAPITAL if _TOTAL_CAPITAL in item and _TOTAL not in item else _TOTAL
        _write_total(item, name, total_prices(counted, STORED), earlier.items.get(item.get("id", ""), _NONE_BEFORE))
        has_prices = has_prices or bool(counted) or has_amounts(item.get("itemPrice"))

    counted = cart_charges(document, write_item)
    total: list[dict[str, Any]] = []
    if has_prices:
        total = with_own_of_cart(
            total_prices(counted, STORED), document.get("cartTotalPrice"), counted, earlier.counted
        )
    _write_total(document, "cartTotalPrice", total, earlier.total, drop=has_prices)


def _write_total(
    node: dict[str, Any], name: str, total: list[dict[str, Any]], before: _Before, *, drop: bool = False
) -> None:
    """Write the sum; where there is none, remove what told it `before`, or, with `drop`, whatever there is."""
    given = node.get(name)
    if total:
        is_ours = before.is_ours and given == before.total
        if given is None or is_ours or not says_the_same(given, total):
            node[name] = total
    elif given is not None and (drop or (before.total and says_the_same(given, before.total))):
        # Told again by a client that wrote back what it had read (in v5 with types) without the prices.
        del node[name]


def _totals_written(before: dict[str, Any]) -> _Earlier:
    """Return the totals of the cart and of each item (by its id) that told what the prices came to."""
    totals: dict[str, _Before] = {}

    def remember(item: dict[str, Any], counted: list[Counted]) -> None:
        if counted:
            totals[item.get("id", "")] = _told(item.get(_TOTAL, item.get(_TOTAL_CAPITAL)), total_prices(counted))

    counted = cart_charges(before, remember)
    given = before.get("cartTotalPrice")
    total = with_own_of_cart(total_prices(counted), given, counted)
    return _Earlier(_told(given, total), totals, counted)


def _told(given: Any, total: list[dict[str, Any]]) -> _Before:
    if total and given == total:
        return _Before(given, is_ours=True)
    # With a client's words in it, or with the types of v5, it is a total of the prices all the same.
    return _Before(given, is_ours=False) if total and given and says_the_same(given, total) else _NONE_BEFORE
