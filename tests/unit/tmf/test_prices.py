"""What a given price comes to, and what prices add up to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.carts.totals import write_totals
from gateway.errors import InvalidBodyError
from gateway.tmf.given_totals import cart_total_prices, cart_totals
from gateway.tmf.prices import charges
from gateway.tmf.totals import TotalKey

MONTHLY = {"priceType": "recurring", "recurringChargePeriod": "month"}


def price(duty_free: Any, *alterations: dict[str, Any], **more: Any) -> dict[str, Any]:
    amount = {"dutyFreeAmount": {"unit": "EUR", "value": duty_free}}
    return {**MONTHLY, "price": amount, **({"priceAlteration": list(alterations)} if alterations else {}), **more}


def percent(percentage: Any, **more: Any) -> dict[str, Any]:
    return {"priceType": "recurring", "price": {"percentage": percentage}, **more}


def euros(value: Any, **more: Any) -> dict[str, Any]:
    return {"priceType": "discount", "price": {"dutyFreeAmount": {"unit": "EUR", "value": value}}, **more}


def item(*prices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"itemPrice": list(prices), **more}


@pytest.mark.parametrize(
    ("alterations", "value"),
    [
        ([], "29.90"),
        # Half the price, whichever sign it is written with.
        ([percent(50)], "14.95"),
        ([percent(-50)], "14.95"),
        ([percent(Decimal("33.333"))], "19.9334330"),
        ([euros(5)], "24.90"),
        ([euros(-5)], "24.90"),
        ([{**percent(10), "priceType": "surcharge"}], "32.890"),
        ([euros(Decimal("0.0000000000000000000000000000000000001"))], "29.8999999999999999999999999999999999999"),
        ([percent(Decimal("0.00000000000000000000000000000000001"))], "29.89999999999999999999999999999999999701"),
        # In the order of their priority, then as they stand: first 10 off, then half, or the other way round.
        ([percent(50, priority=2), euros(10, priority=1)], "9.95"),
        ([percent(50, priority=1), euros(10, priority=2)], "4.95"),
        ([percent(50), euros(10)], "4.95"),
        # Percentage and amount of one alteration: the official samples have amounts of 0 beside a percentage.
        ([{**percent(50), "price": {"percentage": 50, "dutyFreeAmount": {"unit": "EUR", "value": 0}}}], "14.95"),
    ],
)
def test_alterations_that_hold_for_good_are_applied(alterations: list[dict[str, Any]], value: str) -> None:
    (charge,) = charges([price(Decimal("29.90"), *alterations)])

    assert charge.values == (Decimal(value),)
    assert charge.listed == ()


@pytest.mark.parametrize(
    "alteration",
    [
        percent(50, applicationDuration=3),
        {**euros(5), "price": {"dutyFreeAmount": {"unit": "USD", "value": 5}}},
        {**euros(5), "price": {}},
        {"price": None},
        {**percent(50), "priceType": "oneTime"},
        {**percent(50), "recurringChargePeriod": "year"},
    ],
)
def test_other_alterations_are_listed_and_not_applied(alteration: dict[str, Any]) -> None:
    (charge,) = charges([price(29, alteration)])

    assert (charge.values, charge.listed) == ((29,), (alteration,))


def test_a_price_that_is_charged_once_has_no_time_after_its_alteration() -> None:
    once = {"priceType": "oneTime", "price": {"taxIncludedAmount": {"unit": "EUR", "value": 10}}}

    (charge,) = charges([{**once, "priceAlteration": [{"price": {"percentage": 20}, "applicationDuration": 1}]}])

    assert charge.values == (8,)


def test_only_active_items_count_and_as_often_as_there_are() -> None:
    cart = {
        "cartItem": [
            item(price(Decimal("1.10")), quantity=3),
            item(price(100), status="saveForLater", cartItem=[item(price(1000))]),
            item(price(Decimal("0.05")), cartItem=[item(price(2), quantity=2)]),
        ]
    }

    assert cart_totals(cart) == {TotalKey("recurring", "month", "", "dutyFreeAmount", "EUR"): Decimal("7.35")}


def test_what_differs_is_not_added_up() -> None:
    prices = [
        price(1),
        price(1, priceType="oneTime"),
        price(1, recurringChargePeriod="year"),
        price(1, unitOfMeasure="user"),
        {**MONTHLY, "price": {"dutyFreeAmount": {"unit": "USD", "value": 1}}},
    ]

    totals = cart_total_prices({"cartItem": [item(*prices), item(*prices)]})

    assert len(totals) == len(prices)
    assert {amount["value"] for total in totals for amount in total["price"].values()} == {2}


def test_words_and_tax_rate_are_told_where_all_prices_agree() -> None:
    one = price(
        1, name="Monthly", description="first", price={"taxRate": 19, "dutyFreeAmount": {"unit": "EUR", "value": 1}}
    )
    two = {**one, "description": "second"}

    (total,) = cart_total_prices({"cartItem": [item(one), item(two)]})

    assert total == {
        "name": "Monthly",
        **MONTHLY,
        "price": {"taxRate": 19, "dutyFreeAmount": {"unit": "EUR", "value": 2}},
    }


def test_an_alteration_for_a_time_is_listed_with_the_sum_when_it_holds_for_it() -> None:
    half, less = percent(50, applicationDuration=3), euros(5, applicationDuration=3)

    assert cart_total_prices({"cartItem": [item(price(1, half)), item(price(2, half), quantity=2)]})[0][
        "priceAlteration"
    ] == [half]
    assert "priceAlteration" not in cart_total_prices({"cartItem": [item(price(1, half)), item(price(2))]})[0]
    # 5 off each of two is not 5 off the sum.
    assert "priceAlteration" not in cart_total_prices({"cartItem": [item(price(1, less), quantity=2)]})[0]
    assert cart_total_prices({"cartItem": [item(price(1, less))]})[0]["priceAlteration"] == [less]


def test_a_given_total_speaks_for_an_item_without_prices() -> None:
    given = [price(7)]
    bundle = {"itemTotalPrice": given, "cartItem": [{"id": "2"}]}
    priced = {"itemTotalPrice": given, "cartItem": [item(price(3))]}

    assert set(cart_totals({"cartItem": [bundle, priced, item(price(1))]}).values()) == {11}


def test_without_prices_the_given_totals_stand() -> None:
    assert set(cart_totals({"cartTotalPrice": [price(7), price(2)], "cartItem": [{"id": "1"}]}).values()) == {9}
    assert cart_total_prices({}) == []


WIDE = [
    [price(Decimal("1E+60")), price(Decimal("1E-60"))],
    [price(Decimal("1.5E-60"), percent(Decimal("0.00001")))],
    [price(Decimal("9" * 64), percent(Decimal("0.1")))],
]


@pytest.mark.parametrize("prices", WIDE)
def test_what_cannot_be_stored_exactly_is_refused(prices: list[dict[str, Any]]) -> None:
    assert cart_total_prices({"cartItem": [item(*prices)]})
    with pytest.raises(InvalidBodyError, match="exactly"):
        write_totals({"cartItem": [item(*prices)]})


def test_what_cannot_be_told_exactly_is_refused() -> None:
    many = [percent(Decimal(f"0.{'7' * 60}")) for _ in range(20)]

    with pytest.raises(InvalidBodyError, match="exactly"):
        cart_totals({"cartItem": [item(price(1, *many))]})
