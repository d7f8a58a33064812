"""What given prices come to: their amounts, with the alterations that hold for good applied. No price is made.

Not every price is part of a total. This table decides, by the price's head (see `gateway.tmf.charge_words`) and its amounts:

| the price | counts |
|---|---|
| is charged once (`oneTime`) | now |
| is charged in each period (`recurring`, or it has a period) | in each of these periods |
| is paid by use (`usage`), or for a measured unit (GB, minutes) | never: a rate is listed by a finding |
| is one of several of its item for one unit of measure (tiers) | never: it is listed by a finding |
| is a percentage and no amount, or in two currencies at once | it makes every total of its type and period unknown |
| says none of that | by itself, under its own word |

Arithmetic is exact, or refused: what cannot be told exactly, or (where it is stored) not with the digits that a document may
have, is an error, never a rounded number. An amount that would only follow from a tax rate is left out instead.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from gateway.tmf.alterations import Fault, altered
from gateway.tmf.amounts import AMOUNTS, GROSS, NET, amounts_of
from gateway.tmf.charge_words import Head, head_of, is_rate
from gateway.tmf.numbers import as_number
from gateway.tmf.tax import other_amount, tax_factor


class Charge(NamedTuple):
    """One given price: the amounts it comes to, and the alterations that are listed with it but not applied.

    `kinds` are those of AMOUNTS that are known, all in `currency`; `lost` those that the price names and that are not known
    after its alterations. A price that names nothing that can be added has neither.
    """

    price: dict[str, Any]
    head: Head
    currency: str
    kinds: tuple[str, ...]
    values: tuple[Decimal, ...]
    listed: tuple[dict[str, Any], ...] = ()
    lost: tuple[str, ...] = ()


def charges(prices: object, faults: list[tuple[int, Fault]] | None = None) -> list[Charge]:
    """Return every price of a list of CartPrice that is part of a total, or makes one unknown.

    Into `faults` goes what does not count as it was meant, with the position of its price. Raises one of INEXACT when a
    result cannot be exact.
    """
    found: list[Charge] = []
    if type(prices) is not list:
        return found
    own: list[Fault] | None = None if faults is None else []
    positions: list[int] = []
    has_units = False
    for position, price in enumerate(prices):
        charge = read_charge(price, own)
        if charge is not None:
            if is_rate(charge.head):
                if own is not None:
                    own.append(Fault("price_not_summed", "", "It is paid by use: a rate is not part of a total."))
            else:
                has_units = has_units or bool(charge.head.unit_of_measure)
                found.append(charge)
                positions.append(position)
        if faults is not None and own:
            faults += [(position, fault) for fault in own]
            own.clear()
    return _without_tiers(found, positions, faults) if has_units and len(found) > 1 else found


def _without_tiers(found: list[Charge], positions: list[int], faults: list[tuple[int, Fault]] | None) -> list[Charge]:
    keys = [(charge.head, charge.currency) for charge in found]
    tiers = {key for key in keys if key[0].unit_of_measure and keys.count(key) > 1}
    if faults is not None:
        message = "The item has several prices for this unit of measure: tiers are not added to each other."
        faults += [
            (position, Fault("price_not_summed", "", message))
            for key, position in zip(keys, positions, strict=True)
            if key in tiers
        ]
    return [charge for charge, key in zip(found, keys, strict=True) if key not in tiers]


def read_charge(price: object, faults: list[Fault] | None = None) -> Charge | None:
    """Return what one CartPrice comes to, rates of use too; None for one that says nothing. Raises one of INEXACT."""
    if type(price) is not dict:
        return None
    node = price.get("price")
    kinds, values = amounts_of(node)
    head = head_of(price)
    if not kinds:
        if type(node) is not dict or as_number(node.get("percentage")) is None:
            return None
        _tell(faults, "price_not_summed", "price.percentage", "It is a percentage and no amount")
        return Charge(price, head, "", (), ())
    names = (kinds[0][0],) if len(kinds) == 1 else AMOUNTS
    currency = kinds[0][1]
    if len(kinds) > 1 and currency != kinds[1][1]:
        if currency and kinds[1][1]:
            _tell(faults, "currencies_differ", "price", "Its amounts are in different currencies")
            return Charge(price, head, "", (), ())
        currency = currency or kinds[1][1]
    if "priceAlteration" not in price:
        return Charge(price, head, currency, names, values)
    after, listed = altered(price, head, currency, dict(zip(names, values, strict=True)), faults)
    known = {name: value for name, value in after.items() if value is not None}
    lost = tuple(name for name in names if name not in known)
    return Charge(price, head, currency, tuple(known), tuple(known.values()), listed, lost)


def _tell(faults: list[Fault] | None, code: str, where: str, what: str) -> None:
    if faults is not None:
        faults.append(Fault(code, where, f"{what}: no total of its price type and period is known."))


def amount_named(charge: Charge, name: str) -> Decimal | None:
    """Return the amount `name` of a charge: as it is known, or as it follows from its other amount and its tax rate."""
    if name in charge.kinds:
        return charge.values[charge.kinds.index(name)]
    if name in charge.lost or len(charge.kinds) != 1:
        return None
    kinds, values = amounts_of(charge.price["price"])
    given = {kind: value for (kind, _), value in zip(kinds, values, strict=True)}
    factor = tax_factor(charge.price["price"], None, given.get(NET), given.get(GROSS), charge.currency)
    return None if factor is None else other_amount(charge.values[0], factor, with_tax=name == GROSS)
