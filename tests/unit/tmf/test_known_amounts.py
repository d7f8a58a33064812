"""Which amounts of a total are known: every kind of price and alteration, by the tables of the modules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.tmf.alterations import Fault
from gateway.tmf.given_totals import cart_total_prices, cart_totals
from gateway.tmf.prices import charges
from gateway.tmf.totals import TotalKey, Unknown, cart_charges, total_prices

NET, GROSS = "dutyFreeAmount", "taxIncludedAmount"


def amounts(unit: str = "EUR", **values: Any) -> dict[str, Any]:
    names = {"net": NET, "gross": GROSS}
    found = {names[name]: {"unit": unit, "value": value} for name, value in values.items() if name in names}
    return {**found, **{name: value for name, value in values.items() if name not in names}}


def price(given: dict[str, Any], *alterations: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {"priceType": "oneTime", "price": given, **more}
    return {**found, "priceAlteration": list(alterations)} if alterations else found


def off(given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "Off", "price": given, **more}


def known(*prices: dict[str, Any], quantity: int = 1) -> dict[str, Decimal]:
    """Return the amounts of the only total of a cart with these prices."""
    found = cart_totals({"cartItem": [{"quantity": quantity, "itemPrice": [each]} for each in prices]})
    return {{NET: "net", GROSS: "gross"}[key.amount]: value for key, value in found.items()}


def faults(*prices: dict[str, Any]) -> set[tuple[int, str, str]]:
    found: list[tuple[int, Fault]] = []
    charges(list(prices), found)
    return {(position, fault.code, fault.where) for position, fault in found}


BOTH = amounts(net=100, gross=119)


@pytest.mark.parametrize(
    ("given", "alteration", "expected"),
    [
        # One amount is named, and no tax rate: the other one is nobody's.
        (BOTH, amounts(net=10), {"net": 90}),
        (BOTH, amounts(gross=10), {"gross": 109}),
        # The tax rate is known: both follow.
        ({**BOTH, "taxRate": 19}, amounts(net=10), {"net": 90, "gross": Decimal("107.1")}),
        ({**BOTH, "taxRate": 19}, amounts(gross=Decimal("11.9")), {"net": 90, "gross": Decimal("107.1")}),
        (BOTH, amounts(net=10, taxRate=19), {"net": 90, "gross": Decimal("107.1")}),
        ({**BOTH, "taxRate": Decimal("0.19")}, amounts(net=10), {"net": 90, "gross": Decimal("107.1")}),
        (amounts(net=100, gross=100, taxRate=0), amounts(net=10), {"net": 90, "gross": 90}),
        # To the cent, as prices are shown.
        (amounts(net=Decimal("9.99"), gross=Decimal("11.89"), taxRate=19), amounts(net=1),
         {"net": Decimal("8.99"), "gross": Decimal("10.70")}),
        # A division without an end tells nothing exactly.
        ({**BOTH, "taxRate": 19}, amounts(gross=10), {"gross": 109}),
        # Rates that contradict each other, or the price.
        ({**BOTH, "taxRate": 19}, amounts(net=10, taxRate=7), {"net": 90}),
        ({**BOTH, "taxRate": 7}, amounts(net=10), {"net": 90}),
        ({**BOTH, "taxRate": -19}, amounts(net=10), {"net": 90}),
        # Both are named, or a percentage of both.
        (BOTH, amounts(net=10, gross=12), {"net": 90, "gross": 107}),
        (BOTH, {"percentage": 10}, {"net": 90, "gross": Decimal("107.1")}),
        # The samples fill in zeros beside a percentage, and beside another amount.
        (BOTH, {"percentage": 10, **amounts(net=0, gross=0, taxRate=0)}, {"net": 90, "gross": Decimal("107.1")}),
        (BOTH, amounts(net=10, gross=0), {"net": 90}),
        # Tax on one side only.
        (amounts(gross=119), amounts(net=10), {}),
        (amounts(gross=119, taxRate=19), amounts(net=10), {"gross": Decimal("107.1")}),
        (amounts(net=100), amounts(gross=10), {}),
        # A rate of 0.19 alone is 0.19 % or 19 %: nobody knows.
        (amounts(net=100, taxRate=Decimal("0.19")), amounts(gross=10), {}),
        # Another currency is told, and not applied.
        (BOTH, amounts("USD", net=10), {"net": 100, "gross": 119}),
        (BOTH, amounts("eur", net=10, gross=12), {"net": 90, "gross": 107}),
    ],
)  # fmt: skip
def test_an_alteration_changes_what_it_names_and_what_follows(
    given: dict[str, Any], alteration: dict[str, Any], expected: dict[str, Any]
) -> None:
    altered = price(given, off(alteration))
    assert known(altered) == expected
    assert known(altered, quantity=3) == {name: value * 3 for name, value in expected.items()}
    lost = {name for name in (NET, GROSS) if name in given} - {{"net": NET, "gross": GROSS}[name] for name in expected}
    assert (0, "amount_unknown", "priceAlteration[0]") in faults(altered) or not lost


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([BOTH, amounts(net=10)], {"net": 110}),
        ([BOTH, amounts(net=10, taxRate=19)], {"net": 110, "gross": Decimal("130.9")}),
        ([BOTH, amounts(gross=10)], {"gross": 129}),
        ([BOTH, amounts(gross=Decimal("11.9"), taxRate=19)], {"net": 110, "gross": Decimal("130.9")}),
        ([amounts(net=10), amounts(gross=10)], {}),
        ([amounts(net=10, taxRate=19), amounts(gross=10)], {"gross": Decimal("21.9")}),
        ([amounts(net=10, taxRate=19), amounts(net=20, taxRate=7)], {"net": 30}),
        # A percentage, or a price in two currencies, makes the whole total unknown.
        ([amounts(net=10), {"percentage": 5}], {}),
        ([amounts(net=10), {NET: {"unit": "EUR", "value": 5}, GROSS: {"unit": "USD", "value": 6}}], {}),
    ],
)
def test_a_total_has_the_amounts_that_all_its_prices_have_or_tell(
    prices: list[dict[str, Any]], expected: dict[str, Any]
) -> None:
    assert known(*map(price, prices)) == expected
    assert known(*map(price, reversed(prices))) == expected


def test_what_is_left_out_is_told() -> None:
    unknown: list[Unknown] = []
    cart = {"cartItem": [{"itemPrice": [price(BOTH)]}, {"itemPrice": [price(amounts(net=10))]}]}

    total_prices(cart_charges(cart), unknown=unknown)

    assert unknown == [Unknown(("oneTime", "", ""), "EUR", GROSS)]


MONTHLY = {"priceType": "recurring", "recurringChargePeriod": "monthly"}


@pytest.mark.parametrize(
    ("alteration", "applies"),
    [
        (off({"percentage": 50}, priceType="recurring", recurringChargePeriod="month"), True),
        (off({"percentage": 50}, priceType="Recurring Charge", recurringChargePeriod="P1M"), True),
        (off({"percentage": 50}, priceType="discount", recurringChargePeriod="Month"), True),
        (off({"percentage": 50}), True),
        (off({"percentage": 50}, priceType="recurring", recurringChargePeriod="year"), False),
        (off({"percentage": 50}, recurringChargePeriod="month", recurringChargePeriodLength=3), False),
        (off({"percentage": 50}, priceType="one time"), False),
        (off({"percentage": 50}, priceType="usage"), False),
    ],
)
def test_an_alteration_is_for_a_charge_in_any_spelling(alteration: dict[str, Any], applies: bool) -> None:
    altered = price(amounts(net=20), alteration, **MONTHLY)
    assert known(altered) == {"net": 10 if applies else 20}
    assert ((0, "alteration_not_applied", "priceAlteration[0]") in faults(altered)) is not applies


def test_an_alteration_for_each_period_is_not_one_of_what_is_charged_once() -> None:
    altered = price(amounts(net=20), off({"percentage": 50}, recurringChargePeriod="month"))
    assert known(altered) == {"net": 20}
    assert faults(altered) == {(0, "alteration_not_applied", "priceAlteration[0]")}


def test_words_and_periods_are_one_total_with_the_words_of_the_first() -> None:
    items = [
        {"itemPrice": [price(amounts(net=20), priceType="Recurring Charge", recurringChargePeriod="monthly")]},
        {"itemPrice": [price(amounts("eur", net=5), priceType="recurring", recurringChargePeriod="P1M")]},
        {"itemPrice": [price(amounts(net=1), priceType="recurring", recurringChargePeriod="month",
                             recurringChargePeriodLength=3)]},
    ]  # fmt: skip

    quarter, month = cart_total_prices({"cartItem": items})

    assert month == {"priceType": "Recurring Charge", "recurringChargePeriod": "monthly", "price": amounts(net=25)}
    assert quarter["recurringChargePeriodLength"] == 3
    assert quarter["price"] == amounts(net=1)


@pytest.mark.parametrize(
    "rate",
    [
        {"priceType": "usage"},
        {"priceType": "usage charge", "unitOfMeasure": "GB"},
        {"priceType": "recurring", "recurringChargePeriod": "month", "unitOfMeasure": "GB"},
        {"priceType": "", "unitOfMeasure": "GB"},
    ],
)
def test_rates_are_listed_and_no_part_of_a_total(rate: dict[str, Any]) -> None:
    prices = [price(amounts(net=10)), price(amounts(net=Decimal("0.1")), **rate)]
    assert known(*prices, quantity=2) == {"net": 20}
    assert faults(*prices) == {(1, "price_not_summed", "")}


def test_tiers_are_listed_and_not_added_to_each_other() -> None:
    tiers = [price(amounts(net=value), name=f"tier {value}", unitOfMeasure="user") for value in (5, 4)]
    cart = {"cartItem": [{"quantity": 7, "itemPrice": [*tiers, price(amounts(net=10))]}]}

    assert cart_totals(cart) == {TotalKey("oneTime", "", "", NET, "EUR"): 70}
    assert faults(*tiers, price(amounts(net=10))) == {(0, "price_not_summed", ""), (1, "price_not_summed", "")}


@pytest.mark.parametrize("action", ["delete", "Delete", "noChange", "no change"])
def test_what_is_removed_or_does_not_change_is_not_paid(action: str) -> None:
    old = {
        "action": action,
        "itemPrice": [price(amounts(net=30))],
        "cartItem": [{"itemPrice": [price(amounts(net=5))]}],
    }
    new = {"action": "add", "itemPrice": [price(amounts(net=40))]}

    totals = cart_totals({"cartItem": [old, new], "cartTotalPrice": [price(amounts(net=75))]})

    # What is inside a removed item goes with it; beneath one that is kept, something may be added.
    assert list(totals.values()) == [40 if action.lower() == "delete" else 45]


def test_a_cart_that_only_removes_costs_nothing() -> None:
    old = {"action": "delete", "itemPrice": [price(amounts(net=30))]}
    assert cart_totals({"cartItem": [old], "cartTotalPrice": [price(amounts(net=30))]}) == {}


def test_the_total_of_a_bundle_of_which_a_part_stays_is_not_known() -> None:
    bundle = {
        "itemTotalPrice": [price(amounts(net=10))],
        "cartItem": [{"id": "2"}, {"id": "3", "status": "saveForLater"}],
    }
    other = {"itemPrice": [price(amounts(net=5))]}

    assert cart_totals({"cartItem": [bundle, other]}) == {}
    bundle["cartItem"] = [{"id": "2"}]
    assert list(cart_totals({"cartItem": [bundle, other]}).values()) == [15]
