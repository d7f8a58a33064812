"""What a given price comes to: its amounts, with the alterations that hold for good applied. No price is made.

An alteration applies when it is a percentage or an amount in the price's currency, and is meant for this kind of price. It
reduces the price, whatever sign it was written with (the standard's samples write "50% off" as 50, others as -50), unless its
`priceType` says that it is a surcharge. An alteration of a recurring price for a limited time (`applicationDuration`) is not
applied: the standard's samples leave the price as it will be, and list the alteration with it. So do the totals.

Arithmetic is exact, or refused: what cannot be told exactly, or (where it is stored) not with the digits that a document may
have, is an error, never a rounded number.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.tmf.json import NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MAX

# What makes two prices of one kind.
HEAD: Final = ("priceType", "recurringChargePeriod", "unitOfMeasure")
AMOUNTS: Final = ("dutyFreeAmount", "taxIncludedAmount")
# Wide enough for any sum of numbers that a document may hold, and for several percentages of them.
EXACT: Final = Context(prec=1000, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, InvalidOperation, Overflow])
# Just the numbers that a document may hold: up to 64 digits, exponents from -64 to 64 (`clamp` writes larger ones out).
STORED: Final = Context(
    prec=NUMBER_DIGITS_MAX,
    Emin=NUMBER_DIGITS_MAX - 1 - NUMBER_EXPONENT_MAX,
    Emax=NUMBER_DIGITS_MAX - 1 + NUMBER_EXPONENT_MAX,
    clamp=1,
    traps=[Inexact, InvalidOperation, Overflow],
)
# What these raise when a result cannot be told.
INEXACT: Final = (Inexact, InvalidOperation, Overflow)

_SURCHARGES: Final = frozenset({"surcharge", "penalty", "fee", "uplift", "markup", "increase"})
KINDS: Final = frozenset({"recurring", "onetime", "usage"})
"""The price types that say how a price is charged; others (`discount`) say something else."""
_HUNDRED: Final = Decimal(100)


# Price type, period and unit of measure.
Head: TypeAlias = tuple[str, str, str]


# Which amount, one of AMOUNTS, in which currency.
Kind: TypeAlias = tuple[str, str]
# What a price comes to: kinds and, at the same places, values. In two, because prices of the same kinds are added up.
Amounts: TypeAlias = tuple[tuple[Kind, ...], tuple[Decimal, ...]]
NOTHING: Final[Amounts] = ((), ())


class Charge(NamedTuple):
    """One given price: the amounts it comes to, and the alterations that are listed with it but not applied."""

    price: dict[str, Any]
    head: Head
    kinds: tuple[Kind, ...]
    values: tuple[Decimal, ...]
    listed: tuple[dict[str, Any], ...]


def charges(prices: Any) -> list[Charge]:
    """Return every price of a list of CartPrice that has an amount. Raises one of INEXACT when a result cannot be exact."""
    found: list[Charge] = []
    if type(prices) is not list:
        return found
    for price in prices:
        if type(price) is not dict:
            continue
        kinds, values = amounts_of(price.get("price"))
        if not kinds:
            continue
        head = head_of(price)
        listed: tuple[dict[str, Any], ...] = ()
        if "priceAlteration" in price:
            values, listed = _altered((kinds, values), head, price["priceAlteration"])
        found.append(Charge(price, head, kinds, values, listed))
    return found


def head_of(price: dict[str, Any]) -> Head:
    """Return price type, period and unit of measure of a price; empty text for what it does not say."""
    get = price.get
    price_type, period, unit = get("priceType", ""), get("recurringChargePeriod", ""), get("unitOfMeasure", "")
    if type(price_type) is type(period) is type(unit) is str:
        return price_type, period, unit
    return (
        price_type if type(price_type) is str else "",
        period if type(period) is str else "",
        unit if type(unit) is str else "",
    )


def amounts_of(price: Any) -> Amounts:
    """Return the amounts of a Price; anything that is no amount is passed over."""
    if type(price) is not dict:
        return NOTHING
    kinds: tuple[Kind, ...] = ()
    values: tuple[Decimal, ...] = ()
    for name in AMOUNTS:
        if name in price and type(money := price[name]) is dict:
            number = money.get("value")
            if type(number) is int:
                number = Decimal(number)
            if type(number) is Decimal:
                currency = money.get("unit", "")
                kinds += ((name, currency if type(currency) is str else ""),)
                values += (number,)
    return kinds, values


def as_number(value: Any) -> Decimal | None:
    """Return a JSON number as a Decimal with its digits, None for anything else."""
    if type(value) is Decimal:
        return value
    return Decimal(value) if type(value) is int else None


def _text(node: dict[str, Any], name: str) -> str:
    value = node.get(name)
    return value if type(value) is str else ""


def _altered(amounts: Amounts, head: Head, alterations: Any) -> tuple[tuple[Decimal, ...], tuple[dict[str, Any], ...]]:
    """Apply what applies, in the order of `priority`; return the values and the alterations that were not applied."""
    kinds, values = amounts
    listed = []
    nodes = [node for node in alterations if type(node) is dict] if type(alterations) is list else []
    for node in sorted(nodes, key=_priority):
        changed = None if _is_limited(node, head) or not _is_meant_for(node, head) else _applied(kinds, values, node)
        if changed is None:
            listed.append(node)
        else:
            values = changed
    return values, tuple(listed)


def _priority(alteration: dict[str, Any]) -> Decimal:
    number = as_number(alteration.get("priority"))
    return Decimal("Infinity") if number is None else number


def _is_limited(alteration: dict[str, Any], head: Head) -> bool:
    recurring = bool(head[1]) or kind_of(head[0]) == "recurring"
    return recurring and bool(as_number(alteration.get("applicationDuration")))


def _is_meant_for(alteration: dict[str, Any], head: Head) -> bool:
    kind, own_kind = kind_of(_text(alteration, "priceType")), kind_of(head[0])
    if kind in KINDS and own_kind in KINDS and kind != own_kind:
        return False
    return all(
        not theirs or not ours or theirs == ours
        for theirs, ours in zip((_text(alteration, name) for name in HEAD[1:]), head[1:], strict=True)
    )


def kind_of(price_type: str) -> str:
    """Return a price type in the spelling of KINDS, however it is written (`one time`, `One_Time`)."""
    return price_type.replace("_", "").replace(" ", "").replace("-", "").lower()


def _applied(
    kinds: tuple[Kind, ...], values: tuple[Decimal, ...], alteration: dict[str, Any]
) -> tuple[Decimal, ...] | None:
    """Return the values after one alteration; None when it has neither a percentage nor an amount that fits."""
    price = alteration.get("price")
    percentage = as_number(price.get("percentage")) if type(price) is dict else None
    changes = dict(zip(*amounts_of(price), strict=True))
    if percentage is None and not changes.keys() & set(kinds):
        return None
    combine = EXACT.add if kind_of(_text(alteration, "priceType")) in _SURCHARGES else EXACT.subtract
    altered = []
    for kind, given in zip(kinds, values, strict=True):
        value = given
        if percentage:
            value = combine(value, EXACT.divide(EXACT.multiply(value, percentage.copy_abs()), _HUNDRED))
        if change := changes.get(kind):
            value = combine(value, change.copy_abs())
        altered.append(value)
    return tuple(altered)
