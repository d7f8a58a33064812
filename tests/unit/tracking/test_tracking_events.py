from __future__ import annotations

import json

import pytest

from gateway.tracking.events import read_event


def event(**document):
    return read_event(document, json.dumps(document).encode())


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
    ids=["TMF622", "bare", "resource", "bare resource", "numeric id", "event is no object", "order is no object"],
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
