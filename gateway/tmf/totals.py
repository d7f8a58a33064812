"""Totals of a cart: the given prices added up exactly, by price type, period, unit of measure and currency. No price is made.

A total is what the customer pays, now or in each period, for what the cart's active items add and change. Items that are
removed (with everything inside them) or that do not change are not part of it, and neither are the prices that
`gateway.tmf.prices` lists.

There is one total for each price type, period, unit and currency. It has an amount (without tax, with tax) when every one of
its prices has that amount, or it follows from the price's tax rate; otherwise the amount is left out: a sum of some of the
prices is the price of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.documents import JsonObject
from gateway.errors import InvalidBodyError, Problem
from gateway.tmf.amounts import AMOUNTS, NOTHING, amounts_of, has_amounts
from gateway.tmf.charge_words import PERIOD, PERIOD_LENGTH, Head
from gateway.tmf.item_status import action_word, is_saved_for_later
from gateway.tmf.json import NUMBER_DIGITS_MAX
from gateway.tmf.numbers import EXACT, INEXACT
from gateway.tmf.prices import Charge, amount_named, charges, read_charge
from gateway.tmf.tax import shown_rate

# A price and how often it is charged.
Counted: TypeAlias = tuple[Charge, Decimal]
Read: TypeAlias = Callable[[dict[str, Any]], list[Counted]]
Visit: TypeAlias = Callable[[dict[str, Any], list[Counted]], None]
_NOTHING: Final = Decimal(0)
_ONE: Final = Decimal(1)
ITEM_TOTALS: Final = ("itemTotalPrice", "ItemTotalPrice", "totalItemPrice")


class TotalKey(NamedTuple):
    """What makes two amounts addable, in the words of `gateway.tmf.charge_words`."""

    price_type: str
    period: str
    unit_of_measure: str
    amount: str
    currency: str


def quantity_of(item: JsonObject) -> Decimal:
    """Return how many of an item there are: 1 when it does not say."""
    quantity = item.get("quantity", 1)
    return Decimal(quantity) if type(quantity) is int and quantity != 1 else _ONE


def price_amounts(prices: object) -> Iterator[tuple[TotalKey, Decimal]]:
    """Yield each amount of a list of CartPrice with its key, alterations applied; what is not an amount is passed over."""
    for price in prices if isinstance(prices, list) else []:
        charge = read_charge(price)
        if charge is not None:
            for name, value in zip(charge.kinds, charge.values, strict=True):
                yield TotalKey(*charge.head, name, charge.currency), value


def amounts_by_key(prices: object) -> dict[TotalKey, Decimal]:
    """Return the amounts of a list of CartPrice, those of the same key added up."""
    totals: dict[TotalKey, Decimal] = {}
    for key, value in price_amounts(prices):
        totals[key] = EXACT.add(totals[key], value) if key in totals else value
    return totals


def item_charges(item: JsonObject) -> list[Counted]:
    """Return the item's own prices, each as often as its quantity says."""
    found = charges(item.get("itemPrice"))
    if not found:
        return []
    quantity = quantity_of(item)
    return [(charge, quantity) for charge in found]


def cart_charges(cart: JsonObject, visit: Visit | None = None, read: Read = item_charges) -> list[Counted]:
    """Return the prices of all active items that are added or changed; `visit` is called for every item with its own prices.

    Of a saved item these are what it would cost, of one that is removed or does not change there are none. An item without a
    price of its own counts with the total that it was given, unless items inside it have prices: a total that a client gives to
    a bundle speaks for these too. Where one of these stays in the cart, nothing of that total is known. `read` is `item_charges`,
    or remembers what it returned.
    """
    found: list[Counted] = []
    _add_charges(cart.get("cartItem"), visit, found, read, removed=False)
    return found


