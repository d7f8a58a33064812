"""Currencies: their codes however they are written, and how many digits their amounts have.

The digits are the minor units of ISO 4217, list one. Nearly all currencies have two; the others are listed here, because a
library of them would bring the names of all currencies in all languages for these few numbers.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

DIGITS_USUAL: Final = 2
_DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip


def currency_code(unit: str) -> str:
    """Return a currency as ISO 4217 writes it: `eur` is `EUR`."""
    return unit if unit.isupper() and unit.isalpha() else unit.strip().upper()


def currency_digits(currency: str) -> int:
    """Return how many digits after the point an amount of `currency` has; two where the currency is not known."""
    return _DIGITS.get(currency_code(currency), DIGITS_USUAL)


def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of `currency`: 0.01 for EUR, 1 for JPY, 0.001 for KWD."""
    return Decimal(1).scaleb(-currency_digits(currency))


def half_minor_unit(currency: str) -> Decimal:
    """Return by how much an amount differs at most from what is shown of it at the digits of `currency`."""
    return Decimal(5).scaleb(-currency_digits(currency) - 1)
