"""Exact decimal arithmetic: a result is told with all its digits, or refused."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Final

from gateway.tmf.json import NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MAX

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


def as_number(value: object) -> Decimal | None:
    """Return a JSON number as a Decimal with its digits, None for anything else."""
    if type(value) is Decimal:
        return value
    return Decimal(value) if type(value) is int else None
