from __future__ import annotations

from decimal import Decimal

import pytest
from checkout_work import NOW, POLICY, SALESFORCE, SPLIT, drafted, work_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ordering.readback.reading import read_totals
from gateway.submission.decisions.actions import Save, Send
from gateway.submission.decisions.after_read import after_read
from gateway.submission.decisions.price_drift import DriftGuard, drift, not_alike
from gateway.tmf.totals import TotalKey


def key(kind="recurring", period="month", amount="dutyFreeAmount", currency="EUR"):
    return TotalKey(kind, period, "", amount, currency)


MONTHLY, ONCE = key(), key("oneTime", "")
CART = {MONTHLY: Decimal("89.70"), ONCE: Decimal("10.10")}
HOLD = DriftGuard(action="hold")


def differing(order, guard=HOLD, cart=CART, mapping=SALESFORCE):
    return drift(cart, order, mapping, guard)


def test_equal_totals_do_not_differ_however_they_are_written():
    assert differing({MONTHLY: Decimal("89.7"), ONCE: Decimal("10.1000")}) == ()
    assert (
        differing(
            {key("Recurring Charge", "Month"): Decimal("89.7"), key("One-Time", "", currency="eur"): Decimal("10.1")}
        )
        == ()
    )


def test_a_draft_without_prices_says_nothing():
    assert differing({}) == ()


def test_both_figures_are_named():
    (sentence,) = differing({MONTHLY: Decimal(99), ONCE: Decimal("10.10")})
    assert sentence == "recurring month dutyFreeAmount EUR: the cart has 89.70, the order 99"


def test_a_total_that_only_one_side_has_counts_as_zero_on_the_other():
    assert len(differing({MONTHLY: Decimal("89.70")})) == 1
    assert len(differing({**CART, key("oneTime", "", currency="USD"): Decimal(5)})) == 1
    assert differing({**CART, key("usage", ""): Decimal(5)}) == ()


def test_amounts_that_only_one_side_names_are_not_compared():
    taxed = {each._replace(amount="taxIncludedAmount"): value * 2 for each, value in CART.items()}
    assert differing(taxed) == ()
    assert differing({**taxed, **CART}) == ()


def test_a_total_that_only_the_order_has_is_a_difference_whichever_amount_it_names():
    fee = key("oneTime", "", "taxIncludedAmount")
    assert differing({MONTHLY: Decimal("89.70"), fee: Decimal(50)}, cart={MONTHLY: Decimal("89.70")}) == (
        "oneTime taxIncludedAmount EUR: the cart has 0, the order 50",
    )


def test_each_total_is_compared_by_the_amount_that_both_sides_name_of_it():
    taxed = key(amount="taxIncludedAmount")
    cart = {MONTHLY: Decimal(10), key("oneTime", "", "taxIncludedAmount"): Decimal(12)}
    order = {taxed: Decimal("11.90"), key("oneTime", "", "taxIncludedAmount"): Decimal(12)}
    assert differing(order, cart=cart) == ()
    assert not_alike(cart, order, SALESFORCE) == ("recurring month EUR",)


@pytest.mark.parametrize("bare", ["cart", "order", "both"])
def test_a_total_without_a_currency_is_in_the_only_one(bare):
    plain = {each._replace(currency=""): value for each, value in CART.items()}
    cart, order = (CART if bare == "order" else plain), (CART if bare == "cart" else plain)
    assert differing(order, cart=cart) == ()
    assert len(differing({**order, key(currency="USD"): Decimal(1)}, cart=cart)) >= 1


@pytest.mark.parametrize(
    ("amount", "percent", "order", "tolerated"),
    [("0", "0", "89.71", False), ("0.01", "0", "89.71", True), ("0.01", "0", "89.72", False),
     ("0", "10", "98.67", True), ("0", "10", "98.68", False), ("9", "1", "98.70", True)],
)  # fmt: skip
def test_the_larger_tolerance_counts(amount, percent, order, tolerated):
    guard = DriftGuard(action="hold", tolerance_amount=Decimal(amount), tolerance_percent=Decimal(percent))
    assert (differing({**CART, MONTHLY: Decimal(order)}, guard) == ()) == tolerated


