"""Every event of TMF622 v4, v5 and R17, in every envelope: whose order, which state, which items, what people should know."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from checkout_work import SALESFORCE

from gateway.tracking.events import read_event
from gateway.tracking.notices import Note, event_kind

SPEC = Path(__file__).parents[3] / ".." / "shared" / "specs" / "TMF622-ProductOrdering-v5.0.0.oas.yaml"


def event(name="", **document):
    return read_event(document, json.dumps(document).encode(), SALESFORCE, name=name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ProductOrderCreateEvent", "create"),
        ("productOrderCreateEvent", "create"),
        ("ProductOrderCreationNotification", "create"),
        ("ProductOrderStateChangeEvent", "stateChange"),
        ("ProductOrderStateChangeNotification", "stateChange"),
        ("productOrderStatusChangeEvent", "stateChange"),
        ("productOrderItemStateChangeEvent", "stateChange"),
        ("ProductOrderAttributeValueChangeEvent", "attributeValueChange"),
        ("ProductOrderAttributeValueChangeNotification", "attributeValueChange"),
        ("ProductOrderDeleteEvent", "delete"),
        ("ProductOrderRemoveNotification", "delete"),
        ("ProductOrderInformationRequiredEvent", "informationRequired"),
        ("ProductOrderInformationRequiredNotification", "informationRequired"),
        ("ProductOrderMilestoneEvent", "milestone"),
        ("ProductOrderJeopardyAlertEvent", "jeopardyAlert"),
        ("ProductOrderErrorMessageEvent", "errorMessage"),
        ("CancelProductOrderStateChangeEvent", "stateChange"),
        ("x", "other"),
        ("", "other"),
    ],
)
def test_every_spelling_of_an_event_is_known(name, kind):
    assert event_kind(name) == kind


def test_the_name_of_the_path_stands_in_for_one_that_the_body_leaves_out():
    assert event(name="productOrderCreateEvent", productOrder={"id": "1"}).event_type == "productOrderCreateEvent"
    assert event(name="a", eventType="b", productOrder={"id": "1"}).event_type == "b"
    assert event(eventType="a\nb", productOrder={"id": "1"}).event_type == "unknown"


@pytest.mark.parametrize("misspelt", ["cancelProductOrder", "canccelProductOrder"])
def test_a_task_of_a_cancellation_names_its_order_and_its_state_is_not_the_orders(misspelt):
    task = {"id": "t1", "state": "done", "productOrder": {"id": "42"}}
    read = event(eventType="CancelProductOrderStateChangeEvent", event={misspelt: task})
    assert (read.order_id, read.state, read.items) == ("42", None, {})
    assert read.notes == (Note("cancellation", "t1, done"),)


def test_an_event_that_is_the_order_itself():
    payload = {"id": "42", "href": "https://seller/x/42", "orderItemId": "1"}
    assert event(eventType="productOrderStateChangeEvent", event=payload).order_id == "42"
    assert event(eventType="chargeCreateEvent", event=payload).order_id is None
    assert event(eventType="cancelProductOrderStateChangeEvent", event=payload).order_id is None


def test_the_states_of_items_are_read_wherever_they_stand():
    nested = [{"id": "100", "state": "inProgress", "productOrderItem": [{"id": "100.1", "state": "held"}]}]
    assert event(productOrder={"id": "1", "productOrderItem": nested}).items == {"100": "inProgress", "100.1": "held"}
    listed = {"id": "1", "itemStateChange": [{"itemId": "1", "state": "done"}, {"itemId": 2, "state": "x"}, {}, "y"]}
    assert event(event={"productOrder": listed}).items == {"1": "done", "2": "x"}


@pytest.mark.parametrize(
    ("payload", "note"),
    [
        (
            {
                "productOrder": {
                    "id": "1",
                    "productOrderMilestone": [{"id": "m", "message": "site visit", "status": "done"}],
                }
            },
            Note("milestone", "m, done, site visit"),
        ),
        (
            {"productOrder": {"id": "1", "productOrderJeopardyAlert": {"id": "j", "jeopardyType": "delay"}}},
            Note("jeopardyAlert", "j, delay"),
        ),
        (
            {"productOrder": {"id": "1", "productOrderErrorMessage": [{"code": "E1", "reason": "no line"}]}},
            Note("errorMessage", "E1, no line"),
        ),
        ({"productOrder": {"id": "1"}, "errorMessage": [{"code": 7}]}, Note("errorMessage", "7")),
        (
            {"productOrder": {"id": "1"}, "informationRequired": {"op": "add", "path": "agreement.id"}},
            Note("informationRequired", "add, agreement.id", "agreement.id"),
        ),
    ],
)
def test_what_people_should_know_is_noted(payload, note):
    assert event(event=payload).notes == (note,)


def test_what_a_notification_of_v4_asks_for_is_the_path_that_it_names():
    asked = {
        "eventType": "ProductOrderInformationRequiredEvent",
        "fieldPath": "$.relatedParty",
        "productOrder": {"id": "1"},
    }
    assert event(**asked).notes == (Note("informationRequired", "$.relatedParty", "$.relatedParty"),)
    assert event(**{**asked, "eventType": "ProductOrderStateChangeEvent"}).notes == ()
    assert event(**{**asked, "fieldPath": {"a": 1}}).notes == ()


def test_notes_are_bounded_and_print():
    entries = [{"id": str(number), "message": "a\nb" + "x" * 500} for number in range(100)]
    notes = event(productOrder={"id": "1", "productOrderMilestone": entries}).notes
    assert len(notes) == 20
    assert all(note.text.isprintable() and len(note.text) < 200 for note in notes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("eventTime", "2026-11-30T10:00:00Z"),
        ("eventTime", "2026-11-30T11:00:00+0100"),
        ("timeOcurred", "2026-11-30T10:00:00.000Z"),
        ("timeOccurred", "2026-11-30T10:00:00+00:00"),
    ],
)
def test_when_it_happened(name, text):
    assert event(**{name: text}, productOrder={"id": "1"}).occurred_at == datetime(2026, 11, 30, 10, tzinfo=UTC)
    assert event(**{name: 7}, productOrder={"id": "1"}).occurred_at is None


def official_examples():
    if not SPEC.is_file():
        return []
    document = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    return [(name, body) for name, body in document["components"]["examples"].items() if "Event_request" in name]


@pytest.mark.skipif(not SPEC.is_file(), reason="the official TMF622 v5 file is not at ../shared/specs")
def test_the_official_examples_of_all_events_are_read_as_they_are_and_in_their_wrapping():
    seen = official_examples()
    assert len(seen) == 11
    for name, example in seen:
        wrapped = json.loads(json.dumps(example, default=str))
        for document in (wrapped, wrapped["value"]):
            read = event(**document)
            assert read.order_id is not None, name
            assert read.key == wrapped["value"]["eventId"]
            assert f"{read.event_type}_request" == name
            assert read.kind != "other"
            assert read.occurred_at is not None
            if any(word in name for word in ("Milestone", "Jeopardy", "ErrorMessage", "InformationRequired", "Cancel")):
                assert read.notes, name