def _add_charges(items: object, visit: Visit | None, found: list[Counted], read: Read, *, removed: bool) -> bool:
    """Add the prices of items and of those inside them; return whether one of them is saved for later."""
    any_saved = False
    for item in items if type(items) is list else ():
        if type(item) is not dict:
            continue
        action = action_word(item["action"]) if "action" in item else ""
        gone = removed or action == "delete"
        counts = not gone and action != "nochange"
        own = read(item) if counts else []
        if visit is not None:
            visit(item, own)
        saved = is_saved_for_later(item)
        any_saved = any_saved or saved
        before = len(found)
        if not saved:
            found += own
        inside: list[Counted] = [] if saved else found
        saved_inside = "cartItem" in item and _add_charges(item["cartItem"], visit, inside, read, removed=gone)
        any_saved = any_saved or saved_inside
        if counts and not saved and not own and len(found) == before:
            given = next((item[name] for name in ITEM_TOTALS if name in item), None)
            for charge in charges(given):
                known = (
                    charge._replace(kinds=(), values=(), lost=charge.kinds + charge.lost) if saved_inside else charge
                )
                found.append((known, Decimal(1)))
    return any_saved


def has_prices(items: object) -> bool:
    """Return whether any item, nested, removed or saved for later too, has a price of its own."""
    return any(
        type(item) is dict and (has_amounts(item.get("itemPrice")) or has_prices(item.get("cartItem")))
        for item in (items if type(items) is list else ())
    )


