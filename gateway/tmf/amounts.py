"""The amounts of a Price (TMF663, TMF622): without tax and with it, in a currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

from gateway.tmf.currencies import currency_code

NET: Final = "dutyFreeAmount"
GROSS: Final = "taxIncludedAmount"
AMOUNTS: Final = (NET, GROSS)

# Which amount, one of AMOUNTS, in which currency.
Kind: TypeAlias = tuple[str, str]
# What a price names: kinds and, at the same places, values. In two, because prices of the same kinds are added up.
Amounts: TypeAlias = tuple[tuple[Kind, ...], tuple[Decimal, ...]]
NOTHING: Final[Amounts] = ((), ())


def amounts_of(price: object) -> Amounts:
    """Return the amounts of a Price, also those in R17's wrapper `money`; anything that is not an amount is passed over."""
    if type(price) is not dict:
        return NOTHING
    # Every price of every cart passes here, several times: no loop over the two names.
    net = _amount(price[NET]) if NET in price else None
    gross = _amount(price[GROSS]) if GROSS in price else None
    if net is None:
        return NOTHING if gross is None else (((GROSS, gross[0]),), (gross[1],))
    if gross is None:
        return ((NET, net[0]),), (net[1],)
    return ((NET, net[0]), (GROSS, gross[0])), (net[1], gross[1])


def _amount(money: object) -> tuple[str, Decimal] | None:
    if type(money) is not dict:
        return None
    if "value" not in money and type(inner := money.get("money")) is dict:
        money = inner
    number = money.get("value")
    if type(number) is not Decimal:
        if type(number) is not int:
            return None
        number = Decimal(number)
    currency = money.get("unit", "")
    return currency_code(currency) if type(currency) is str else "", number


def has_amounts(prices: object) -> bool:
    """Tell whether any price of a list of CartPrice has an amount, whether it is added up or not."""
    return type(prices) is list and any(
        type(price) is dict and amounts_of(price.get("price")) != NOTHING for price in prices
    )
