"""Totals are exact, complete, and the same in whatever order the items stand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carts.totals import write_totals
from gateway.tmf.json import decode_stored, encode_canonical, encode_json
from gateway.tmf.prices import EXACT
from gateway.tmf.totals import amounts_by_key

amounts = st.decimals(min_value=Decimal(-(10**12)), max_value=Decimal(10**12), places=6) | st.integers(-9, 9)
moneys = st.fixed_dictionaries({"unit": st.sampled_from(("EUR", "USD")), "value": amounts})
percentages = st.decimals(min_value=0, max_value=100, places=3)
alterations = st.fixed_dictionaries(
    {"price": st.fixed_dictionaries({"percentage": percentages})},
    optional={"priority": st.integers(0, 3), "applicationDuration": st.just(3)},
)
prices = st.fixed_dictionaries(
    {
        "priceType": st.sampled_from(("recurring", "oneTime")),
        "price": st.fixed_dictionaries({}, optional={"dutyFreeAmount": moneys, "taxIncludedAmount": moneys}),
    },
    optional={
        "recurringChargePeriod": st.sampled_from(("month", "year")),
        "priceAlteration": st.lists(alterations, max_size=2),
        "name": st.sampled_from("ab"),
    },
)
statuses = st.sampled_from(("active", "saveForLater"))
leaves = st.fixed_dictionaries(
    {"itemPrice": st.lists(prices, max_size=3)},
    optional={"quantity": st.integers(1, 1_000_000), "status": statuses},
)
items = st.recursive(
    leaves,
    lambda inner: st.tuples(leaves, st.lists(inner, max_size=3)).map(lambda pair: {**pair[0], "cartItem": pair[1]}),
)
carts = st.lists(items, max_size=4).map(lambda entries: {"cartItem": entries})


def expected(entries: list[dict[str, Any]]) -> dict[tuple[str, ...], Fraction]:
    """Add up as fractions, by the words of the documentation and by nothing of the code's."""
    sums: dict[tuple[str, ...], Fraction] = {}
    for item in entries:
        if item.get("status") == "saveForLater":
            continue
        for price in item["itemPrice"]:
            recurring = price["priceType"] == "recurring" or "recurringChargePeriod" in price
            for name, money in price["price"].items():
                value = Fraction(money["value"])
                for alteration in price.get("priceAlteration", []):
                    if not (recurring and "applicationDuration" in alteration):
                        value *= 1 - Fraction(alteration["price"]["percentage"]) / 100
                key = (price["priceType"], price.get("recurringChargePeriod", ""), "", name, money["unit"])
                sums[key] = sums.get(key, Fraction(0)) + value * item.get("quantity", 1)
        for key, value in expected(item.get("cartItem", [])).items():
            sums[key] = sums.get(key, Fraction(0)) + value
    return sums


@settings(max_examples=100, deadline=None)
@given(carts)
def test_a_total_is_the_exact_sum(cart: dict[str, Any]) -> None:
    sums = expected(cart["cartItem"])

    write_totals(cart)

    totals = {tuple(key): Fraction(value) for key, value in amounts_by_key(cart.get("cartTotalPrice")).items()}
    assert totals == sums
    # What is written can be read again, digit by digit.
    assert decode_stored(encode_json(cart)) == cart


@settings(max_examples=50, deadline=None)
@given(carts, st.integers(min_value=0))
def test_the_order_of_items_does_not_matter(cart: dict[str, Any], seed: int) -> None:
    other = decode_stored(encode_json(cart))
    Random(seed).shuffle(other["cartItem"])

    write_totals(cart)
    write_totals(other)

    assert encode_canonical(cart.get("cartTotalPrice")) == encode_canonical(other.get("cartTotalPrice"))


@settings(max_examples=50, deadline=None)
@given(carts)
def test_writing_totals_again_changes_nothing(cart: dict[str, Any]) -> None:
    write_totals(cart)
    before = encode_canonical(cart)

    write_totals(cart)
    write_totals(cart, decode_stored(encode_json(cart)))

    assert encode_canonical(cart) == before


@settings(max_examples=50, deadline=None)
@given(carts)
def test_the_cart_is_the_sum_of_its_active_items(cart: dict[str, Any]) -> None:
    write_totals(cart)

    sums: dict[Any, Decimal] = {}

    def add(entries: list[dict[str, Any]]) -> None:
        for item in entries:
            if item.get("status") != "saveForLater":
                for key, value in amounts_by_key(item.get("itemTotalPrice")).items():
                    sums[key] = EXACT.add(sums.get(key, Decimal(0)), value)
                add(item.get("cartItem", []))

    add(cart["cartItem"])
    assert amounts_by_key(cart.get("cartTotalPrice")) == sums