def test_the_order_systems_words_for_periods_are_known_from_its_mapping():
    mapping = replace(SALESFORCE, price=replace(SALESFORCE.price, charge_periods={"month": "Monthly"}))
    assert differing({key(period="monthly"): Decimal("89.70"), ONCE: Decimal("10.10")}, mapping=mapping) == ()


@pytest.mark.parametrize(
    ("kind", "period"),
    [("recurring", "monthly"), ("Recurring Charge", "P1M"), ("", "month"), ("recurring", "1 month")],
)
def test_periods_are_the_same_in_any_words(kind, period):
    assert differing({key(kind, period): Decimal("89.70"), key("non-recurring", ""): Decimal("10.10")}) == ()


def test_amounts_are_compared_at_the_digits_of_the_currency():
    guard = DriftGuard(action="hold", tolerance_by_currency={"JPY": Decimal(2)}, tolerance_amount=Decimal(0))
    yen = key(currency="JPY")
    assert drift({MONTHLY: Decimal("89.704")}, {MONTHLY: Decimal("89.70")}, SALESFORCE, guard) == ()
    assert drift({MONTHLY: Decimal("89.706")}, {MONTHLY: Decimal("89.70")}, SALESFORCE, guard) != ()
    assert drift({yen: Decimal(1998)}, {yen: Decimal(2000)}, SALESFORCE, guard) == ()
    assert drift({yen: Decimal(1998)}, {yen: Decimal(2001)}, SALESFORCE, guard) != ()


@given(st.decimals(-(10**9), 10**9, places=4), st.decimals(0, 1000, places=4))
def test_what_is_within_the_amount_is_never_a_difference(value, more):
    guard = DriftGuard(action="hold", tolerance_amount=more)
    cart = {MONTHLY: value}
    assert drift(cart, {MONTHLY: value + more}, SALESFORCE, guard) == ()
    assert drift(cart, {MONTHLY: value - more}, SALESFORCE, guard) == ()


def price(value):
    amount = {"dutyFreeAmount": {"unit": "EUR", "value": value}}
    return [{"priceType": "recurring", "recurringChargePeriod": "month", "price": amount}]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"orderTotalPrice": price(5) + price(6), "productOrderItem": [{"itemPrice": price(7)}]}, 11),
        ({"productOrderItem": [{"itemTotalPrice": price(5), "productOrderItem": [{"itemTotalPrice": price(6)}]}]}, 11),
        ({"productOrderItem": [{"quantity": 3, "itemPrice": price(5)}, {"itemPrice": price(6)}]}, 21),
        ({"productOrderItem": [{"itemPrice": [{"priceAlteration": []}]}, 7], "orderTotalPrice": "?"}, None),
        ({}, None),
        # What is removed, with what is beneath it, and what does not change have no part in it, as in the cart.
        ({"productOrderItem": [{"action": "delete", "itemPrice": price(5), "productOrderItem": [{"itemPrice": price(3)}]},
                               {"action": "noChange", "itemTotalPrice": price(5)}, {"itemPrice": price(6)}]}, 6),
    ],
)  # fmt: skip
def test_the_totals_of_an_order_are_read_from_what_it_shows(document, expected):
    assert read_totals(document) == ({} if expected is None else {MONTHLY: Decimal(expected)})


def before_submit(action, totals, not_comparable="hold", **columns):
    guard = DriftGuard(action=action, not_comparable=not_comparable)
    work = work_of(SPLIT, step="submit", policy=replace(POLICY, drift=guard), **columns)
    work = replace(work, cart_totals=CART)
    return after_read(work, replace(drafted(work, len(work.plan.steps) - 1), totals=totals), NOW)


