"""Totals in a cart: written from the prices, kept when they say the same, gone when there is nothing to add up."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from gateway.carts.totals import write_totals


def price(value: Any, **more: Any) -> dict[str, Any]:
    return {"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": value}}, **more}


def cart(**more: Any) -> dict[str, Any]:
    return {"cartItem": [{"id": "1", "quantity": 2, "itemPrice": [price(Decimal("9.90"))]}, {"id": "2"}], **more}


def changed(before: dict[str, Any], **changes: Any) -> dict[str, Any]:
    after = {**copy.deepcopy(before), **changes}
    write_totals(after, before)
    return after


def test_totals_are_written() -> None:
    document = cart()

    write_totals(document)

    assert document["cartTotalPrice"] == [price(Decimal("19.80"))]
    assert document["cartItem"][0]["itemTotalPrice"] == [price(Decimal("19.80"))]
    assert "itemTotalPrice" not in document["cartItem"][1]


def test_a_total_that_says_the_same_keeps_its_words() -> None:
    given = [price(Decimal("19.8"), name="All of it", vendor=1)]
    document = cart(cartTotalPrice=given)

    write_totals(document)

    assert document["cartTotalPrice"] is given


@pytest.mark.parametrize(
    "given",
    [
        [price(20)],
        [],
        "nothing",
        [price(Decimal("19.8")), price(1, priceType="oneTime")],
    ],
)
def test_a_total_that_says_otherwise_is_replaced(given: Any) -> None:
    document = cart(cartTotalPrice=given)

    write_totals(document)

    assert document["cartTotalPrice"] == [price(Decimal("19.80"))]


def test_the_spelling_of_the_api_file_of_v4_is_kept() -> None:
    document = {"cartItem": [{"ItemTotalPrice": [], "itemPrice": [price(1)]}]}

    write_totals(document)

    assert document["cartItem"][0] == {"ItemTotalPrice": [price(1)], "itemPrice": [price(1)]}


def test_without_prices_totals_stay_as_they_were_given() -> None:
    document = {"cartTotalPrice": [price(5)], "cartItem": [{"id": "1", "itemTotalPrice": [price(3)]}]}
    before = copy.deepcopy(document)

    write_totals(document)

    assert document == before
    assert changed(document, x=1) == {**before, "x": 1}


def test_totals_follow_the_items() -> None:
    document = cart()
    write_totals(document)

    items = copy.deepcopy(document["cartItem"])
    items[0]["quantity"] = 3
    more = changed(document, cartItem=items)
    assert more["cartTotalPrice"] == more["cartItem"][0]["itemTotalPrice"] == [price(Decimal("29.70"))]

    named = copy.deepcopy(items)
    named[0]["itemPrice"][0]["name"] = "Monthly"
    assert changed(document, cartItem=named)["cartTotalPrice"][0]["name"] == "Monthly"

    saved = copy.deepcopy(document["cartItem"])
    saved[0]["status"] = "saveForLater"
    assert "cartTotalPrice" not in changed(document, cartItem=saved)
    assert changed(document, cartItem=saved)["cartItem"][0]["itemTotalPrice"] == [price(Decimal("19.80"))]

    assert "cartTotalPrice" not in changed(document, cartItem=[])
    bare = [{"id": "1", "itemTotalPrice": document["cartItem"][0]["itemTotalPrice"]}]
    assert changed(document, cartItem=bare) == {"cartItem": [{"id": "1"}]}


def test_the_words_of_a_client_outlive_changes_of_something_else() -> None:
    document = cart(cartTotalPrice=[price(Decimal("19.8"), name="All of it")])
    write_totals(document)

    assert changed(document, x=1)["cartTotalPrice"][0]["name"] == "All of it"


@pytest.mark.parametrize("words", [{"name": "All of it"}, {"@type": "CartPrice"}])
def test_a_total_goes_with_its_prices_whoever_wrote_it(words: dict[str, Any]) -> None:
    # A client that writes back what it read, in v5 with types, makes the totals its own; they are sums all the same.
    given = [price(Decimal("19.8"), **words)]
    document = cart(cartTotalPrice=given)
    document["cartItem"][0]["itemTotalPrice"] = given
    write_totals(document)
    assert document["cartTotalPrice"] == document["cartItem"][0]["itemTotalPrice"] == given

    bare = copy.deepcopy(document["cartItem"])
    del bare[0]["itemPrice"]

    assert changed(document, cartItem=bare) == {"cartItem": [{"id": "1", "quantity": 2}, {"id": "2"}]}
    assert changed(document, cartItem=[]) == {"cartItem": []}
    assert changed(document, x=1) == {**document, "x": 1}


def test_a_total_without_its_prices_is_no_price_whoever_writes_it_back() -> None:
    document = cart()
    write_totals(document)
    # As v5 shows it.
    typed = [price(Decimal("19.80"), **{"@type": "CartPrice"})]
    bare = [{"id": "1", "quantity": 2, "itemTotalPrice": typed}, {"id": "2"}]

    assert changed(document, cartItem=bare) == {"cartItem": [{"id": "1", "quantity": 2}, {"id": "2"}]}
