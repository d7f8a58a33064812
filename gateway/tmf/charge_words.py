"""The words for how a price is charged, in one table: price types, charge periods, units of measure.

Senders write the same charge in many ways: `oneTime`, `one time` and `Non-Recurring Charge`; `month`, `monthly` and `P1M`; a
quarter as `quarterly` or as `month` with a `recurringChargePeriodLength` of 3 (TMF620 has that attribute). Prices are the same
kind of charge when their heads, made here, are equal. Case and separators never count. What the table does not know means
itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from gateway.documents import JsonObject

ChargeKind: TypeAlias = Literal["oneTime", "recurring", "usage", ""]
PERIOD: Final = "recurringChargePeriod"
PERIOD_LENGTH: Final = "recurringChargePeriodLength"


class Head(NamedTuple):
    """How a price is charged, in the words of the table; empty text for what it does not say.

    `price_type` is `oneTime`, `recurring`, `usage` or the sender's own word; `period` is `month`, `3 months`, ...
    """

    price_type: str
    period: str
    unit_of_measure: str


_KINDS: Final[dict[str, ChargeKind]] = {
    **dict.fromkeys(("onetime", "once", "oneoff", "nonrecurring", "nonrecurrent", "nrc", "otc", "upfront"), "oneTime"),
    **dict.fromkeys(("recurring", "recurrent", "mrc", "subscription"), "recurring"),
    **dict.fromkeys(("usage", "usagebased", "use", "consumption", "payperuse", "metered", "overage"), "usage"),
}
# What the words for a kind may end in: `Recurring Charge`, `usage price`.
_ENDINGS: Final = ("charges", "charge", "fee", "price")
# Prices of these kinds are of the cart as a whole where no item has one: no total of items can be meant.
OF_THE_CART: Final = frozenset(
    {"discount", "voucher", "coupon", "promotion", "rebate", "credit", "allowance", "fee", "surcharge", "delivery",
     "deliveryfee", "shipping", "shippingfee", "handling", "deposit", "markup", "penalty"}
)  # fmt: skip
# A price per one of these is a rate: how much of it will be used is not known.
_MEASURED: Final = frozenset(
    {"b", "byte", "bytes", "kb", "kilobyte", "mb", "megabyte", "gb", "gigabyte", "tb", "terabyte", "kib", "mib", "gib", "tib",
     "mbit", "gbit", "s", "sec", "second", "min", "minute", "sms", "mms", "message", "call", "event", "session", "kwh", "wh",
     "request", "transaction"}
)  # fmt: skip
_UNITS: Final[dict[str, tuple[str, int]]] = {
    "hour": ("hour", 1), "hourly": ("hour", 1), "hr": ("hour", 1),
    "day": ("hour", 24), "daily": ("hour", 24),
    "week": ("hour", 168), "weekly": ("hour", 168),
    "fortnight": ("hour", 336), "fortnightly": ("hour", 336),
    "month": ("month", 1), "monthly": ("month", 1), "mth": ("month", 1),
    "quarter": ("month", 3), "quarterly": ("month", 3),
    "halfyear": ("month", 6), "halfyearly": ("month", 6), "semiannual": ("month", 6), "semiannually": ("month", 6),
    "year": ("month", 12), "yearly": ("month", 12), "annual": ("month", 12), "annually": ("month", 12),
    "annum": ("month", 12),
}  # fmt: skip
_NAMES: Final = {"hour": (("week", 168), ("day", 24), ("hour", 1)), "month": (("year", 12), ("month", 1))}
_ISO: Final[dict[str, tuple[str, int]]] = {
    "Y": ("month", 12), "M": ("month", 1), "W": ("hour", 168), "D": ("hour", 24), "H": ("hour", 1),
}  # fmt: skip
_ISO_DURATION: Final = re.compile(r"P(?:(\d{1,4})([YMWD])|T(\d{1,4})(H))", re.ASCII)
_COUNTED: Final = re.compile(r"(\d{1,4})([a-z]+)", re.ASCII)
_LENGTH_MAX: Final = 9999
# Longer words are not kept: the table would hold on to whatever is sent.
_KEPT_CHARACTERS: Final = 64


def letters(word: str) -> str:
    """Return a word without case and separators: `One-Time` is `onetime`."""
    return "".join(filter(str.isalnum, word.casefold()))


def charge_kind(price_type: str) -> ChargeKind:
    """Return how a price of this type is charged, or "" when its type says something else (`discount`) or nothing."""
    word = letters(price_type)
    if word in _KINDS:
        return _KINDS[word]
    ending = next((ending for ending in _ENDINGS if word.endswith(ending)), "")
    return _KINDS.get(word.removesuffix(ending), "")


def charge_period(word: str, length: int = 1) -> str:
    """Return a charge period as `month`, `3 months`, `week` ...; a word that the table does not know by its letters.

    `length` is how many of them one charge is for.
    """
    return _kept_period(word, length) if len(word) <= _KEPT_CHARACTERS else _charge_period(word, length)


def _charge_period(word: str, length: int) -> str:
    found = _read_period(word)
    if found is None:
        own = letters(word)
        return f"{length} {own}" if length > 1 and own else own
    unit, count = found
    count *= length
    name, size = next((name, size) for name, size in _NAMES[unit] if count % size == 0)
    return name if count == size else f"{count // size} {name}s"


_kept_period = lru_cache(maxsize=2048)(_charge_period)


def _read_period(word: str) -> tuple[str, int] | None:
    iso = _ISO_DURATION.fullmatch(word.strip().upper())
    if iso is not None:
        number, designator = iso.group(1) or iso.group(3), iso.group(2) or iso.group(4)
        unit, size = _ISO[designator]
        return (unit, int(number) * size) if int(number) else None
    own = letters(word)
    counted = _COUNTED.fullmatch(own)
    number, own = (int(counted.group(1)), counted.group(2)) if counted is not None else (1, own)
    for candidate in (own, own.removesuffix("s"), own.removeprefix("per"), own.removeprefix("every")):
        if candidate in _UNITS and number:
            unit, size = _UNITS[candidate]
            return unit, number * size
    return None


def head_of(price: JsonObject) -> Head:
    """Return how a price is charged: one charge has one head, however it is written."""
    get = price.get
    price_type, period, unit = get("priceType", ""), get(PERIOD, ""), get("unitOfMeasure", "")
    length = get(PERIOD_LENGTH, 1) if PERIOD_LENGTH in price else 1
    if type(price_type) is not str:
        price_type = ""
    if type(period) is not str:
        period = ""
    if type(unit) is not str:
        unit = ""
    if type(length) is not int or not 1 <= length <= _LENGTH_MAX:
        length = 1
    if len(price_type) + len(period) + len(unit) > _KEPT_CHARACTERS:
        return _head(price_type, period, unit, length)
    return head_of_words(price_type, period, unit, length)


def _head(price_type: str, period: str, unit: str, length: int) -> Head:
    kind = charge_kind(price_type)
    word = charge_period(period, length) if period else ""
    if kind == "oneTime":
        return Head(kind, "", unit.strip())  # What is charged once has no period, whatever it says.
    own_type = kind or letters(price_type) or ("recurring" if word else "")
    return Head(own_type, word, unit.strip())


head_of_words = lru_cache(maxsize=2048)(_head)


def kind_of(head: Head) -> ChargeKind:
    """Return how a price with this head is charged, or "" where its type does not say."""
    price_type = head.price_type
    return price_type if price_type in ("oneTime", "recurring", "usage") else ""  # type: ignore[return-value]


def is_rate(head: Head) -> bool:
    """Tell whether a price with this head is paid by use: a rate is neither multiplied by a quantity nor added to another."""
    if head.price_type == "usage":
        return True
    unit = head.unit_of_measure
    if not unit:
        return False
    return not kind_of(head) or _is_measured(unit)


@lru_cache(maxsize=512)
def _is_measured(unit: str) -> bool:
    word = letters(unit).removeprefix("per")
    return word in _MEASURED or word.removesuffix("s") in _MEASURED


class PeriodWords:
    """The order system's words for charge periods (`price.charge_periods` of a mapping)."""

    __slots__ = ("_by_period", "_words")

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words
        self._by_period: dict[str, str] = {}
        for word, target in words.items():
            self._by_period.setdefault(charge_period(word), target)

    def word(self, period: str) -> str | None:
        """Return what is sent for the cart's word `period`, None when it is sent as it is.

        A mapping may have each spelling, or one of them: `monthly` stands for `Month` and `P1M` too.
        """
        own = self._words.get(period, self._words.get(period.lower()))
        if own is None and period:
            own = self._by_period.get(charge_period(period))
        return None if own == period else own

    def period(self, own: str) -> str:
        """Return the charge period that the order system's word for the period `own` stands for by the table."""
        return charge_period(self._by_period[own]) if own in self._by_period else own
