"""Totals are exact and complete, told by an oracle that adds fractions by the words of the documentation and by nothing of the code's."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carts.totals import write_totals
from gateway.tmf.json import decode_stored, encode_canonical, encode_json
from gateway.tmf.numbers import EXACT
from gateway.tmf.totals import amounts_by_key

NET, GROSS = "dutyFreeAmount", "taxIncludedAmount"
ONCE = {"oneTime", "one time", "One-Time Charge", "nonRecurring"}
MONTH, QUARTER = {"month", "Monthly", "P1M", "1 month"}, {"quarterly", "P3M", "3 months"}
YEAR = {"year", "annually", "P12M", "P1Y"}
PERIODS = {word: name for words, name in ((MONTH, "month"), (QUARTER, "3 months"), (YEAR, "year")) for word in words}

amounts = st.decimals(min_value=Decimal(-(10**9)), max_value=Decimal(10**9), places=3) | st.integers(-9, 9)
units = st.sampled_from(("EUR", "eur", "USD"))
percentages = st.decimals(min_value=0, max_value=100, places=2)
rates = st.sampled_from((0, 7, 19, 25, Decimal("7.7"), Decimal("0.5")))


@st.composite
def alterations(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(("percentage", NET, GROSS, "both", "other currency")))
    unit = "GBP" if kind == "other currency" else draw(units).upper()
    price: dict[str, Any] = {}
    if kind == "percentage":
        price["percentage"] = draw(percentages)
    for name in (NET, GROSS):
        if kind in (name, "both", "other currency"):
            price[name] = {"unit": unit, "value": draw(st.decimals(Decimal("0.01"), 100, places=2))}
    found = {"price": price}
    if draw(st.booleans()):
        found["priority"] = draw(st.integers(0, 3))
    if draw(st.integers(0, 4)) == 0:
        found["applicationDuration"] = 3
    return found


@st.composite
def prices(draw: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "priceType": draw(st.sampled_from(sorted({*ONCE, "recurring", "Recurring charge", "usage"})))
    }
    if found["priceType"] not in ONCE or draw(st.integers(0, 5)) == 0:
        found["recurringChargePeriod"] = draw(st.sampled_from(sorted(PERIODS)))
        if draw(st.integers(0, 5)) == 0:
            found |= {"recurringChargePeriod": "month", "recurringChargePeriodLength": 3}
    price: dict[str, Any] = {}
    unit, rate = draw(units), draw(st.none() | rates)
    if rate is not None:
        price["taxRate"] = rate
    named = draw(st.sampled_from(((NET,), (GROSS,), (NET, GROSS))))
    for name in named:
        price[name] = {"unit": unit, "value": draw(amounts)}
    if len(named) == 2 and rate is not None and draw(st.booleans()):
        price[GROSS]["value"] = EXACT.multiply(Decimal(price[NET]["value"]), 1 + Decimal(rate) / 100)
    found["price"] = price
    if listed := draw(st.lists(alterations(), max_size=2)):
        found["priceAlteration"] = listed
    return found


def carts_of(price: Any) -> Any:
    leaves = st.fixed_dictionaries(
        {"itemPrice": st.lists(price, max_size=3)},
        optional={
            "quantity": st.integers(1, 1_000_000),
            "status": st.sampled_from(("active", "saveForLater")),
            "action": st.sampled_from(("add", "modify", "delete", "noChange")),
        },
    )
    items = st.recursive(
        leaves,
        lambda inner: st.tuples(leaves, st.lists(inner, max_size=3)).map(lambda pair: {**pair[0], "cartItem": pair[1]}),
    )
    return st.lists(items, max_size=4).map(lambda entries: {"cartItem": entries})


carts = carts_of(prices())
# Of which every price has the same amount: nothing is left out.
net_carts = carts_of(
    st.builds(
        lambda period, unit, value: {
            "priceType": "recurring",
            "recurringChargePeriod": period,
            "price": {NET: {"unit": unit, "value": value}},
        },
        st.sampled_from(sorted(PERIODS)),
        units,
        amounts,
    )
)


def ends(value: Fraction) -> bool:
    """Tell whether a fraction is a decimal number with an end."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def factor_of(price: dict[str, Any]) -> Fraction | None:
    """Return 1.19 for a tax rate of 19 that nothing contradicts."""
    if "taxRate" not in price:
        return None
    rate = Fraction(price["taxRate"])
    percent, plain = 1 + rate / 100, 1 + rate
    if NET in price and GROSS in price:
        net, gross = Fraction(price[NET]["value"]), Fraction(price[GROSS]["value"])
        # Every currency of these tests has cents.
        fits = {factor for factor in (percent, plain) if abs(net * factor - gross) < Fraction(1, 100)}
        return fits.pop() if len(fits) == 1 else None
    return percent if rate == 0 or rate >= 1 else None


