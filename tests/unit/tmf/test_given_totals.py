"""Totals that come with a cart: which stand, which are replaced, and what only the client knows."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from gateway.carts.merging import merged_carts
from gateway.carts.totals import write_totals
from gateway.tmf.given_totals import cart_totals, totals_of_cart
from gateway.tmf.item_totals import with_absent_totals, with_right_item_totals


def money(value: Any, unit: str = "EUR") -> dict[str, Any]:
    return {"dutyFreeAmount": {"unit": unit, "value": value}}


def price(value: Any, kind: str = "oneTime", **more: Any) -> dict[str, Any]:
    return {"priceType": kind, "price": money(value), **more}


def monthly(value: Any, **more: Any) -> dict[str, Any]:
    return price(value, "recurring", recurringChargePeriod="month", **more)


def voucher(value: Any, unit: str = "EUR", **more: Any) -> dict[str, Any]:
    return {"name": "Voucher", "priceType": "discount", "price": money(value, unit), **more}


def cart(*totals: dict[str, Any]) -> dict[str, Any]:
    items = [{"id": "1", "quantity": 2, "itemPrice": [price(30)]}, {"id": "2", "itemPrice": [price(40), monthly(5)]}]
    return {"cartItem": items, **({"cartTotalPrice": list(totals)} if totals else {})}


def stored(document: dict[str, Any]) -> dict[str, Any]:
    """Return a cart as it is stored: its totals written, however often it is changed."""
    write_totals(document)
    for _ in range(2):
        before = copy.deepcopy(document)
        document["x"] = document.get("x", 0) + 1
        write_totals(document, before)
    del document["x"]
    return document


def paid(document: dict[str, Any]) -> dict[str, Decimal]:
    return {key.price_type: value for key, value in cart_totals(document).items()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # Of the total that it stands in, in any spelling.
        (price(100, priceAlteration=[voucher(10)]), {"oneTime": 90, "recurring": 5}),
        (price(100, "One-Time Charge", priceAlteration=[voucher(-10)]), {"oneTime": 90, "recurring": 5}),
        (monthly(5, priceAlteration=[{"name": "V", "priceType": "discount", "price": {"percentage": 20}}]),
         {"oneTime": 100, "recurring": 4}),
        # A total that is wrong, or that says nothing but the voucher.
        (price(1, priceAlteration=[voucher(10)]), {"oneTime": 90, "recurring": 5}),
        ({"priceType": "oneTime", "priceAlteration": [voucher(10)]}, {"oneTime": 90, "recurring": 5}),
        # For a time, as with items: listed.
        (monthly(5, priceAlteration=[voucher(1, applicationDuration=3)]), {"oneTime": 100, "recurring": 5}),
        # In another currency: kept, and not applied.
        (price(100, priceAlteration=[voucher(10, "USD")]), {"oneTime": 100, "recurring": 5}),
    ],
)  # fmt: skip
def test_a_voucher_for_the_whole_cart_is_kept_and_counts(given: dict[str, Any], expected: dict[str, int]) -> None:
    by_value, by_reference = cart(given), stored(cart(given))

    assert paid(by_value) == paid(by_reference) == expected
    (kept,) = [node for total in by_reference["cartTotalPrice"] for node in total.get("priceAlteration", [])]
    assert kept == given["priceAlteration"][0]
    assert totals_of_cart(by_value).has_own


def test_the_price_beside_a_voucher_is_the_one_before_it() -> None:
    document = stored(cart(price(7, priceAlteration=[voucher(10)])))

    once, _ = document["cartTotalPrice"]
    assert (once["price"], once["priceAlteration"]) == (money(100), [voucher(10)])


def test_a_voucher_for_a_charge_that_the_cart_does_not_have_is_kept_by_itself() -> None:
    yearly = price(50, "recurring", recurringChargePeriod="year", name="Year", priceAlteration=[voucher(10)])

    document = stored(cart(yearly))

    kept = {"priceType": "recurring", "recurringChargePeriod": "year", "name": "Year", "priceAlteration": [voucher(10)]}
    assert document["cartTotalPrice"][2:] == [kept]
    assert paid(document) == {"oneTime": 100, "recurring": 5}


def test_a_voucher_stays_when_items_change_and_goes_when_the_client_takes_it_away() -> None:
    document = stored(cart(price(100, priceAlteration=[voucher(10)])))
    before = copy.deepcopy(document)

    document["cartItem"][0]["quantity"] = 3
    write_totals(document, before)
    assert paid(document) == {"oneTime": 120, "recurring": 5}

    before = copy.deepcopy(document)
    document["cartTotalPrice"] = [price(130), monthly(5)]
    write_totals(document, before)
    assert paid(document) == {"oneTime": 130, "recurring": 5}


@pytest.mark.parametrize("quantity", [1, 2])
def test_a_discount_of_an_item_that_its_total_repeats_is_not_one_of_the_cart(quantity: int) -> None:
    off = {"name": "Off", "priceType": "discount", "price": money(10)}
    shown = {**off, "price": money(10 * quantity)}
    items = [{"id": "1", "quantity": quantity, "itemPrice": [price(50, priceAlteration=[off])]}]

    document = stored({"cartItem": items, "cartTotalPrice": [price(40 * quantity, priceAlteration=[shown])]})

    assert paid(document) == {"oneTime": 40 * quantity}
    assert document["cartTotalPrice"] == [price(40 * quantity)]


def test_a_discount_for_a_time_goes_with_its_item() -> None:
    off = {"name": "Half", "priceType": "recurring", "applicationDuration": 3, "price": {"percentage": 50}}
    document = stored({"cartItem": [{"id": "1", "itemPrice": [monthly(20, priceAlteration=[off])]}]})
    assert document["cartTotalPrice"] == [monthly(20, priceAlteration=[off])]
    before = copy.deepcopy(document)

    document["cartItem"] = [{"id": "2", "itemPrice": [monthly(7)]}]
    write_totals(document, before)

    assert document["cartTotalPrice"] == [monthly(7)]


@pytest.mark.parametrize("kind", ["delivery", "Delivery fee", "discount", "deposit"])
def test_a_price_that_is_of_the_cart_by_its_type_is_kept(kind: str) -> None:
    own = price(Decimal("4.90"), kind)
    document = stored(cart(own))
    assert document["cartTotalPrice"][-1] == own
    assert len(paid(document)) == 3


@pytest.mark.parametrize("kind", ["", "total", "recurring", "usage"])
def test_a_total_that_no_item_explains_is_replaced(kind: str) -> None:
    document = stored(cart(price(1, kind)))
    assert paid(document) == {"oneTime": 100, "recurring": 5}
    assert not totals_of_cart(cart(price(1, kind))).agrees


def test_totals_that_say_the_same_in_other_words_stand() -> None:
    given = [price(100, "one time", name="Now"), price(5, recurringChargePeriod="P1M", priceType="Recurring Charge")]
    assert stored(cart(*given))["cartTotalPrice"] == given
    assert totals_of_cart(cart(*given)).prices == given


def test_totals_that_items_lack_are_added_and_wrong_ones_are_told() -> None:
    document = cart()
    document["cartItem"][0]["itemTotalPrice"] = [price(1)]
    document["cartItem"][1]["cartItem"] = [{"id": "3", "action": "delete", "itemPrice": [price(9)]}]
    original = copy.deepcopy(document)
    told: list[str] = []

    complete = with_absent_totals(document)
    right = with_right_item_totals(complete, told.append)

    assert document == original
    assert complete["cartTotalPrice"] == [price(100), monthly(5)]
    assert [item["itemTotalPrice"] for item in complete["cartItem"]] == [[price(1)], [price(40), monthly(5)]]
    assert "itemTotalPrice" not in complete["cartItem"][1]["cartItem"][0]
    assert told == ["cartItem[0].itemTotalPrice"]
    assert right["cartItem"][0]["itemTotalPrice"] == [price(60)]
    assert with_right_item_totals(right, told.append) is right


def test_a_cart_without_prices_keeps_what_it_says() -> None:
    document = {"cartItem": [{"id": "1"}], "cartTotalPrice": [price(3)]}
    assert with_absent_totals(document) is document
    assert totals_of_cart(document) == ([price(3)], False, True, False, ())


def test_a_voucher_is_handed_on_when_carts_are_merged() -> None:
    guest = stored(
        {
            "cartItem": [{"id": "9", "itemPrice": [price(50)]}],
            "cartTotalPrice": [price(50, priceAlteration=[voucher(10)])],
        }
    )
    half = {"name": "Half", "priceType": "recurring", "applicationDuration": 3, "price": {"percentage": 50}}
    guest["cartItem"].append({"id": "8", "itemPrice": [monthly(7, priceAlteration=[half])]})
    customer = stored(cart())

    merged = merged_carts(customer, stored(guest))
    write_totals(merged, customer)

    assert paid(merged) == {"oneTime": 140, "recurring": 12}
    # The same voucher in both carts is one voucher.
    again = merged_carts(stored(merged), guest)
    write_totals(again, merged)
    assert [node for total in again["cartTotalPrice"] for node in total.get("priceAlteration", [])] == [voucher(10)]
    # A guest's cart without one hands on no totals.
    assert merged_carts(customer, stored(cart()))["cartTotalPrice"] == customer["cartTotalPrice"]
