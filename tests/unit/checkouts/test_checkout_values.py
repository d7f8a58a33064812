from __future__ import annotations

import contextlib
from decimal import Decimal
from fractions import Fraction

import pytest
from checkout_work import SPLIT, record_of, request, work_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.checkouts.accepting.expected import differences
from gateway.checkouts.model import marker_of, request_hash
from gateway.checkouts.reading.resource import resource
from gateway.checkouts.request import check_draft_change, check_request
from gateway.checkouts.states import CART_RELEASED, FINAL, FOLLOWERS, MEANING, OPEN, OUTCOME_OF_ORDER, may_follow
from gateway.errors import InvalidBodyError
from gateway.settings import Settings
from gateway.storage.tables import ORDERED_STATES, UNFINISHED_STATES
from gateway.tmf.json import decode_json, decode_stored, encode_json
from gateway.tmf.shapes import PROBLEMS_MAX
from gateway.tmf.totals import TotalKey

EUR = TotalKey("oneTime", "", "", "dutyFreeAmount", "EUR")
amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40)


# -- states -----------------------------------------------------------------------------------------------------------------


def test_every_state_means_something_and_leads_to_known_ones():
    assert FOLLOWERS.keys() == MEANING.keys()
    for state, followers in FOLLOWERS.items():
        assert followers <= MEANING.keys()
        assert may_follow(state, state)


def test_final_states_are_left_for_a_person_at_most_and_every_other_one_comes_to_an_end():
    assert {"completed", "partial", "failed", "rejected", "cancelled"} == FINAL
    assert CART_RELEASED < FINAL
    assert not OPEN & FINAL
    assert set(OUTCOME_OF_ORDER.values()) == FINAL
    for state in FINAL - CART_RELEASED:
        assert not FOLLOWERS[state]
    for state in CART_RELEASED:  # an order that is found live all the same is a person's business
        assert FOLLOWERS[state] == {"held"}
    for state in MEANING.keys() - FINAL:
        assert any(may_follow(state, end) for end in FINAL)


def test_the_states_that_the_database_and_the_carts_ask_for_are_these():
    assert set(UNFINISHED_STATES) == MEANING.keys() - FINAL
    assert FINAL - CART_RELEASED == ORDERED_STATES


def test_a_live_order_does_not_become_a_draft_again():
    # One whose submission was answered and came to nothing is submitted once more: the same order.
    assert FOLLOWERS["submitted"] & OPEN == {"submitting"}
    assert may_follow("submitted", "held")


# -- fingerprints -----------------------------------------------------------------------------------------------------------

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.decimals(-1000, 1000, places=3)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), documents, max_size=4))
def test_the_fingerprint_is_of_the_json_and_not_of_its_writing(document):
    backwards = dict(reversed(document.items()))
    assert request_hash(document) == request_hash(backwards)
    assert request_hash(document) == request_hash(decode_stored(encode_json(document)))
    assert request_hash({**document, "one more": 1}) != request_hash(document)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (b"1", b"1.0", True),
        (b"1.0", b"1.00", True),
        (b"100", b"1e2", True),
        (b"1.5", b"15e-1", True),
        (b"-0.0", b"0", True),
        (b"1.0000000000000000000000000000000000000001", b"1", False),
        (b"12345678901234567890.12345678901234567890", b"12345678901234567890.1234567890123456789", True),
        (b'"1"', b"1", False),
        (b"true", b"1", False),
        (b"null", b"0", False),
        (b"[1, 2]", b"[2, 1]", False),
    ],
)
def test_numbers_are_the_same_as_json_means_them(first, second, same):
    left, right = (request_hash({"a": decode_json(b'{"a": ' + raw + b"}")["a"]}) for raw in (first, second))
    assert (left == right) is same


def test_a_marker_fits_the_slot_and_differs_for_each_draft():
    markers = {marker_of("abcdefghijklmnop", generation) for generation in range(100)}
    assert len(markers) == 100
    assert max(map(len, markers)) <= 24


# -- expected totals --------------------------------------------------------------------------------------------------------


@given(amounts, amounts, st.decimals(0, 10, places=2), st.booleans())
def test_totals_are_compared_exactly(expected, actual, tolerance, lower_accepted):
    found = list(differences({EUR: expected}, {EUR: actual}, tolerance=tolerance, lower_accepted=lower_accepted))
    more = Fraction(actual) - Fraction(expected)
    # What is shown in euros has two digits: up to half a cent is rounded.
    tolerated = max(Fraction(tolerance), Fraction(1, 200))
    wrong = more > tolerated or (-more > tolerated and not lower_accepted)
    assert bool(found) is wrong


def compared(shown, total, currency="EUR", **more):
    key = EUR._replace(currency=currency)
    given = {"tolerance": Decimal(0), "lower_accepted": False, **more}
    return not list(differences({key: Decimal(shown)}, {key: Decimal(total)}, **given))


