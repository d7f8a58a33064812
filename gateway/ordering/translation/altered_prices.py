"""Prices whose alterations are sent apart from them: how the order system tells which alteration is for which price.

Merged, an alteration tells by its own priceType and recurringChargePeriod which charge of the line it is for. Separate, it stands
in an itemPrice that names the price. Either way two prices of one item may look the same: that is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.model import AlteredPrice
from gateway.tmf.charge_words import Head, head_of, kind_of

_NAMED_BY: Final = ("name", "priceType", "recurringChargePeriod", "unitOfMeasure")


class Altered:
    """The altered prices of one item, gathered while its prices are translated."""

    __slots__ = ("_found", "_separate")

    def __init__(self, *, separate: bool) -> None:
        self._separate = separate
        self._found: list[tuple[dict[str, Any], list[dict[str, Any]], str]] = []

    def take(self, price: JsonObject, alterations: list[JsonObject], path: str) -> None:
        """Add a price (in the order system's words) with its alterations; `path` is theirs."""
        if alterations:
            self._found.append((price, alterations, path))

    def alterations(self) -> tuple[JsonObject, ...]:
        """Return the alterations of all prices."""
        return tuple(alteration for _, alterations, _ in self._found for alteration in alterations)

    def prices(self) -> tuple[AlteredPrice, ...]:
        """Return what the prices are named by, and how many of the alterations are of each; nothing when they are merged."""
        if not self._separate:
            return ()
        return tuple(AlteredPrice(attributes=_names(price), count=len(listed)) for price, listed, _ in self._found)

    def tell_ambiguous(self, prices: Sequence[JsonObject], findings: Findings) -> None:
        """Tell which alterations might as well be for another one of the item's `prices`."""
        for price, alterations, path in self._found:
            others = [other for other in prices if other is not price]
            if self._separate:
                alike = any(_names(other) == _names(price) for other in others)
            else:
                alike = any(_may_be_for(alteration, other) for alteration in alterations for other in others)
            if alike:
                message = (
                    "The item has another price of this kind; the order system may not know which of them is altered."
                )
                findings.warning("ambiguous_alteration", path, message)


def _names(price: JsonObject) -> JsonObject:
    return {key: price[key] for key in _NAMED_BY if key in price}


def _may_be_for(alteration: JsonObject, price: JsonObject) -> bool:
    """Tell whether nothing in an alteration says that it is not for `price`."""
    pairs = zip(_charge(alteration), _charge(price), strict=True)
    return all(not one or not other or one == other for one, other in pairs)


def _charge(node: JsonObject) -> Head:
    """Return which charge a price is, or an alteration is for, as far as it says so: its kind (`discount` is not one), period, unit."""
    head = head_of(node)
    kind = kind_of(head)
    return head._replace(price_type=kind or ("recurring" if head.period else "oneTime"))
