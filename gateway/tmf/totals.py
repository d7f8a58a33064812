"""Totals of a cart: the given prices added up exactly, by price type, period, unit of measure and currency. No price is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.errors import InvalidBodyError, Problem
from gateway.tmf.item_status import is_saved_for_later
from gateway.tmf.json import NUMBER_DIGITS_MAX
from gateway.tmf.prices import EXACT, INEXACT, NOTHING, Charge, Head, Kind, amounts_of, charges, head_of

# A price and how often it is charged.
Counted: TypeAlias = tuple[Charge, Decimal]
Visit: TypeAlias = Callable[[dict[str, Any], list[Counted]], None]


class TotalKey(NamedTuple):
    """What makes two amounts addable."""

    price_type: str
    period: str
    unit_of_measure: str
    amount: str
    currency: str


def quantity_of(item: dict[str, Any]) -> Decimal:
    """Return how many of an item there are: 1 when it does not say."""
    quantity = item.get("quantity", 1)
    return Decimal(quantity) if type(quantity) is int else Decimal(1)


def active_items(items: Any) -> Iterator[tuple[dict[str, Any], Decimal]]:
    """Yield every active item, nested ones included, with its quantity."""
    stack = list(reversed(items)) if isinstance(items, list) else []
    while stack:
        item = stack.pop()
        if not isinstance(item, dict) or is_saved_for_later(item):
            continue
        yield item, quantity_of(item)
        children = item.get("cartItem")
        if isinstance(children, list):
            stack.extend(reversed(children))


def price_amounts(prices: Any) -> Iterator[tuple[TotalKey, Decimal]]:
    """Yield each amount of a list of CartPrice with its key, no alteration applied; what is no amount is passed over."""
    for price in prices if isinstance(prices, list) else []:
        if not isinstance(price, dict):
            continue
        price_type, period, unit_of_measure = head_of(price)
        for (name, currency), value in zip(*amounts_of(price.get("price")), strict=True):
            yield TotalKey(price_type, period, unit_of_measure, name, currency), value


def amounts_by_key(prices: Any) -> dict[TotalKey, Decimal]:
    """Return the amounts of a list of CartPrice, those of the same key added up."""
    totals: dict[TotalKey, Decimal] = {}
    for key, value in price_amounts(prices):
        totals[key] = EXACT.add(totals[key], value) if key in totals else value
    return totals


def item_charges(item: dict[str, Any]) -> list[Counted]:
    """Return the item's own prices, each as often as its quantity says."""
    found = charges(item.get("itemPrice"))
    if not found:
        return []
    quantity = quantity_of(item)
    return [(charge, quantity) for charge in found]


def cart_charges(cart: dict[str, Any], visit: Visit | None = None) -> list[Counted]:
    """Return the prices of all active items; `visit` is called for every item, saved ones too, with its own prices.

    An item without a price of its own counts with the total that it was given, unless items inside it have prices: a total
    that a client gives to a bundle speaks for these too.
    """
    return _charges_of(cart.get("cartItem"), visit)


def _charges_of(items: Any, visit: Visit | None) -> list[Counted]:
    found: list[Counted] = []
    for item in items if type(items) is list else ():
        if type(item) is not dict:
            continue
        own = item_charges(item)
        if visit is not None:
            visit(item, own)
        inside = _charges_of(item["cartItem"], visit) if "cartItem" in item else []
        if is_saved_for_later(item):
            continue
        if not own and not inside:
            given = item.get("itemTotalPrice", item.get("ItemTotalPrice"))
            own = [(charge, Decimal(1)) for charge in charges(given)] if given else []
        found += own
        found += inside
    return found


def has_prices(items: Any) -> bool:
    """Return whether any item, nested or saved for later too, has a price of its own."""
    return any(
        type(item) is dict and (bool(charges(item.get("itemPrice"))) or has_prices(item.get("cartItem")))
        for item in (items if type(items) is list else ())
    )


