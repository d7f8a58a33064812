"""Orders that live on under another id, several with our marker, and what an order holds: how the tracker follows, holds and tells them."""

from __future__ import annotations

import pytest
from checkout_work import NOW, seconds
from msgspec.structs import replace
from order_looks import HOLDING, INCOMPLETE, NONE, STRANGERS, look, order, patient, submitted

from gateway.tracking.evidence import Search

# Followed by the marker.


@pytest.mark.parametrize(
    "observed",
    [None, order(marker=STRANGERS), order(marker=NONE), order("Superseded"), order("failed"), order(id="00000002")],
    ids=["gone", "id used again", "no marker", "superseded", "failed", "answers as another"],
)
def test_an_order_that_lives_on_under_another_id_is_followed_by_its_marker(observed):
    found = order("In Progress", id="00000002", href="/o/2")
    decision = look(submitted(), observed, search=Search(orders=(found,), complete=True), compared=False)
    assert decision.changes["order_id"] == "00000002"
    assert decision.changes["order_href"] == "/o/2"
    assert decision.changes["order_state"] == "inProgress"
    assert "state" not in decision.changes
    assert [one.code for one in decision.findings] == ["followed_by_marker"]
    assert decision.poll["track_due_at"] <= NOW + seconds(1)


def test_what_the_search_finds_under_the_same_id_is_no_other_order():
    record, _, _ = patient(submitted(), None, search=Search(orders=(order(),), complete=True), compared=False)
    assert record.state == "held"


def test_an_order_whose_document_hides_the_marker_is_ours_when_the_search_by_it_finds_it():
    hidden = order("In Progress", marker=NONE)
    decision = look(submitted(), hidden, search=Search(orders=(hidden,), complete=True))
    assert decision.changes["order_state"] == "inProgress"
    assert decision.lines_believed


@pytest.mark.parametrize("word", ["Cancelled", "Rejected", "failed"])
def test_another_order_with_our_marker_that_came_to_nothing_as_well_changes_nothing(word):
    dead = order("Cancelled", id="00000002")
    decision = look(submitted(), order(word), search=Search(orders=(dead,), complete=True))
    assert decision.changes["state"] == word.lower()


def test_an_end_whose_search_cannot_be_complete_is_told_in_the_end_and_says_so():
    first = look(submitted(), order("Cancelled"), search=INCOMPLETE)
    assert first.changes["awaiting"] == "confirmed_end"
    assert "order_state" not in first.changes
    record, decision, after = patient(submitted(), order("Cancelled"), search=INCOMPLETE)
    assert record.state == "cancelled"
    assert [one.code for one in decision.findings] == ["order_not_verified"]
    assert "shows no marker" in decision.findings[0].message
    assert after >= 45


# Several orders.


def test_two_live_orders_are_held_and_both_named():
    twin = order(id="00000002")
    decision = look(submitted(searched_at=None), order(), search=Search(orders=(order(), twin), complete=True))
    assert (decision.changes["state"], decision.changes["reason_code"]) == ("held", "duplicate_orders")
    assert decision.duplicates == ("00000001", "00000002")
    assert "00000001, 00000002" in decision.changes["status_reason"]


def test_two_others_are_two_although_the_followed_one_is_gone():
    twins = (order(id="00000002"), order("Completed", id="00000003"))
    decision = look(submitted(), None, search=Search(orders=twins, complete=True))
    assert decision.duplicates == ("00000002", "00000003")


def test_a_submitted_order_that_shows_as_a_draft_beside_a_live_one_is_two():
    twin = order(id="00000002")
    decision = look(submitted(searched_at=None), order("Draft"), search=Search(orders=(twin,), complete=True))
    assert decision.duplicates == ("00000001", "00000002")


def test_a_twin_that_is_a_draft_is_cleaned_up():
    twin = order("Draft", id="00000002")
    decision = look(submitted(searched_at=None), order(), search=Search(orders=(order(), twin), complete=True))
    assert decision.drafts == ("00000002",)
    assert decision.duplicates == ()
    assert "state" not in decision.changes


def test_an_order_with_our_marker_that_shows_another_one_when_read_is_no_twin():
    stranger = order(id="00000002", marker=NONE)
    assert look(submitted(searched_at=None), order(), search=Search(orders=(stranger,), complete=True)).duplicates == ()


def test_an_order_that_is_another_checkouts_as_well_is_held():
    record, _, _ = patient(submitted(), order(), also_of=("checkout k2",))
    assert (record.state, record.reason_code) == ("held", "foreign_order")
    assert "checkout k2" in record.status_reason


# What the order holds.


def changed(**line):
    lines = list(order("Completed").lines)
    lines[0] = replace(lines[0], **line)
    return order("Completed", lines=tuple(lines))


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (order("Completed", lines=order().lines[1:]), "missing items 1"),
        (order("Completed", lines=()), "none of the 5 items"),
        (changed(quantity=7), "shows the quantity 7, sent was 1"),
    ],
    ids=["dropped", "nothing", "quantity"],
)
def test_a_difference_is_told_before_the_end_is(observed, words):
    first = look(submitted(), observed)
    assert first.changes["awaiting"] == "same_contents"
    assert first.changes["reason_code"] == "contents_differ"
    assert "order_state" not in first.changes
    record, decision, after = patient(submitted(), observed)
    assert (record.state, record.reason_code) == ("completed", "contents_differ")
    assert words in record.status_reason
    assert [(one.code, one.severity) for one in decision.findings] == [("contents_differ", "error")]
    assert after >= 45


def test_by_setting_a_difference_is_held():
    record, decision, _ = patient(submitted(), changed(quantity=7), policy=HOLDING)
    assert (record.state, record.reason_code) == ("held", "contents_differ")
    assert [one.code for one in decision.findings] == ["contents_differ"]


def test_lines_that_are_shown_late_are_waited_for():
    first = look(submitted(), order("Completed", lines=()))
    record = replace(submitted(), **first.changes, **first.poll)
    decision = look(record, order("Completed"), now=NOW + seconds(30))
    assert decision.changes["state"] == "completed"
    assert decision.changes["reason_code"] is None
    assert decision.findings == ()


def test_on_the_way_the_state_moves_while_a_difference_is_looked_at_again_and_it_stays_told():
    short = order("In Progress", lines=order().lines[1:])
    first = look(submitted(), short)
    assert first.changes["order_state"] == "inProgress"
    record, decision, _ = patient(submitted(), short)
    assert (record.state, record.reason_code) == ("submitted", "contents_differ")
    assert [one.code for one in decision.findings] == ["contents_differ"]
    again = look(record, short, now=record.track_due_at)
    assert again.changes == {}
    assert record.status_reason == replace(record, **again.changes).status_reason
    ended = look(record, order("Completed", lines=short.lines), now=NOW + seconds(900))
    assert ended.changes["state"] == "completed"
    healed = look(record, order("Completed"), now=NOW + seconds(900))
    assert healed.changes["reason_code"] is None