class _Exactly:
    """What `exactly` returns: it holds nothing, so one does for all."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None and issubclass(kind, INEXACT):
            message = (
                "the prices cannot be added up exactly: a total would have too many digits "
                f"(at most {NUMBER_DIGITS_MAX})"
            )
            raise InvalidBodyError([Problem("cartItem", message)]) from None


_EXACTLY: Final = _Exactly()


def exactly() -> AbstractContextManager[None]:
    """Turn a result that cannot be exact into InvalidBodyError (400)."""
    return _EXACTLY


class Unknown(NamedTuple):
    """An amount (one of AMOUNTS) of a total that is left out, because not every price of the total has it.

    Without currency and amount it is a total of prices that name no amount at all.
    """

    head: Head
    currency: str
    amount: str


def total_prices(
    counted: Iterable[Counted], numbers: Context = EXACT, unknown: list[Unknown] | None = None
) -> list[JsonObject]:
    """Return the sum as a list of CartPrice, in a fixed order whatever the order of the prices.

    The words shown (price type, period) are those of the first price of a total. `numbers` is what the amounts must be numbers
    of: EXACT, or STORED when they are to be stored. What is left out goes into `unknown`. Raises one of INEXACT when a
    result cannot be exact.
    """
    if type(counted) is list and len(counted) == 1:
        charge, quantity = counted[0]
        if charge.kinds and not charge.lost:
            return [_total_of_one(charge, quantity, numbers)]
    groups: dict[tuple[Head, str], list[Counted]] = {}
    spoilt: set[Head] = set()
    for entry in counted:
        charge = entry[0]
        if charge.kinds or charge.lost:
            groups.setdefault((charge.head, charge.currency), []).append(entry)
        else:
            spoilt.add(charge.head)
    found = []
    for key in sorted(groups) if len(groups) > 1 else groups:
        group = groups[key]
        kinds = _kinds(group) if key[0] not in spoilt else ()
        if unknown is not None:
            named = {name for charge, _ in group for name in charge.kinds + charge.lost}
            unknown += [Unknown(*key, name) for name in AMOUNTS if name in named and name not in kinds]
        if kinds:
            found.append(_total_of_one(*group[0], numbers) if len(group) == 1 else _total(group, kinds, numbers))
    if unknown is not None:
        unknown += [Unknown(head, "", "") for head in sorted(spoilt - {head for head, _ in groups})]
    return found


def _kinds(group: list[Counted]) -> tuple[str, ...]:
    """Return the amounts that all prices of a group have, or that follow from their tax rates."""
    first = group[0][0].kinds
    if len(group) == 1 or all(charge.kinds == first for charge, _ in group):
        return first
    named = {name for charge, _ in group for name in charge.kinds}
    return tuple(
        name for name in AMOUNTS if name in named and all(amount_named(charge, name) is not None for charge, _ in group)
    )


def _total_of_one(charge: Charge, quantity: Decimal, numbers: Context) -> JsonObject:
    """Return the total of one price: its own words, and its amounts as often as it is charged.

    Every cart that is written passes here, once for each item: no loop over names that could be written out.
    """
    given, head, currency, kinds, values, listed, _ = charge
    total: dict[str, Any] = {}
    if "name" in given:
        total["name"] = given["name"]
    if "description" in given:
        total["description"] = given["description"]
    if head.price_type and (word := given.get("priceType")) and type(word) is str:
        total["priceType"] = word
    if PERIOD in given:
        if (word := given[PERIOD]) and type(word) is str:
            total[PERIOD] = word
        if PERIOD_LENGTH in given:
            total[PERIOD_LENGTH] = given[PERIOD_LENGTH]
    if head.unit_of_measure:
        total["unitOfMeasure"] = head.unit_of_measure
    rate = shown_rate(given["price"])
    price: dict[str, Any] = {} if rate is None else {"taxRate": rate}
    for name, value in zip(kinds, values, strict=True):
        amount = numbers.multiply(value, quantity)
        price[name] = {"unit": currency, "value": amount} if currency else {"value": amount}
    total["price"] = price
    if listed and (shared := _listed([(charge, quantity)])):
        total["priceAlteration"] = shared
    return total


def _total(group: list[Counted], kinds: tuple[str, ...], numbers: Context) -> JsonObject:
    """Return the total of several prices of one head and currency, which all have the amounts `kinds`."""
    first = group[0][0]
    given, head = first.price, first.head
    names: JsonObject = {name: given[name] for name in ("name", "description") if name in given}
    total = _shared(names, [charge.price for charge, _ in group]) if names else {}
    if head.price_type:
        _copy_word(total, "priceType", group)
    if PERIOD in given:
        _copy_word(total, PERIOD, group)
        if PERIOD_LENGTH in given:
            total[PERIOD_LENGTH] = given[PERIOD_LENGTH]
    if head.unit_of_measure:
        total["unitOfMeasure"] = head.unit_of_measure
    rate = shown_rate(given["price"])
    is_shared = rate is not None and all(shown_rate(charge.price["price"]) == rate for charge, _ in group)
    price: dict[str, Any] = {"taxRate": rate} if is_shared else {}
    for name, value in zip(kinds, _sums(group, kinds), strict=True):
        amount = numbers.plus(value)
        price[name] = {"unit": first.currency, "value": amount} if first.currency else {"value": amount}
    total["price"] = price
    if first.listed and (shared := _listed(group)):
        total["priceAlteration"] = shared
    return total


def _copy_word(total: JsonObject, name: str, group: list[Counted]) -> None:
    """Show the word of the first price that has one."""
    for charge, _ in group:
        word = charge.price.get(name)
        if word and type(word) is str:
            total[name] = word
            return


def _sums(group: list[Counted], kinds: tuple[str, ...]) -> list[Decimal]:
    """Return the sums of amounts of all prices of a group, which all have them."""
    sums = [_NOTHING] * len(kinds)
    add = EXACT.fma
    for charge, quantity in group:
        for place, name in enumerate(kinds):
            value = charge.values[place] if charge.kinds == kinds else amount_named(charge, name)
            assert value is not None, name
            sums[place] = add(value, quantity, sums[place])
    return sums


def _shared(node: JsonObject, others: list[JsonObject]) -> JsonObject:
    """Return the attributes of `node` that all others have alike."""
    return {
        name: value for name, value in node.items() if all(name in other and other[name] == value for other in others)
    }


def _listed(group: list[Counted]) -> list[JsonObject]:
    """Return the alterations that hold for the sum as they do for its parts: percentages that all parts share."""
    listed = group[0][0].listed
    if not listed or any(charge.listed != listed for charge, _ in group):
        return []
    alone = len(group) == 1 and group[0][1] == 1
    has_changes = any(amounts_of(node.get("price")) != NOTHING for node in listed)
    return list(listed) if alone or not has_changes else []