def cart_totals(cart: dict[str, Any]) -> dict[TotalKey, Decimal]:
    """Return the exact totals of a cart by their keys; errors as `cart_total_prices`."""
    prices = cart_total_prices(cart)
    with exactly():
        return amounts_by_key(prices)


def cart_total_prices(cart: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the totals of the active items' prices as a list of CartPrice; those it was given when no item has a price.

    Raises InvalidBodyError (400) when they cannot be told exactly.
    """
    with exactly():
        if has_prices(cart.get("cartItem")):
            return total_prices(cart_charges(cart))
    given = cart.get("cartTotalPrice")
    return given if isinstance(given, list) else []


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


def total_prices(counted: Iterable[Counted], numbers: Context = EXACT) -> list[dict[str, Any]]:
    """Return the sum as a list of CartPrice, in a fixed order whatever the order of the prices.

    There is one for each price type, period, unit and currency, and for each combination of amounts: prices with tax and
    prices of which only the duty free amount is known are not added up to something that is neither. `numbers` is what the
    amounts must be numbers of: EXACT, or STORED when they are to be stored. Raises one of INEXACT otherwise.
    """
    if type(counted) is not list:
        counted = list(counted)
    if len(counted) == 1:
        return [_total(counted, numbers)]
    groups: dict[tuple[Head, tuple[Kind, ...]], list[Counted]] = {}
    for entry in counted:
        charge = entry[0]
        groups.setdefault((charge.head, charge.kinds), []).append(entry)
    return [_total(groups[key], numbers) for key in (sorted(groups) if len(groups) > 1 else groups)]


def _total(group: list[Counted], numbers: Context) -> dict[str, Any]:
    # Every cart that is written passes here, once for each item: no loop over names that could be written out.
    (given, (price_type, period, unit_of_measure), kinds, values, listed), quantity = group[0]
    if quantity != 1:
        values = tuple([EXACT.multiply(value, quantity) for value in values])
    total: dict[str, Any] = {}
    if "name" in given:
        total["name"] = given["name"]
    if "description" in given:
        total["description"] = given["description"]
    price: dict[str, Any] = {}
    if "taxRate" in given["price"]:
        price["taxRate"] = given["price"]["taxRate"]
    if len(group) > 1:
        values = _added(values, group)
        total = _shared(total, [other.price for other, _ in group])
        price = _shared(price, [other.price["price"] for other, _ in group])
    if price_type:
        total["priceType"] = price_type
    if period:
        total["recurringChargePeriod"] = period
    if unit_of_measure:
        total["unitOfMeasure"] = unit_of_measure
    for index, (name, currency) in enumerate(kinds):
        value = numbers.plus(values[index])
        price[name] = {"unit": currency, "value": value} if currency else {"value": value}
    total["price"] = price
    if listed and (shared := _listed(group)):
        total["priceAlteration"] = shared
    return total


def _added(values: tuple[Decimal, ...], group: list[Counted]) -> tuple[Decimal, ...]:
    """Return `values`, those of the first of the group, with those of all others added."""
    add = EXACT.fma
    if len(values) == 1:
        (value,) = values
        for charge, count in group[1:]:
            value = add(charge.values[0], count, value)
        return (value,)
    for charge, count in group[1:]:
        values = tuple([add(more, count, value) for value, more in zip(values, charge.values, strict=True)])
    return values


def _shared(node: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the attributes of `node` that all others have alike."""
    return {
        name: value for name, value in node.items() if all(name in other and other[name] == value for other in others)
    }


def _listed(group: list[Counted]) -> list[dict[str, Any]]:
    """Return the alterations that hold for the sum as they do for its parts: percentages that all parts share."""
    listed = group[0][0].listed
    if not listed or any(charge.listed != listed for charge, _ in group):
        return []
    alone = len(group) == 1 and group[0][1] == 1
    has_amounts = any(amounts_of(node.get("price")) != NOTHING for node in listed)
    return list(listed) if alone or not has_amounts else []
