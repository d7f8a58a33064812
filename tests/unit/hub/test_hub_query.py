"""Queries of subscriptions: what is asked for, and what is refused with words that help."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import Problem
from gateway.filters import match as matching
from gateway.hub.model import CART_V1, CART_V4, CHECKOUT_V1, Api
from gateway.hub.query import JUDGED_MAX, Interest, Query, parse_query
from gateway.settings import HubSettings
from gateway.storage.outbox import CART_CHANGED, CART_CREATED, CART_DELETED, CHECKOUT_STATE_CHANGED
from gateway.tmf.json import decode_stored


def parsed(text: str | None, api: Api = CART_V4) -> Query:
    problems: list[Problem] = []
    query = parse_query(text, api, problems)
    assert problems == []
    return query


def problems_of(text: str, api: Api = CART_V4) -> list[Problem]:
    problems: list[Problem] = []
    parse_query(text, api, problems)
    return problems


def sent(cart: str) -> Any:
    return decode_stored(f'{{"eventType": "ShoppingCartCreateEvent", "event": {{"shoppingCart": {cart}}}}}')


@pytest.mark.parametrize("text", [None, "", "?"])
def test_no_query_asks_for_every_event_whole(text):
    assert parsed(text) == Query(frozenset({CART_CREATED, CART_CHANGED, CART_DELETED}), (), None)


@pytest.mark.parametrize(
    "text",
    [
        "eventType=ShoppingCartCreateEvent,ShoppingCartDeleteEvent",
        "eventType=ShoppingCartCreateEvent&eventType=ShoppingCartDeleteEvent",
        "?eventType = ShoppingCartCreateEvent, ShoppingCartDeleteEvent",
    ],
)
def test_events_are_chosen_by_their_type(text):
    assert parsed(text).events == {CART_CREATED, CART_DELETED}


def test_events_have_the_names_of_the_version():
    assert parsed("eventType=ShoppingCartChangeNotification", CART_V1).events == {CART_CHANGED}
    assert parsed(None, CART_V1).events == {CART_CREATED, CART_CHANGED}
    assert parsed("eventType=CheckoutStateChangeEvent", CHECKOUT_V1).events == {CHECKOUT_STATE_CHANGED}


def test_an_unknown_event_is_answered_with_those_there_are():
    (problem,) = problems_of("eventType=ShoppingCartCreationNotification")

    assert problem.path == "query.eventType"
    assert "ShoppingCartCreateEvent, ShoppingCartAttributeValueChangeEvent, ShoppingCartDeleteEvent" in problem.message


@pytest.mark.parametrize(
    ("text", "cart", "fits"),
    [
        ("shoppingCart.id=1", '{"id": "1"}', True),
        ("event.shoppingCart.id=1", '{"id": "1"}', True),
        ("shoppingCart.id=1", '{"id": "2"}', False),
        ("shoppingCart.id=1", "{}", False),
        ("shoppingCart.id=1,2", '{"id": "2"}', True),
        ("shoppingCart.id=1&shoppingCart.id=2", '{"id": "2"}', True),
        ("shoppingCart.id.eq=2", '{"id": "2"}', True),
        ("shoppingCart.id=1&shoppingCart.name=x", '{"id": "1", "name": "y"}', False),
        ("shoppingCart.relatedParty.id=7", '{"relatedParty": [{"id": "6"}, {"id": "7"}]}', True),
        ("shoppingCart.relatedParty.id=8", '{"relatedParty": [{"id": "6"}, {"id": "7"}]}', False),
        ("shoppingCart.relatedParty.id=8", '{"relatedParty": "8"}', False),
        ("shoppingCart.cartItem.quantity=2", '{"cartItem": [{"quantity": 2}]}', True),
        ("shoppingCart.amount=2.50", '{"amount": 2.5}', True),
        ("shoppingCart.amount=x", '{"amount": 2.5}', False),
        ("shoppingCart.preferred=true", '{"preferred": true}', True),
        ("shoppingCart.preferred=1", '{"preferred": true}', False),
        ("shoppingCart.@type=ShoppingCart", '{"@type": "ShoppingCart"}', True),
        ("shoppingCart.name=a%26b", '{"name": "a&b"}', True),
        ("shoppingCart.amount.gt=2.4", '{"amount": 2.5}', True),
        ("shoppingCart.amount>2.5", '{"amount": 2.5}', False),
        ("shoppingCart.amount%3E%3D2.5", '{"amount": 2.5}', True),
        ("shoppingCart.name.regex=^a.*", '{"name": "abc"}', True),
        ("shoppingCart.id=1;2", '{"id": "2"}', True),
        ("eventType.regex=.*Create.*", "{}", True),
    ],
)
def test_an_event_is_wanted_when_its_attributes_fit(text, cart, fits):
    assert Interest(parsed(text)).is_in(CART_CREATED, lambda: sent(cart)) is fits


def test_an_event_of_another_type_is_not_even_looked_at():
    interest = Interest(parsed("eventType=ShoppingCartDeleteEvent&shoppingCart.id=1"))

    assert not interest.is_in(CART_CREATED, lambda: pytest.fail("it was looked at"))


def test_conditions_are_read_once_for_all_events(monkeypatch):
    made = []
    alternatives = matching._Alternatives
    monkeypatch.setattr(matching, "_Alternatives", lambda tests: made.append(tests) or alternatives(tests))
    interest = Interest(parsed("shoppingCart.id=1&shoppingCart.name=x"))

    for number in range(100):
        assert interest.is_in(CART_CREATED, lambda n=number: sent(f'{{"id": "{n}", "name": "x"}}')) is (number == 1)
    assert len(made) == 2


# The dearest a query of 2 048 characters can be: as many patterns as there may be values, each of which looks at every text.
DEAREST = "shoppingCart.a.regex=" + ";".join(f"z{number}" for number in range(200))


def test_no_event_takes_more_than_its_work(monkeypatch):
    looked = []
    fit = matching.fits
    monkeypatch.setattr(matching, "fits", lambda pattern, text: looked.append(1) or fit(pattern, text))
    interest = Interest(parsed(DEAREST))
    assert len(DEAREST) <= HubSettings().query_characters_max
    small, large = ({"event": {"shoppingCart": {"a": ["x"] * count}}} for count in (200, 200_000))

    assert not interest.is_in(CART_CREATED, lambda: small)
    assert len(looked) == 200 * 200
    looked.clear()
    # It is sent although no pattern fits: one too many does less harm than one too few.
    assert interest.is_in(CART_CREATED, lambda: large)
    assert len(looked) <= JUDGED_MAX
    looked.clear()
    assert not interest.is_in(CART_CREATED, lambda: small), "each event has its own bound"


@pytest.mark.parametrize(
    "text",
    ["shoppingCart.name.ne=a", "shoppingCart.name.regex=(a+)+$", "shoppingCart[?(@.id)]=1", "shoppingCart..id=1"],
)
def test_what_is_not_supported_is_refused_and_what_is_supported_is_said(text):
    (problem,) = problems_of(text)

    assert problem.path.startswith("query.")
    assert "is not supported" in problem.message


def test_a_path_that_can_never_match_is_refused():
    (problem,) = problems_of("relatedParty.id=1")

    assert problem.path == "query.relatedParty.id"
    assert "event.shoppingCart" in problem.message


@pytest.mark.parametrize("text", ["a=%ff", "&".join(["shoppingCart.id=1"] * 51)])
def test_what_is_no_query_is_refused(text):
    assert [each.path for each in problems_of(text)] == ["query"]


@pytest.mark.parametrize("text", ["eventType", "eventType=", "eventType=ShoppingCartCreateEvent,"])
def test_an_empty_event_type_is_a_mistake_not_every_event(text):
    assert [each.path for each in problems_of(text)] == ["query.eventType"]


def test_fields_select_attributes_and_keep_what_tells_events_apart():
    query = parsed("fields=title,shoppingCart.cartItem")

    assert query.selection == {
        "title": None,
        "event": {"shoppingCart": {"cartItem": None, "id": None, "href": None, "@type": None}},
        "eventId": None,
        "eventTime": None,
        "eventType": None,
        "@type": None,
    }
