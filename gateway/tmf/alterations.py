"""What alterations make of the amounts of a price.

An alteration applies when it is a percentage or an amount in the price's currency, and is meant for this kind of charge. It
reduces the price, whatever sign it was written with (the standard's samples write "50% off" as 50, others as -50), unless its
`priceType` says that it is a surcharge. An alteration of a recurring price for a limited time (`applicationDuration`) is not
applied: the standard's samples leave the price as it will be, and list the alteration with it. So do the totals.

A price has up to two amounts, without tax and with it. What an alteration does to each is decided by this table:

| the alteration names | the amount of the same kind | the price's other amount |
|---|---|---|
| a percentage | changes by it | changes by it |
| both amounts | changes by its own | changes by its own |
| one amount, and the tax rate is known | changes by it | changes by what follows from the rate, if that has an end |
| one amount, and the tax rate is not known | changes by it | is not known, and left out |
| an amount in another currency, or nothing | stays; the alteration is listed | stays |

An amount of 0 beside a percentage or another amount names nothing: the standard's samples fill them in so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.documents import JsonObject
from gateway.tmf.amounts import AMOUNTS, GROSS, NET, NOTHING, amounts_of
from gateway.tmf.charge_words import Head, head_of, kind_of, letters
from gateway.tmf.numbers import EXACT, as_number
from gateway.tmf.tax import other_amount, tax_factor

_SURCHARGES: Final = frozenset({"surcharge", "penalty", "fee", "uplift", "markup", "increase"})
_HUNDRED: Final = Decimal(100)
_NAMES: Final = {NET: "without tax", GROSS: "with tax"}

# The amounts of a price by their kind (one of AMOUNTS); None where the amount is not known any more.
Values: TypeAlias = dict[str, Decimal | None]


class Fault(NamedTuple):
    """Why a price, or a part of it, does not count as it was meant: `where` is a path within the price, "" for all of it."""

    code: str
    where: str
    message: str


class Altered(NamedTuple):
    """The amounts after the alterations, and those alterations that are listed instead of being applied."""

    values: Values
    listed: tuple[dict[str, Any], ...]


def altered(
    price: JsonObject, head: Head, currency: str, given: Mapping[str, Decimal], faults: list[Fault] | None
) -> Altered:
    """Apply the `priceAlteration` of a CartPrice that names the amounts `given` in `currency`, in the order of `priority`.

    What does not apply as it was meant is put into `faults`. Raises one of INEXACT when a result cannot be exact.
    """
    values: Values = dict(given)
    listed: list[dict[str, Any]] = []
    alterations = price["priceAlteration"]
    nodes = list(enumerate(alterations)) if type(alterations) is list else []
    for position, node in sorted((each for each in nodes if type(each[1]) is dict), key=_priority):
        change = _Change(price, node, head, currency, given)
        if change.why_not is None:
            change.apply(values)
        else:
            listed.append(node)
        told = change.why_not or change.why_unknown
        if told and faults is not None:
            code = "alteration_not_applied" if change.why_not else "amount_unknown"
            faults.append(Fault(code, f"priceAlteration[{position}]", told))
    return Altered(values, tuple(listed))


class _Change:
    """One alteration of one price. `why_not`: None when it applies, else the reason, empty where the standard has it so."""

    __slots__ = ("_amounts", "_factor", "_percentage", "_rises", "why_not", "why_unknown")

    def __init__(
        self, price: JsonObject, node: JsonObject, head: Head, currency: str, given: Mapping[str, Decimal]
    ) -> None:
        own = head_of(node)
        self._rises = letters(own.price_type) in _SURCHARGES
        self.why_unknown = ""
        inner = node.get("price")
        kinds, changes = amounts_of(inner)
        self._percentage = as_number(inner.get("percentage")) if type(inner) is dict else None
        named = [(name, unit, value) for (name, unit), value in zip(kinds, changes, strict=True) if value]
        self._amounts = {name: value.copy_abs() for name, _, value in named}
        self._factor = None
        if len(self._amounts) == 1 and given.keys() - self._amounts.keys():
            self._factor = tax_factor(price["price"], inner, given.get(NET), given.get(GROSS), currency)
        self.why_not = self._reason(node, own, head)
        if self.why_not is not None:
            return
        if self._percentage is None and (kinds, changes) == NOTHING:
            # One without a price is told elsewhere: it refuses an order.
            self.why_not = "It names neither a percentage nor an amount." if inner else ""
        elif any(unit and currency and unit != currency for _, unit, _ in named):
            self.why_not = "It is in another currency than the price; it is not applied to it."

    @staticmethod
    def _reason(node: JsonObject, own: Head, head: Head) -> str | None:
        """Return why the alteration is not for this charge, None when it is."""
        kind, theirs = kind_of(own), kind_of(head)
        if (kind and theirs and kind != theirs) or (own.period and theirs == "oneTime"):
            return "It is for another kind of charge than the price."
        if own.period and head.period and own.period != head.period:
            return "It is for another charge period than the price."
        if own.unit_of_measure and head.unit_of_measure and own.unit_of_measure != head.unit_of_measure:
            return "It is for another unit of measure than the price."
        if (head.period or theirs == "recurring") and as_number(node.get("applicationDuration")):
            return ""
        return None

    def apply(self, values: Values) -> None:
        """Change the amounts in place; tell in `why_unknown` which of them is not known any more."""
        combine = EXACT.add if self._rises else EXACT.subtract
        for name in AMOUNTS:
            value = values.get(name)
            if value is None:
                continue
            if self._percentage:
                share = EXACT.divide(EXACT.multiply(value, self._percentage.copy_abs()), _HUNDRED)
                value = combine(value, share)
            if self._amounts:
                change = self._amounts.get(name)
                if change is None:
                    change = self._following(name)
                values[name] = None if change is None else combine(value, change)
            else:
                values[name] = value

    def _following(self, name: str) -> Decimal | None:
        """Return the change of the amount `name` that follows from the one that is named, None when it is not known."""
        ((other, value),) = self._amounts.items()
        change = None if self._factor is None else other_amount(value, self._factor, with_tax=name == GROSS)
        if change is None:
            why = "no tax rate tells" if self._factor is None else "the tax rate does not tell exactly"
            self.why_unknown = (
                f"It names the amount {_NAMES[other]} only, and {why} the amount {_NAMES[name]}: a total {_NAMES[name]} is "
                "left out."
            )
        return change


def _priority(numbered: tuple[int, JsonObject]) -> Decimal:
    number = as_number(numbered[1].get("priority"))
    return Decimal("Infinity") if number is None else number
