"""The amounts of a Price (TMF663, TMF622): without tax and with it, in a currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, TypeAlias

from gateway.tmf.currencies import currency_code

NET: Final = "dutyFreeAmount"
GROSS: Final = "taxIncludedAmount"
AMOUNTS: Final = (NET, GROSS)

# Which amount, one of AMOUNTS, in which currency.
Kind: TypeAlias = tuple[str, str]
# What a price names: kinds and, at the same places, values. In two, because prices of the same kinds are added up.
Amounts: TypeAlias = tuple[tuple[Kind, ...], tuple[Decimal, ...]]
NOTHING: Final[Amounts] = ((), ())


def amounts_of(price: Any) -> Amounts:
    """Return the amounts of a Price, also those in R17's wrapper `money`; anything that is not an amount is passed over."""
    if type(price) is not dict:
        return NOTHING
    kinds: tuple[Kind, ...] = ()
    values: tuple[Decimal, ...] = ()
    for name in AMOUNTS:
        if name in price and type(money := price[name]) is dict:
            if "value" not in money and type(inner := money.get("money")) is dict:
                money = inner
            number = money.get("value")
            if type(number) is int:
                number = Decimal(number)
            if type(number) is Decimal:
                currency = money.get("unit", "")
                kinds += ((name, currency_code(currency) if type(currency) is str else ""),)
                values += (number,)
    return kinds, values


def has_amounts(prices: Any) -> bool:
    """Tell whether any price of a list of CartPrice has an amount, whether it is added up or not."""
    return type(prices) is list and any(
        type(price) is dict and amounts_of(price.get("price")) != NOTHING for price in prices
    )
