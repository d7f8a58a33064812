"""Which amount of a price follows from the other one, by its tax rate. Pure and exact: nothing is rounded to make it fit.

`taxRate` is a percentage (19); a fraction (0.19) is read as one where both amounts of the price show that it is meant. A rate
that the amounts contradict, or rates of a price and its alteration that differ, are not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from gateway.documents import Json, JsonObject
from gateway.tmf.amounts import GROSS
from gateway.tmf.currencies import minor_unit
from gateway.tmf.numbers import EXACT, INEXACT, STORED, as_number

_ONE: Final = Decimal(1)


def tax_factor(
    price: object, alteration: object, net: Decimal | None, gross: Decimal | None, currency: str
) -> Decimal | None:
    """Return what an amount without tax is multiplied by to have it with tax (1.19), or None when that is not known.

    `price` and `alteration` are Price objects (the latter may be None), `net` and `gross` the price's amounts as given.
    """
    found: set[Decimal] = set()
    for node in (price, alteration):
        found |= set(_rates_of(node))
    if len(found) != 1:
        return None
    (rate,) = found
    if rate.is_signed() and rate:
        return None
    percentage, fraction = EXACT.add(_ONE, rate.scaleb(-2, EXACT)), EXACT.add(_ONE, rate)
    if net is None or gross is None:
        return percentage if not rate or rate >= 1 else None
    fits = [factor for factor in {percentage, fraction} if _fits(net, gross, factor, currency)]
    return fits[0] if len(fits) == 1 else None


def shown_rate(price: JsonObject) -> Json:
    """Return the tax rate of a Price as it is written, beside the amounts or, as in R17, in the one with tax; None without."""
    if "taxRate" in price:
        return price["taxRate"]
    with_tax = price.get(GROSS)
    return with_tax.get("taxRate") if type(with_tax) is dict else None


def _rates_of(price: object) -> Iterator[Decimal]:
    """Yield the rates that a Price tells: its own, and R17's, which stands in the amount with tax."""
    for node in (price, price.get(GROSS)) if type(price) is dict else ():
        rate = as_number(node.get("taxRate")) if type(node) is dict else None
        if rate is not None:
            yield rate


def _fits(net: Decimal, gross: Decimal, factor: Decimal, currency: str) -> bool:
    """Tell whether the amounts show this rate, up to the last digit of the currency, to which one of them may be rounded."""
    return abs(EXACT.subtract(EXACT.multiply(net, factor), gross)) < minor_unit(currency)


def other_amount(value: Decimal, factor: Decimal, *, with_tax: bool) -> Decimal | None:
    """Return the amount that follows from `value`: the one with tax when `with_tax`, else the one without.

    None where it has no end (20 / 1.19) or more digits than a document may hold.
    """
    try:
        return STORED.multiply(value, factor) if with_tax else STORED.divide(value, factor)
    except INEXACT:
        return None
