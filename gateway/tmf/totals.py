"""Totals of a cart: the given prices added up exactly, by price type, period, unit of measure and currency. No price is made."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

SAVED: Final = frozenset({"saveforlater", "savedforlater"})
AMOUNTS: Final = ("dutyFreeAmount", "taxIncludedAmount")


class TotalKey(NamedTuple):
    """What makes two prices addable."""

    price_type: str
    period: str
    unit_of_measure: str
    amount: str
    currency: str


def is_saved_for_later(item: dict[str, Any]) -> bool:
    """Tell whether a cart item is saved for later: it is kept, not counted and not ordered."""
    status = item.get("status")
    return isinstance(status, str) and status.replace("_", "").lower() in SAVED


def active_items(items: Any) -> Iterator[tuple[dict[str, Any], Decimal]]:
    """Yield every active item, nested ones included, with its quantity (1 when it gives none)."""
    stack = list(reversed(items)) if isinstance(items, list) else []
    while stack:
        item = stack.pop()
        if not isinstance(item, dict) or is_saved_for_later(item):
            continue
        quantity = item.get("quantity", 1)
        yield item, Decimal(quantity) if isinstance(quantity, int) else Decimal(1)
        children = item.get("cartItem")
        if isinstance(children, list):
            stack.extend(reversed(children))


def price_amounts(prices: Any) -> Iterator[tuple[TotalKey, Decimal]]:
    """Yield each amount of a list of CartPrice with its key; anything that is no amount is passed over."""
    for price in prices if isinstance(prices, list) else []:
        value = price.get("price") if isinstance(price, dict) else None
        if not isinstance(value, dict):
            continue
        for name in AMOUNTS:
            money = value.get(name)
            if not isinstance(money, dict):
                continue
            number = money.get("value")
            if isinstance(number, Decimal | int) and not isinstance(number, bool):
                key = TotalKey(
                    _text(price.get("priceType")),
                    _text(price.get("recurringChargePeriod")),
                    _text(price.get("unitOfMeasure")),
                    name,
                    _text(money.get("unit")),
                )
                yield key, Decimal(number)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def cart_totals(cart: dict[str, Any]) -> dict[TotalKey, Decimal]:
    """Return the exact totals of the active items' own prices times their quantities.

    A cart whose items carry no price keeps the totals it was given (`cartTotalPrice`).
    """
    totals: dict[TotalKey, Decimal] = {}
    for item, quantity in active_items(cart.get("cartItem")):
        for key, amount in price_amounts(item.get("itemPrice")):
            totals[key] = totals.get(key, Decimal(0)) + amount * quantity
    return totals or dict(price_amounts(cart.get("cartTotalPrice")))


def as_cart_prices(totals: dict[TotalKey, Decimal]) -> list[dict[str, Any]]:
    """Return totals as a list of CartPrice, one for each price type, period and unit, in a fixed order."""
    prices: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for key in sorted(totals):
        group = (key.price_type, key.period, key.unit_of_measure, key.currency)
        if group not in prices:
            head = {
                "priceType": key.price_type,
                "recurringChargePeriod": key.period,
                "unitOfMeasure": key.unit_of_measure,
            }
            prices[group] = {"@type": "CartPrice", **{name: text for name, text in head.items() if text}, "price": {}}
        prices[group]["price"][key.amount] = {"unit": key.currency, "value": totals[key]}
    return list(prices.values())


def differences(
    expected: dict[TotalKey, Decimal], actual: dict[TotalKey, Decimal], *, tolerance: Decimal, lower_accepted: bool
) -> list[str]:
    """Return one sentence for each expected total that the actual ones do not meet."""
    found = []
    for key, wanted in expected.items():
        name = " ".join(part for part in (key.price_type, key.period, key.amount, key.currency) if part)
        is_now = actual.get(key)
        if is_now is None:
            found.append(f"{name}: expected {wanted}, the cart has no such total")
        elif is_now > wanted + tolerance or (is_now < wanted - tolerance and not lower_accepted):
            found.append(f"{name}: expected {wanted}, the cart has {is_now}")
    return found