def follows(value: Fraction, factor: Fraction | None, *, to: str) -> Fraction | None:
    if factor is None:
        return None
    other = value * factor if to == GROSS else value / factor
    return other if ends(other) else None


def comes_to(price: dict[str, Any], *, recurring: bool) -> dict[str, Fraction | None]:
    """Return what a price comes to after its alterations, None for an amount that is not known any more."""
    given = price["price"]
    unit = next(given[name]["unit"] for name in (NET, GROSS) if name in given).upper()
    values: dict[str, Fraction | None] = {
        name: Fraction(given[name]["value"]) for name in (NET, GROSS) if name in given
    }
    for alteration in sorted(price.get("priceAlteration", []), key=lambda node: node.get("priority", 10**9)):
        change = alteration["price"]
        if recurring and "applicationDuration" in alteration:
            continue
        if any(change[name]["unit"] != unit for name in (NET, GROSS) if name in change):
            continue
        for name, value in values.items():
            if value is None:
                continue
            if "percentage" in change:
                values[name] = value * (1 - Fraction(change["percentage"]) / 100)
            elif name in change:
                values[name] = value - Fraction(change[name]["value"])
            else:
                other = NET if name == GROSS else GROSS
                less = follows(Fraction(change[other]["value"]), factor_of(given), to=name)
                values[name] = None if less is None else value - less
    return values


def counted(entries: list[dict[str, Any]]) -> list[tuple[tuple[str, str, str], dict[str, Any], dict[str, Any], int]]:
    """Return (type, period, currency), the price, what it comes to and how often, of all that counts."""
    found = []
    for item in entries:
        if item.get("status") == "saveForLater" or item.get("action") == "delete":
            continue
        for price in item["itemPrice"] if item.get("action") != "noChange" else []:
            if price["priceType"] == "usage":
                continue
            once = price["priceType"] in ONCE
            period = "" if once else PERIODS[price["recurringChargePeriod"]]
            if not once and "recurringChargePeriodLength" in price:
                period = "3 months"
            values = comes_to(price, recurring=not once)
            unit = next(price["price"][name]["unit"] for name in (NET, GROSS) if name in price["price"]).upper()
            head = ("oneTime" if once else "recurring", period, unit)
            found.append((head, price["price"], values, item.get("quantity", 1)))
        found += counted(item.get("cartItem", []))
    return found


def expected(entries: list[dict[str, Any]]) -> dict[tuple[str, ...], Fraction]:
    """Return each amount that all prices of a total have or tell."""
    groups: dict[tuple[str, str, str], list[tuple[dict[str, Any], dict[str, Any], int]]] = {}
    for head, price, values, quantity in counted(entries):
        groups.setdefault(head, []).append((price, values, quantity))
    sums = {}
    for (kind, period, unit), group in groups.items():
        for name in (NET, GROSS):
            if not any(values.get(name) is not None for _, values, _ in group):
                continue
            total: Fraction | None = Fraction(0)
            for price, values, quantity in group:
                value = values.get(name)
                if name not in values:
                    (other,) = values.values()
                    value = None if other is None else follows(other, factor_of(price), to=name)
                total = None if value is None or total is None else total + value * quantity
            if total is not None:
                sums[kind, period, "", name, unit] = total
    return sums


@settings(max_examples=100, deadline=None)
@given(carts)
def test_a_total_is_the_exact_sum_of_what_is_known(cart: dict[str, Any]) -> None:
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

    # The words are those of the first price.
    assert amounts_by_key(cart.get("cartTotalPrice")) == amounts_by_key(other.get("cartTotalPrice"))


@settings(max_examples=50, deadline=None)
@given(carts)
def test_writing_totals_again_changes_nothing(cart: dict[str, Any]) -> None:
    write_totals(cart)
    before = encode_canonical(cart)

    write_totals(cart)
    write_totals(cart, decode_stored(encode_json(cart)))

    assert encode_canonical(cart) == before


@settings(max_examples=50, deadline=None)
@given(net_carts)
def test_the_cart_is_the_sum_of_its_items(cart: dict[str, Any]) -> None:
    write_totals(cart)

    sums: dict[Any, Decimal] = {}

    def add(entries: list[dict[str, Any]]) -> None:
        for item in entries:
            if item.get("status") != "saveForLater" and item.get("action") != "delete":
                for key, value in amounts_by_key(item.get("itemTotalPrice")).items():
                    sums[key] = EXACT.add(sums.get(key, Decimal(0)), value)
                add(item.get("cartItem", []))

    add(cart["cartItem"])
    assert amounts_by_key(cart.get("cartTotalPrice")) == sums