@pytest.mark.parametrize(
    ("currency", "shown", "total", "same"),
    [
        ("EUR", "19.98", "19.980999", True),
        ("EUR", "19.98", "19.985", True),
        ("EUR", "19.99", "19.985", True),
        ("EUR", "19.98", "19.98500000000000000000000000000000000000000000000001", False),
        ("EUR", "19.97", "19.98", False),
        ("JPY", "1998", "1998.0999", True),
        ("JPY", "1999", "1998.0999", False),
        ("KWD", "1.234", "1.2344", True),
        ("KWD", "1.23", "1.234", False),
        ("CLF", "1.2345", "1.23454", True),
        ("CLF", "1.234", "1.2345", False),
        ("", "1.23", "1.234", True),
    ],
)
def test_what_is_shown_is_compared_at_the_digits_of_the_currency(currency, shown, total, same):
    assert compared(shown, total, currency) is same


def test_a_currency_may_have_a_tolerance_of_its_own():
    by_currency = {"JPY": Decimal(1)}
    assert compared("1999", "1998.0999", "JPY", by_currency=by_currency)
    assert not compared("19.97", "19.98", by_currency=by_currency)
    assert not compared("1999", "1997.9", "JPY", by_currency=by_currency)


def test_amounts_in_messages_have_no_exponents():
    (text,) = differences({EUR: Decimal("1E+3")}, {EUR: Decimal("2E+3")}, tolerance=Decimal(0), lower_accepted=True)
    assert text == "oneTime dutyFreeAmount EUR: expected 1000, the cart has 2000"


def test_a_total_that_was_not_shown_counts_as_nothing():
    usd = EUR._replace(currency="USD")
    assert list(
        differences({EUR: Decimal(1)}, {EUR: Decimal(1), usd: Decimal(5)}, tolerance=Decimal(0), lower_accepted=True)
    )
    for harmless in (Decimal(0), Decimal(-5)):
        actual = {EUR: Decimal(1), usd: harmless}
        assert not list(differences({EUR: Decimal(1)}, actual, tolerance=Decimal(0), lower_accepted=True))


def test_the_other_amount_of_a_price_that_was_shown_is_not_compared():
    taxed = EUR._replace(amount="taxIncludedAmount")
    actual = {EUR: Decimal(10), taxed: Decimal("11.9")}
    assert not list(differences({taxed: Decimal("11.9")}, actual, tolerance=Decimal(0), lower_accepted=False))


# -- requests ---------------------------------------------------------------------------------------------------------------


def problems_of(check, document):
    with pytest.raises(InvalidBodyError) as caught:
        check(document, Settings())
    return caught.value.problems


def test_a_long_list_of_mistakes_is_cut():
    for check in (check_request, check_draft_change):
        found = problems_of(check, {f"relatedParty{n}": n for n in range(5000)})
        assert PROBLEMS_MAX <= len(found) <= PROBLEMS_MAX + 1


def test_nulls_are_attributes_that_are_not_set():
    document = {**request(), "externalId": None, "submit": None, "expectedTotalPrice": None}
    check_request(document, Settings())
    assert document == request()


def test_long_texts_are_named_wherever_they_are():
    document = {
        **request(),
        "shoppingCart": {"cartItem": [{"note": [{"text": "x" * 5000}]}]},
        "description": "x" * 5000,
    }
    assert {problem.path for problem in problems_of(check_request, document)} == {
        "shoppingCart.cartItem[0].note[0].text",
        "description",
    }


@given(
    st.dictionaries(
        st.sampled_from([*request(), "submit", "note", "place", "expectedTotalPrice"]), documents, max_size=5
    )
)
def test_no_request_breaks_the_check(document):
    with contextlib.suppress(InvalidBodyError):
        check_request(document, Settings())


# -- the resource -----------------------------------------------------------------------------------------------------------


def test_the_order_is_shown_once_something_was_sent():
    record = record_of(SPLIT, state="accepted")
    assert resource(record, {}, (), "http://x")["productOrder"] is None
    sent = replace(record, first_sent_at=record.lease_until, order_id="1", order_state="pending")
    assert resource(sent, {}, (), "http://x")["productOrder"] == {
        "id": "1",
        "href": None,
        "state": "pending",
        "upstreamState": None,
        "externalId": "gw1-abcdefghijklmnop-0",
    }


def test_a_line_without_a_state_of_its_own_has_the_live_orders_and_one_that_was_never_seen_has_none():
    pairs = [f'{{"cartItemId":"{name}","productOrderItemId":"{number}"}}' for number, name in enumerate("abc", 1)]
    items = {
        "items": f"[{','.join(pairs)}]",
        "lines": '{"1":{"line_id":"802A","state":"completed"},"2":{"line_id":"802B"}}',
    }
    live = replace(work_of(step="submit").record, order_state="inProgress", submit_intent_order="00000001")
    assert [(item["orderLineItemId"], item["state"]) for item in resource(live, items, (), "")["item"]] == [
        ("802A", "completed"),
        ("802B", "inProgress"),
        (None, None),
    ]
    draft = replace(live, submit_intent_order=None)
    assert resource(draft, items, (), "")["item"][1]["state"] is None
