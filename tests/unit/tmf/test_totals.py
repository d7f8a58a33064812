from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from checkout_work import NOW, PLAIN
from hypothesis import given
from hypothesis import strategies as st

from gateway.ordering.translation.translate import translate
from gateway.tmf.given_totals import cart_totals
from gateway.tmf.item_status import is_saved_for_later

# More digits than the decimal module keeps by itself, and sums within what is promised to be exact.
amounts = st.integers(-(10**18), 10**18).flatmap(
    lambda digits: st.integers(-18, 0).map(lambda exponent: Decimal(digits).scaleb(exponent))
)
prices = st.builds(
    lambda kind, period, name, unit, value: {
        "priceType": kind,
        **({"recurringChargePeriod": period} if period else {}),
        "price": {name: {"unit": unit, "value": value}},
    },
    st.sampled_from(["oneTime", "recurring"]),
    st.sampled_from(["", "month", "year"]),
    st.sampled_from(["dutyFreeAmount", "taxIncludedAmount"]),
    st.sampled_from(["EUR", "USD"]),
    amounts,
)
items = st.recursive(
    st.builds(
        lambda quantity, listed, status: {"quantity": quantity, "itemPrice": listed, "status": status},
        st.integers(1, 10**6),
        st.lists(prices, min_size=1, max_size=3),
        st.sampled_from(["active", "active", "saveForLater"]),
    ),
    lambda inner: st.builds(lambda item, nested: {**item, "cartItem": nested}, inner, st.lists(inner, max_size=3)),
    max_leaves=8,
)


def exact(listed: list[dict[str, Any]]) -> dict[tuple[str, ...], Fraction]:
    """Add up by fractions, which cannot round; an amount that not every price of a total has is left out."""
    totals = sums(listed)
    other = {"dutyFreeAmount": "taxIncludedAmount", "taxIncludedAmount": "dutyFreeAmount"}
    return {key: value for key, value in totals.items() if (*key[:2], other[key[2]], key[3]) not in totals}


def sums(listed: list[dict[str, Any]]) -> dict[tuple[str, ...], Fraction]:
    totals: dict[tuple[str, ...], Fraction] = {}
    for item in listed:
        if item["status"] == "saveForLater":
            continue
        for price in item["itemPrice"]:
            ((name, money),) = price["price"].items()
            once = price["priceType"] == "oneTime"  # What is charged once has no period, whatever it says.
            period = "" if once else price.get("recurringChargePeriod", "")
            key = (price["priceType"], period, name, money["unit"])
            totals[key] = totals.get(key, Fraction(0)) + Fraction(money["value"]) * item["quantity"]
        for key, value in sums(item.get("cartItem", [])).items():
            totals[key] = totals.get(key, Fraction(0)) + value
    return totals


@given(st.lists(items, max_size=4))
def test_totals_are_exact_however_many_digits_there_are(listed):
    found = cart_totals({"cartItem": listed})
    shown = {(key.price_type, key.period, key.amount, key.currency): Fraction(value) for key, value in found.items()}
    assert shown == exact(listed)


@given(st.lists(items, max_size=4), st.randoms())
def test_the_order_of_items_does_not_matter(listed, draw):
    shuffled = list(listed)
    draw.shuffle(shuffled)
    assert cart_totals({"cartItem": listed}) == cart_totals({"cartItem": shuffled})


@pytest.mark.parametrize(
    "status",
    ["active", "Active", "saveForLater", "SaveForLater", "SavedForLater", "saved_for_later", "saved", "save for later"],
)
def test_what_is_not_ordered_is_not_counted(status):
    item = {
        "id": "1",
        "action": "add",
        "quantity": 1,
        "status": status,
        "productOffering": {"id": "A"},
        "itemPrice": [{"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}],
    }
    other = {**item, "id": "2", "status": "active", "itemPrice": []}
    order = translate({"cartItem": [item, other]}, {}, PLAIN, now=NOW).order
    assert order is not None
    ordered = "1" in {line.cart_item_id for line in order.lines}
    assert is_saved_for_later(item) is not ordered
    assert bool(cart_totals({"cartItem": [item, other]})) is ordered