MORE = {MONTHLY: Decimal(99), ONCE: Decimal("10.10")}


def test_a_difference_holds_the_checkout_with_both_figures():
    save = before_submit("hold", MORE)
    assert isinstance(save, Save)
    assert save.changes["state"] == "held"
    assert "the cart has 89.70, the order 99" in save.changes["status_reason"]
    assert "submit_intent_order" not in save.changes


def test_a_difference_goes_on_with_a_finding():
    send = before_submit("go-on", MORE)
    assert isinstance(send, Send)
    assert (send.finding.code, send.finding.severity) == ("price_drift", "warning")
    assert "the cart has 89.70, the order 99" in send.finding.message


TAXED = {each._replace(amount="taxIncludedAmount"): value for each, value in CART.items()}
UNLIKE = {
    "the order shows no price": ({}, "shows no price"),
    "tax on one side only": (TAXED, "one side has with tax, the other without: oneTime EUR, recurring month EUR"),
}


@pytest.mark.parametrize(("totals", "words"), UNLIKE.values(), ids=UNLIKE)
def test_what_cannot_be_compared_holds_the_checkout(totals, words):
    save = before_submit("hold", totals)
    assert isinstance(save, Save)
    assert save.changes["state"] == "held"
    assert words in save.changes["price_drift"]
    assert "checkout.drift_not_comparable" in save.changes["status_reason"]


@pytest.mark.parametrize(("action", "not_comparable"), [("hold", "go-on"), ("go-on", "hold"), ("go-on", "go-on")])
@pytest.mark.parametrize(("totals", "words"), UNLIKE.values(), ids=UNLIKE)
def test_what_cannot_be_compared_goes_on_with_a_finding_where_the_settings_say_so(
    action, not_comparable, totals, words
):
    send = before_submit(action, totals, not_comparable)
    assert isinstance(send, Send)
    assert (send.finding.code, send.finding.severity) == ("price_not_compared", "warning")
    assert words in send.finding.message


@pytest.mark.parametrize(("totals", "words"), UNLIKE.values(), ids=UNLIKE)
def test_what_a_person_has_seen_and_accepted_is_submitted(totals, words):
    seen = before_submit("hold", totals).changes["price_drift"]
    send = before_submit("hold", totals, price_drift_accepted=seen)
    assert isinstance(send, Send)
    assert send.finding.code == "price_not_compared"
    assert "a person accepted it" in send.finding.message
    # Other figures are other figures.
    assert isinstance(before_submit("hold", MORE, price_drift_accepted=seen), Save)


def test_a_difference_is_told_beside_what_cannot_be_compared():
    taxed = key("oneTime", "", "taxIncludedAmount")
    save = before_submit("hold", {MONTHLY: Decimal(99), taxed: Decimal("12.02")})
    assert "the cart has 89.70, the order 99" in save.changes["price_drift"]
    assert "one side has with tax, the other without: oneTime EUR" in save.changes["price_drift"]


@pytest.mark.parametrize("action", ["hold", "go-on"])
def test_a_cart_that_promised_no_price_goes_on_with_a_finding(action):
    work = work_of(SPLIT, step="submit", policy=replace(POLICY, drift=DriftGuard(action=action)))
    send = after_read(work, replace(drafted(work, len(work.plan.steps) - 1), totals=MORE), NOW)
    assert isinstance(send, Send)
    assert send.finding.code == "price_not_compared"


@pytest.mark.parametrize(("action", "totals"), [("off", MORE), ("hold", CART), ("go-on", CART), ("off", {})])
def test_nothing_differs_or_nothing_is_compared(action, totals):
    send = before_submit(action, totals)
    assert isinstance(send, Send)
    assert send.finding is None


def test_what_was_tried_to_be_submitted_is_not_held_for_its_price():
    assert isinstance(before_submit("hold", MORE, submit_intent_order="00000001"), Send)
