from __future__ import annotations

import json

import pytest
from checkout_work import SALESFORCE
from msgspec.structs import replace

from gateway.tracking.events import marker_parts, read_event

OURS = "gw1-abcdefghijklmnop-0"


def event(mapping=SALESFORCE, **document):
    return read_event(document, json.dumps(document).encode(), mapping)


def comparing(how):
    return replace(SALESFORCE, recovery=replace(SALESFORCE.recovery, marker_slot="externalId", marker_compare=how))


@pytest.mark.parametrize(
    ("how", "shown", "read"),
    [
        ("exact", OURS, OURS),
        ("exact", [{"id": OURS}, {"id": "42"}], OURS),
        ("exact", OURS.upper(), None),
        ("exact", f"WEB/{OURS}", None),
        ("case-insensitive", OURS.upper(), OURS),
        ("prefix", f"WEB/{OURS}", OURS),
        ("prefix", f"{OURS}/WEB", None),
        ("exact", "a shop's own number", None),
        ("exact", [OURS, "gw1-abcdefghijklmnop-1"], None),
        ("exact", f"{OURS}\n", None),
        ("exact", {"x": [OURS]}, None),
        ("exact", None, None),
    ],
)
def test_the_marker_is_read_as_the_mapping_expects_it(how, shown, read):
    order = {"id": "42", "externalId": shown}
    assert event(comparing(how), event={"productOrder": order}).marker == read
    assert event(comparing(how), productOrder=order).marker == read


def test_a_marker_elsewhere_in_a_notification_or_beside_no_order_is_none():
    assert event(externalId=OURS, productOrder={"id": "42"}).marker is None
    assert event(productOrder={"externalId": OURS}).marker is None


def test_a_marker_is_of_a_checkout_and_of_one_of_its_drafts():
    assert marker_parts("gw1-abcdefghijklmnop-12") == ("abcdefghijklmnop", 12)
    assert marker_parts("gw1-abcdefghijklmnop-") is None


@pytest.mark.parametrize(
    "document",
    [
        {"event": {"productOrder": {"id": "42", "state": "completed"}}},
        {"productOrder": {"id": "42", "state": "Completed"}},
        {"event": {"resource": {"id": "42"}}},
        {"resource": {"id": "42"}},
        {"productOrder": {"id": 42}},
        {"event": "a text", "productOrder": {"id": "42"}},
        {"event": {"productOrder": []}, "productOrder": {"id": "42"}},
    ],
    ids=[
        "TMF622",
        "bare",
        "resource",
        "bare resource",
        "numeric id",
        "event is not an object",
        "order is not an object",
    ],
)
def test_the_order_is_found_in_every_shape(document):
    assert event(**document).order_id == "42"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"event": {}},
        {"productOrder": {}},
        {"productOrder": {"id": ""}},
        {"productOrder": {"id": True}},
        {"productOrder": {"id": "x" * 256}},
        {"productOrder": {"id": "a\nb"}},
        {"productOrder": {"id": {"id": "42"}}},
    ],
)
def test_what_names_no_usable_order_is_told_apart(document):
    assert event(**document).order_id is None


def test_the_event_id_tells_deliveries_from_events():
    first = event(eventId="e1", productOrder={"id": "1", "state": "a"})
    again = event(eventId="e1", productOrder={"id": "1", "state": "b"})
    assert (first.key, first.identified) == ("e1", True)
    assert again.key == first.key


@pytest.mark.parametrize("event_id", [None, "", [], "x" * 256, "a\x07b"])
def test_without_a_usable_event_id_the_whole_body_is_the_key(event_id):
    first = event(eventId=event_id, productOrder={"id": "1", "state": "a"})
    other = event(eventId=event_id, productOrder={"id": "1", "state": "b"})
    assert first.key.startswith("sha256-")
    assert first.key != other.key
    assert not first.identified


def test_the_type_is_kept_for_people():
    assert event(eventType="ProductOrderStateChangeEvent").event_type == "ProductOrderStateChangeEvent"
    assert event().event_type == "unknown"
