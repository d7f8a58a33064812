"""Terms of an item or product: v5 counts their duration in whole units, v4 and v2 in fractions too."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.values import is_number, wrong_type

_SMALLER: Final = {
    "year": ("month", 12), "week": ("day", 7), "day": ("hour", 24), "hour": ("minute", 60), "minute": ("second", 60),
}  # fmt: skip
_DIGITS_MAX: Final = 15


def check_duration(term: JsonObject, path: str, findings: Findings) -> None:
    """Refuse a `duration` that is not an object, and an amount that is not a number (TMF622 v4 Quantity)."""
    duration = term.get("duration")
    if duration is None:
        return
    if type(duration) is not dict:
        wrong_type(duration, "an object {amount, units}", f"{path}.duration", findings)
    elif duration.get("amount") is not None and not is_number(duration["amount"]):
        wrong_type(duration["amount"], "a number", f"{path}.duration.amount", findings)


def whole_duration(term: JsonObject, path: str, findings: Findings) -> JsonObject:
    """Return `term` with a `duration` whose amount is an integer (TMF622 v5 Duration), in a smaller unit if need be.

    1.5 year becomes 18 month. An amount that is whole in no smaller unit, or is not a number, is an error.
    """
    duration = term.get("duration")
    if duration is None:
        return term
    if type(duration) is not dict:
        wrong_type(duration, "an object {amount, units}", f"{path}.duration", findings)
        return term
    amount = duration.get("amount")
    if amount is None or type(amount) is int:
        return term
    where = f"{path}.duration.amount"
    if not is_number(amount):
        wrong_type(amount, "a number", where, findings)
        return term
    units = duration.get("units")
    found = _whole(Decimal(amount), units if type(units) is str else "")
    if found is None:
        message = "The order counts a term in whole units, and no smaller unit makes it whole; give an integer."
        findings.error("bad_number", where, message)
        return term
    number, unit = found
    findings.info("converted", where, "The order counts a term in whole units; the amount is sent as an integer.")
    changed = {**duration, "amount": number}
    if unit:
        changed["units"] = unit
        findings.info("converted", f"{path}.duration.units", f"It is sent as {unit}, in which the amount is whole.")
    return {**term, "duration": changed}


def _whole(amount: Decimal, units: str) -> tuple[int, str] | None:
    """Return the amount as an integer and the unit it is in, "" when that is the given one; None when there is none."""
    if not amount.is_finite() or abs(amount.adjusted()) > _DIGITS_MAX or len(amount.as_tuple().digits) > _DIGITS_MAX:
        return None
    plural = "s" if units.lower().endswith("s") else ""
    unit, changed = units.lower().removesuffix("s"), ""
    while amount != amount.to_integral_value():
        if unit not in _SMALLER:
            return None
        unit, factor = _SMALLER[unit]
        amount *= factor
        changed = unit + plural
    return int(amount), changed
