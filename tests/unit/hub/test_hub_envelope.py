"""Events as they are sent, in each version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from gateway.hub.cart_shape import cart_in_version
from gateway.hub.envelope import Renderer, address
from gateway.hub.model import CART_V1, CART_V4, CART_V5, CHECKOUT_V1, Api, Event
from gateway.hub.query import parse_query
from gateway.storage.outbox import CART_CHANGED, CART_CREATED, CART_DELETED, CHECKOUT_STATE_CHANGED
from gateway.tmf.schema import definitions

MOMENT = datetime(2026, 11, 21, 12, 0, 0, 123000, tzinfo=UTC)
CART = (
    '{"id":"1","href":"/c/1","@type":"ShoppingCart","cartItem":[{"id":"01","action":"add","quantity":1,"price":19.90}]}'
)


def event(event_type: str = CART_CREATED, document: str = CART, field_path: str | None = None) -> Event:
    return Event(7, "e7", "1", event_type, field_path, "from-the-shop", len(document), document, MOMENT)


def rendered(api: Api, given: Event, query: str | None = None, **options: Any) -> dict[str, Any]:
    return json.loads(Renderer(api, parse_query(query, api, []), options.pop("shape", None), **options).body(given))


def test_a_partner_is_told_of_what_it_made_alone_even_where_it_asked_for_everything():
    its_own, another, nobodys = (replace(event(), owner=owner) for owner in ("shop-a", "shop-b", None))

    scoped = Renderer(CART_V4, parse_query(None, CART_V4, []), None, owner_scope="shop-a")
    assert [scoped.is_wanted(each) for each in (its_own, another, nobodys)] == [True, False, False]
    tenant_wide = Renderer(CART_V4, parse_query(None, CART_V4, []), None)
    assert [tenant_wide.is_wanted(each) for each in (its_own, another, nobodys)] == [True, True, True]


def test_v4_spells_the_time_as_its_file_does_and_keeps_every_digit():
    body = Renderer(CART_V4, parse_query(None, CART_V4, []), None).body(event())

    assert b"19.90" in body
    assert json.loads(body) == {
        "eventId": "e7",
        "eventTime": "2026-11-21T12:00:00.123Z",
        "eventType": "ShoppingCartCreateEvent",
        "correlationId": "from-the-shop",
        "domain": "Commercial",
        "title": "ShoppingCartCreateEvent",
        "description": "A shopping cart was created.",
        "priority": "3",
        "timeOcurred": "2026-11-21T12:00:00.123Z",
        "event": {"shoppingCart": json.loads(CART)},
    }


@pytest.mark.parametrize("complete", [True, False, None])
def test_v4_is_sent_what_its_file_demands_unless_the_cart_has_it(complete: bool | None):
    given = replace(event(document='{"relatedParty":[{"id":"1"}],"x":1.50}'), v4_complete=complete)
    renderer = Renderer(CART_V4, parse_query(None, CART_V4, []), cart_in_version)

    body = renderer.body(given)

    assert b'"x":1.50' in body
    shown = {"id": "1"} if complete else {"id": "1", "@referredType": "Party"}
    assert json.loads(body)["event"]["shoppingCart"]["relatedParty"] == [shown]
    assert renderer.writing_work(given) == (0 if complete else given.document_bytes)


def test_v5_names_types_and_has_its_carts_in_its_own_shape():
    body = rendered(CART_V5, event(), shape=lambda version, cart, **_when: {**cart, "shape": version})

    assert body["@type"] == "ShoppingCartCreateEvent"
    assert body["@baseType"] == "Event"
    assert body["timeOccurred"] == "2026-11-21T12:00:00.123Z"
    assert "timeOcurred" not in body
    assert body["event"]["shoppingCart"]["shape"] == "v5"


def test_r17_has_its_own_names_and_three_attributes_before_the_event():
    body = rendered(CART_V1, event(CART_CHANGED), shape=lambda version, cart, **_when: {**cart, "shape": version})

    assert list(body) == ["eventId", "eventTime", "eventType", "event"]
    assert body["eventType"] == "ShoppingCartChangeNotification"
    assert body["event"]["shoppingCart"]["shape"] == "v1"


def test_of_a_deleted_cart_only_its_identity_is_told():
    body = rendered(CART_V5, event(CART_DELETED), shape=lambda _version, cart, **_when: {**cart, "validFor": {}})

    assert body["event"] == {"shoppingCart": {"id": "1", "href": "/c/1", "@type": "ShoppingCart"}}


def test_a_change_says_which_attribute_when_it_is_known():
    assert rendered(CART_V4, event(CART_CHANGED, field_path="cartItem"))["fieldPath"] == "cartItem"


def test_fields_select_attributes():
    body = rendered(CART_V4, event(), "fields=shoppingCart.cartItem.id")

    assert body == {
        "eventId": "e7",
        "eventTime": "2026-11-21T12:00:00.123Z",
        "eventType": "ShoppingCartCreateEvent",
        "event": {"shoppingCart": {"id": "1", "href": "/c/1", "@type": "ShoppingCart", "cartItem": [{"id": "01"}]}},
    }


def test_a_checkout_has_references_with_the_public_address():
    document = '{"@type":"Checkout","id":"c","href":"/x/c","state":"draft","shoppingCart":{"id":"1","href":"/y/1"}}'
    body = rendered(CHECKOUT_V1, event(CHECKOUT_STATE_CHANGED, document), public_url="https://shop.example/")

    assert body["@type"] == "CheckoutStateChangeEvent"
    assert body["event"]["checkout"]["href"] == "https://shop.example/x/c"
    assert body["event"]["checkout"]["shoppingCart"]["href"] == "https://shop.example/y/1"


@pytest.mark.parametrize(
    ("callback", "api", "event_type", "expected"),
    [
        ("https://a.example", CART_V4, CART_CREATED, "https://a.example/listener/shoppingCartCreateEvent"),
        ("https://a.example/b/", CART_V5, CART_DELETED, "https://a.example/b/listener/shoppingCartDeleteEvent"),
        ("https://a.example/b?c=d", CART_V4, CART_CREATED, "https://a.example/b/listener/shoppingCartCreateEvent?c=d"),
        ("https://a.example/b", CART_V1, CART_CREATED, "https://a.example/b"),
        (
            "https://a.example",
            CHECKOUT_V1,
            CHECKOUT_STATE_CHANGED,
            "https://a.example/listener/checkoutStateChangeEvent",
        ),
    ],
)
def test_where_an_event_is_posted(callback, api, event_type, expected):
    assert address(callback, api, event_type) == expected


@pytest.mark.parametrize("event_type", [CART_CREATED, CART_CHANGED, CART_DELETED])
def test_v4_events_are_valid_by_the_official_file(event_type):
    found = definitions("tmf663_v4", limits=False)
    schema = {"$ref": f"#/$defs/{event_type}", "$defs": found}
    body = rendered(CART_V4, event(event_type, CART.replace(',"price":19.90', "")))

    assert list(Draft202012Validator(schema).iter_errors(body)) == []
    assert set(body) <= set(found[event_type]["properties"])


@pytest.mark.parametrize("event_type", [CART_CREATED, CART_CHANGED, CART_DELETED])
def test_v5_envelopes_are_valid_by_the_official_file(event_type):
    body = rendered(
        CART_V5, event(event_type), "fields=title,domain,timeOccurred,priority,description,correlationId,@baseType"
    )
    schema = {"$ref": "#/$defs/Event", "$defs": definitions("tmf663_v5", limits=False)}

    assert list(Draft202012Validator(schema).iter_errors(body)) == []
    assert body["@type"] == event_type
