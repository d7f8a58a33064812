"""The words for how a price is charged: one charge has one head, in any spelling."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from gateway.tmf.charge_words import Head, PeriodWords, charge_kind, charge_period, head_of, is_rate
from gateway.tmf.currencies import currency_code, currency_digits


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("oneTime", ["oneTime", "one time", "One_Time", "ONE-TIME", "One Time Charge", "nonRecurring", "non-recurring", "NRC"]),
        ("recurring", ["recurring", "Recurring", "recurring charge", "RecurringFee", "MRC"]),
        ("usage", ["usage", "Usage", "usage charge", "usagePrice", "pay per use"]),
        ("", ["", "discount", "price", "fee", "charge", "monthlyish", "überraschung"]),
    ],
)  # fmt: skip
def test_a_price_type_is_known_in_any_spelling(kind: str, words: list[str]) -> None:
    assert {charge_kind(word) for word in words} == {kind}


SAME_PERIODS = {
    "hour": ["hour", "hourly", "PT1H", "1 hour"],
    "day": ["day", "daily", "P1D", "PT24H", "24 hours"],
    "week": ["week", "weekly", "P1W", "P7D", "7 days"],
    "2 weeks": ["fortnight", "P2W", "P14D"],
    "month": ["month", "Month", "monthly", "MONTHLY", "months", "P1M", "p1m", " month ", "1month", "per month"],
    "3 months": ["quarter", "quarterly", "P3M", "3 months", "3-month"],
    "6 months": ["half-year", "semiannual", "P6M"],
    "year": ["year", "yearly", "annual", "annually", "annum", "P1Y", "P12M", "12 months", "12month"],
    "2 years": ["P2Y", "P24M", "2 years"],
}


@pytest.mark.parametrize(("name", "words"), SAME_PERIODS.items())
def test_a_period_is_known_in_any_spelling(name: str, words: list[str]) -> None:
    assert {charge_period(word) for word in words} == {name}


def test_periods_of_different_length_are_different() -> None:
    assert all(one != other for one, other in combinations(SAME_PERIODS, 2))
    assert charge_period("month", 3) == charge_period("P3M") == charge_period("quarter") != charge_period("month")
    assert charge_period("month", 12) == "year"
    assert charge_period("week", 2) == "2 weeks"


@pytest.mark.parametrize("word", ["Full Moon", "P1M15D", "P0M", "0 months", "P", "mensuel", "P99999M"])
def test_a_word_that_the_table_does_not_know_means_itself(word: str) -> None:
    assert charge_period(word) == charge_period(word.swapcase())
    assert charge_period(word) not in SAME_PERIODS
    assert charge_period(word, 2) != charge_period(word)


def head(**price: Any) -> Head:
    return head_of(price)


def test_a_head_is_of_what_a_price_says() -> None:
    monthly = Head("recurring", "month", "")
    assert head(priceType="recurring", recurringChargePeriod="P1M") == monthly
    # Only a recurring price has a period.
    assert head(recurringChargePeriod="monthly") == monthly
    # What is charged once has none.
    assert head(priceType="one time", recurringChargePeriod="month") == Head("oneTime", "", "")
    assert (
        head(priceType="recurring", recurringChargePeriod="month", recurringChargePeriodLength=3).period == "3 months"
    )
    assert head(priceType="Set-up", unitOfMeasure=" GB ") == Head("setup", "", "GB")
    assert head() == Head("", "", "")


@pytest.mark.parametrize("wrong", [None, 1.5, [], {}, True, -1, 0, "3", 10**30])
def test_what_has_another_type_says_nothing(wrong: Any) -> None:
    assert head(priceType=wrong if not isinstance(wrong, str) else 1).price_type == ""
    month = {"priceType": "recurring", "recurringChargePeriod": "month"}
    assert head(**month, recurringChargePeriodLength=wrong) == Head("recurring", "month", "")


def test_a_long_word_is_read_like_any_other() -> None:
    word = "x" * 4000
    assert head(priceType=word, recurringChargePeriod="month") == Head(word, "month", "")


@pytest.mark.parametrize(
    ("price", "rate"),
    [
        ({"priceType": "usage"}, True),
        ({"priceType": "Usage Charge", "recurringChargePeriod": "month"}, True),
        ({"unitOfMeasure": "GB"}, True),
        ({"priceType": "recurring", "unitOfMeasure": "GB"}, True),
        ({"priceType": "oneTime", "unitOfMeasure": "Minutes"}, True),
        ({"priceType": "recurring", "unitOfMeasure": "per SMS"}, True),
        ({"priceType": "recurring", "unitOfMeasure": "user"}, False),
        ({"priceType": "oneTime", "unitOfMeasure": "licence"}, False),
        ({"priceType": "recurring"}, False),
        ({"priceType": "discount"}, False),
        ({}, False),
    ],
)
def test_a_rate_is_paid_by_use(price: dict[str, Any], rate: bool) -> None:
    assert is_rate(head_of(price)) is rate


def test_an_order_systems_word_stands_for_every_spelling() -> None:
    words = PeriodWords({"monthly": "MON", "Quarter": "Q"})
    assert {words.word(word) for word in ("monthly", "Monthly", "month", "P1M")} == {"MON"}
    assert words.word("P3M") == "Q"
    assert words.word("MON") is words.word("year") is words.word("") is None
    assert (words.period("month"), words.period("year")) == ("mon", "year")
    # A word of its own goes before what the table knows.
    assert PeriodWords({"month": "M", "p1m": "P"}).word("P1M") == "P"


def test_currencies_have_codes_and_digits() -> None:
    assert {currency_code(unit) for unit in ("eur", "EUR", " Eur ")} == {"EUR"}
    digits = {"EUR": 2, "jpy": 0, "KRW": 0, "XOF": 0, "KWD": 3, "TND": 3, "CLF": 4, "": 2, "XYZ": 2}
    assert {unit: currency_digits(unit) for unit in digits} == digits
