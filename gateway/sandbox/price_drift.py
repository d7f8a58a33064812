"""How much the sandbox's prices differ from what they should be: an option of a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_DRIFT = re.compile(r"([+-]?[0-9]{1,9}(?:\.[0-9]{1,9})?)(%?)")
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class PriceDrift:
    """How much every price differs from the list: by a share, and by an amount."""

    percent: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)

    def apply(self, amount: Decimal) -> Decimal:
        """Return what is charged for a price of the list, to the cent where that has to be rounded."""
        if self.percent:
            amount = (amount + amount * self.percent / 100).quantize(_CENT)
        return amount + self.amount


NO_DRIFT = PriceDrift()


def parse_drift(text: str) -> PriceDrift:
    """Read `10%` (every price is so much higher) or `0.50` (by so many units of the currency); ValueError otherwise."""
    found = _DRIFT.fullmatch(text)
    if found is None:
        raise ValueError(f"price drift is {text!r}; write a share such as 10%, or an amount such as 0.50 or -2")
    number = Decimal(found.group(1))
    return PriceDrift(percent=number) if found.group(2) else PriceDrift(amount=number)
