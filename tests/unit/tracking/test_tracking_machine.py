"""What a look at a live order makes of its checkout: the id is a hint, the marker is evidence, the contents decide."""

from __future__ import annotations

import pytest
from checkout_work import MARKER_ROOT, NOW, PLAIN, SALESFORCE, drafted, record_of, seconds, work_of
from msgspec.structs import replace
from order_looks import (
    FOUND_NOTHING,
    INCOMPLETE,
    NONE,
    OURS,
    POLICY,
    STRANGERS,
    assert_wait,
    look,
    order,
    patient,
    submitted,
)

from gateway.checkouts.states import FINAL, MEANING
from gateway.ordering import Marker
from gateway.tracking.evidence import Evidence, Search, wants_contents, wants_search
from gateway.tracking.machine import SEARCHES_MAX, decide

# The ordinary way.


@pytest.mark.parametrize(
    ("word", "state"),
    [("Completed", "completed"), ("Activated", "completed"), ("COMPLETED", "completed"), ("partial", "partial")],
)
def test_the_end_of_the_order_is_the_end_of_the_checkout(word, state):
    decision = look(submitted(), order(word))
    assert decision.changes["state"] == state
    assert (decision.changes["order_state"], decision.changes["upstream_state"]) == (state, word)
    assert decision.poll == {"track_due_at": None}
    assert "reason_code" not in decision.changes
    assert decision.findings == ()


@pytest.mark.parametrize(
    ("word", "state"),
    [("Rejected", "rejected"), ("Cancelled", "cancelled"), ("Superseded", "cancelled"), ("failed", "failed")],
)
def test_an_end_that_delivers_nothing_is_told_after_a_search_that_finds_no_other_order(word, state):
    decision = look(submitted(), order(word), search=FOUND_NOTHING)
    assert (decision.changes["state"], decision.changes["reason_code"]) == (state, "ended_by_order_system")
    assert decision.findings == ()


def test_a_state_on_the_way_is_shown_and_followed_closely():
    decision = look(submitted(track_attempt=2), order("In Progress"))
    assert decision.changes == {"order_state": "inProgress", "upstream_state": "In Progress"}
    assert decision.poll["track_attempt"] == 0
    assert_wait(decision, 60)


def test_an_unchanged_state_is_polled_less_and_less_often():
    for attempt, wait in ((0, 60), (1, 300), (2, 900), (9, 900)):
        decision = look(submitted(track_attempt=attempt), order())
        assert decision.changes == {}
        assert decision.poll["track_attempt"] == attempt + 1
        assert_wait(decision, wait)


def test_an_event_that_says_nothing_new_does_not_put_the_next_poll_off():
    assert look(submitted(), order(), polled=False).poll == {}


@pytest.mark.parametrize("state", sorted(set(MEANING) - {"submitted"}))
def test_only_a_live_order_is_followed(state):
    for observed in (order("Completed"), order("In Progress"), order("Draft"), None):
        decision = look(submitted(state=state), observed)
        assert decision.ignored
        assert (decision.changes, decision.poll) == ({}, {})


@pytest.mark.parametrize("state", sorted(FINAL))
def test_e2_a_final_state_is_never_left_by_a_look(state):
    assert "final" in (look(submitted(state=state), order("In Progress")).ignored or "")


def test_words_that_the_mapping_does_not_know_pass_through_and_are_told():
    decision = look(submitted(), order("a word of the org"))
    assert decision.changes["order_state"] == "a word of the org"
    assert "state" not in decision.changes
    assert [(one.code, one.severity) for one in decision.findings] == [("unknown_state", "warning")]
    assert decision.lines_believed


def test_a_checkout_whose_order_stays_in_a_state_that_nobody_knows_says_so_until_one_is_known():
    record = submitted(order_state="inProgress", upstream_state="In Progress")
    first = look(record, order("Awaiting Fitter"))
    assert first.changes["reason_code"] == "state_unknown"
    assert "shows the order as Awaiting Fitter" in first.changes["status_reason"]
    waiting = replace(record, **first.changes)
    again = look(waiting, order("Awaiting Fitter"))
    assert again.changes == {}
    assert_wait(again, 60)
    other = look(waiting, order("Awaiting Parts"))
    assert "Awaiting Parts" in other.changes["status_reason"]
    for word, state in (("In Progress", None), ("Completed", "completed")):
        over = look(waiting, order(word))
        assert (over.changes["reason_code"], over.changes["status_reason"]) == (None, None)
        assert over.changes.get("state") == state


@pytest.mark.parametrize("words", [("Awaiting Fitter", "Draft"), ("Draft", "Awaiting Fitter"), ("", "Awaiting Fitter")])
def test_an_order_that_goes_to_and_fro_between_a_draft_and_a_state_that_nobody_knows_always_says_why(words):
    record = submitted(order_state="inProgress", upstream_state="In Progress")
    for number in range(6):
        decision = look(record, order(words[number % 2]), search=FOUND_NOTHING)
        record = replace(record, **decision.changes, **decision.poll)
        expected = "state_unknown" if words[number % 2] == "Awaiting Fitter" else "not_shown_yet"
        assert (record.state, record.reason_code) == ("submitted", expected)
        assert record.status_reason
        assert record.track_due_at is not None


@pytest.mark.parametrize("code", ["cancellation_asked", "cancellation_refused"])
def test_a_state_that_nobody_knows_takes_the_place_of_no_word_about_a_cancellation(code):
    asked = submitted(reason_code=code, status_reason="told", cancel_requested=code == "cancellation_asked")
    decision = look(asked, order("Awaiting Fitter"))
    assert not {"reason_code", "status_reason"} & set(decision.changes)
    assert [finding.code for finding in decision.findings] == ["unknown_state"]


# What is to be found out.


def test_the_marker_is_searched_at_the_first_poll_and_not_again():
    assert wants_search(submitted(searched_at=None), order(), SALESFORCE, polled=True)
    assert not wants_search(submitted(searched_at=None), order(), SALESFORCE, polled=False)
    assert not wants_search(submitted(), order(), SALESFORCE, polled=True)
    first = look(submitted(searched_at=None), order(), search=FOUND_NOTHING)
    assert first.changes["searched_at"] == NOW


def test_a_search_that_cannot_be_complete_is_made_a_few_times():
    for attempt in range(SEARCHES_MAX - 1):
        assert (
            "searched_at"
            not in look(submitted(searched_at=None, track_attempt=attempt), order(), search=INCOMPLETE).changes
        )
    last = look(submitted(searched_at=None, track_attempt=SEARCHES_MAX - 1), order(), search=INCOMPLETE)
    assert last.changes["searched_at"] == NOW


def test_where_the_mapping_names_no_search_none_is_made():
    blind = replace(SALESFORCE, recovery=replace(SALESFORCE.recovery, find="none"))
    assert not wants_search(submitted(searched_at=None), None, blind, polled=True)
    decision = look(submitted(), order("Cancelled"), mapping=blind)
    assert decision.changes["state"] == "cancelled"
    assert [one.code for one in decision.findings] == ["order_not_verified"]


@pytest.mark.parametrize(
    "observed", [None, order(marker=STRANGERS), order(marker=NONE), order("Cancelled"), order("failed")]
)
def test_what_is_not_ours_or_came_to_nothing_is_searched_for(observed):
    assert wants_search(submitted(), observed, SALESFORCE, polled=False)


def test_contents_are_compared_at_first_at_each_move_and_at_the_end():
    assert wants_contents(submitted(searched_at=None), order(), SALESFORCE)
    assert not wants_contents(submitted(), order(), SALESFORCE)
    assert wants_contents(submitted(), order("In Progress"), SALESFORCE)
    ended = submitted(order_state="completed", upstream_state="Completed")
    assert wants_contents(ended, order("Completed"), SALESFORCE)
    assert wants_contents(submitted(awaiting="same_contents"), order(), SALESFORCE)
    for observed in (None, order(marker=STRANGERS), order("Draft"), order("Cancelled")):
        assert not wants_contents(submitted(searched_at=None), observed, SALESFORCE)


# What cannot be right: looked at again, soon, and told in the end.


@pytest.mark.parametrize(
    ("observed", "awaiting", "code", "words"),
    [
        (None, "missing_order", "not_verifiable", "does not exist (any more)"),
        (order(marker=STRANGERS), "own_order", "foreign_order", "it shows WEB-4711"),
        (order(marker=NONE), "own_order", "marker_changed", "it shows none"),
        (order("Completed", marker=STRANGERS), "own_order", "foreign_order", "whose order it is"),
        (order(""), "live_state", "not_verifiable", "having no state"),
        (order(id="00000009", marker=STRANGERS), "own_order", "foreign_order", "order 00000009"),
    ],
)
def test_what_cannot_be_right_is_looked_at_again_and_held_in_the_end(observed, awaiting, code, words):
    first = look(submitted(), observed, search=FOUND_NOTHING)
    assert first.changes["awaiting"] == awaiting
    assert first.changes["awaiting_since"] == NOW
    assert "state" not in first.changes
    assert not first.lines_believed
    record, _, after = patient(submitted(), observed, search=FOUND_NOTHING)
    assert (record.state, record.reason_code, record.track_due_at) == ("held", code, None)
    assert words in record.status_reason
    assert 45 <= after < 60


@pytest.mark.parametrize("word", ["Draft", "draft"])
def test_an_order_that_stays_a_draft_is_submitted_once_more_and_held_after_that(word):
    record, _, after = patient(submitted(), order(word), told=lambda record: record.state != "submitted")
    assert 45 <= after < 60
    assert (record.state, record.step, record.step_state, record.due_at) == (
        "submitting", record.steps_total - 1, "PLANNED", NOW + seconds(after),
    )  # fmt: skip
    assert (record.awaiting, record.reason_code, record.track_due_at) == ("second_submission", "not_shown_yet", None)
    assert f"still shows it as {word}: it is submitted once more" in record.status_reason
    # The worker reads it, sends the same submission, and it is followed again: there is no third one.
    again = replace(record, state="submitted", step=record.steps_total, awaiting=None, due_at=None, reason_code=None)
    record, _, _ = patient(again, order(word))
    assert (record.state, record.reason_code) == ("held", "not_verifiable")
    assert f"still shows it as {word}" in record.status_reason


@pytest.mark.parametrize(
    "columns",
    [{"unknowns": 1}, {"cancel_requested": True}, {"submit_intent_order": None}, {"submit_intent_order": "00000002"}],
)
def test_nothing_is_submitted_once_more_that_may_be_live_is_cancelled_or_was_never_submitted(columns):
    record, _, _ = patient(submitted(**columns), order("Draft"))
    assert (record.state, record.reason_code) == ("held", "not_verifiable")


def test_what_is_said_of_a_doubt_does_not_change_from_look_to_look():
    first = look(submitted(), None, search=FOUND_NOTHING)
    record = replace(submitted(), **first.changes, **first.poll)
    for after in (1, 3, 20, 44):
        again = look(record, None, search=FOUND_NOTHING, now=NOW + seconds(after))
        assert again.changes == {}
        assert again.poll["track_due_at"] <= NOW + seconds(45)


def test_doubts_that_take_turns_are_one():
    first = look(submitted(), None, search=FOUND_NOTHING)
    record = replace(submitted(), **first.changes, **first.poll)
    second = look(record, order("Draft"), now=NOW + seconds(30))
    assert second.changes["awaiting"] == "live_state"
    assert "awaiting_since" not in second.changes
    record = replace(record, **second.changes, **second.poll)
    assert look(record, None, search=FOUND_NOTHING, now=NOW + seconds(46)).changes["state"] == "held"


@pytest.mark.parametrize("observed", [None, order("Draft"), order(marker=STRANGERS)])
def test_an_old_copy_is_forgotten_when_the_order_shows_as_it_should(observed):
    doubted = look(submitted(), observed, search=FOUND_NOTHING)
    record = replace(submitted(), **doubted.changes, **doubted.poll)
    decision = look(record, order("In Progress"), now=NOW + seconds(20))
    assert decision.changes["awaiting"] is None
    assert decision.changes["awaiting_since"] is None
    assert decision.changes["reason_code"] is None
    assert decision.changes["order_state"] == "inProgress"


def test_who_asked_to_cancel_reads_so_again_after_a_doubt():
    asked = submitted(cancel_requested=True, due_at=None, reason_code="cancellation_asked", status_reason="x")
    assert look(asked, order()).changes == {}
    doubted = look(asked, None, search=FOUND_NOTHING)
    decision = look(replace(asked, **doubted.changes), order(), now=NOW + seconds(1))
    assert decision.changes["reason_code"] == "cancellation_asked"


def test_reasons_of_somebody_else_stay():
    kept = submitted(reason_code="cancellation_refused", status_reason="cancel it there")
    assert look(kept, order()).changes == {}


def test_a_failure_to_read_is_over_with_the_first_answer():
    away = submitted(reason_code="credentials_refused", status_reason="waits")
    assert look(away, order()).changes == {"reason_code": None, "status_reason": None}


def test_where_there_are_no_drafts_an_order_without_a_state_is_followed_and_says_so():
    record = record_of(PLAIN, state="submitted", order_id="00000001", searched_at=NOW)
    observed = replace(drafted(work_of(PLAIN), 1), state="")
    decision = decide(record, Evidence(observed=observed), PLAIN, POLICY, NOW, polled=True)
    assert decision.changes["reason_code"] == "not_shown_yet"
    assert "shows no state" in decision.changes["status_reason"]
    assert decision.lines_believed
    said = replace(record, **decision.changes)
    assert decide(said, Evidence(observed=observed), PLAIN, POLICY, NOW, polled=True).changes == {}


def test_the_standards_word_for_a_draft_is_one_where_the_mapping_knows_no_drafts():
    record = record_of(PLAIN, state="submitted", order_id="00000001", searched_at=NOW)
    observed = replace(drafted(work_of(PLAIN), 1), state="draft")
    decision = decide(record, Evidence(observed=observed), PLAIN, POLICY, NOW, polled=True)
    assert decision.changes["awaiting"] == "live_state"


RESPELLED = [
    f"GW1-{MARKER_ROOT}-0".upper(),
    f"WEB/gw1-{MARKER_ROOT}-0",
    f"gw1-{MARKER_ROOT}"[:18],
    f"gw1_{MARKER_ROOT}_0",
]


@pytest.mark.parametrize("text", RESPELLED)
def test_a_marker_in_another_spelling_is_ours_while_the_order_holds_what_was_sent(text):
    shown = Marker((text,))
    assert wants_contents(submitted(), order(marker=shown), SALESFORCE)
    decision = look(submitted(), order("In Progress", marker=shown))
    assert decision.changes == {"order_state": "inProgress", "upstream_state": "In Progress"}
    record, decision, after = patient(submitted(), order(marker=shown, lines=order().lines[1:]))
    assert (record.state, record.reason_code) == ("held", "marker_changed")
    assert text in record.status_reason
    assert "missing items 1" in record.status_reason
    assert after >= 45


def test_an_order_without_a_marker_is_ours_where_the_answer_that_named_it_showed_ours():
    hidden = order("In Progress", marker=NONE)
    named = {"answered_order": "00000001", "answered_marker": OURS.texts[0]}
    assert look(submitted(**named), hidden).changes["order_state"] == "inProgress"
    for other in (
        {**named, "answered_order": "00000002"},
        {**named, "answered_marker": "WEB-1"},
        {**named, "answered_marker": None},
    ):
        assert look(submitted(**other), hidden, search=FOUND_NOTHING).changes["awaiting"] == "own_order"


def test_an_order_without_a_marker_is_ours_where_nobodys_is_shown_and_none_can_be_searched():
    blind = replace(SALESFORCE, recovery=replace(SALESFORCE.recovery, find="none"))
    hidden = order("In Progress", marker=NONE)
    assert look(submitted(answered_order="00000001"), hidden, mapping=blind).changes["order_state"] == "inProgress"
    assert look(submitted(), hidden, mapping=blind).changes["awaiting"] == "own_order"


def test_where_a_filter_finds_orders_the_marker_is_searched_before_every_end():
    filtering = replace(SALESFORCE, recovery=replace(SALESFORCE.recovery, find="filter"))
    assert wants_search(submitted(), order("Completed"), filtering, polled=False)
    assert not wants_search(submitted(), order("Completed"), SALESFORCE, polled=False)
    twin = order(id="00000002")
    decision = look(submitted(), order("Completed"), mapping=filtering, search=Search(orders=(twin,), complete=True))
    assert decision.duplicates == ("00000001", "00000002")
    again = look(submitted(), order("Completed"), mapping=filtering, search=INCOMPLETE)
    assert (again.changes["awaiting"], "state" in again.changes) == ("confirmed_end", False)
    _, end, passed = patient(submitted(), order("Completed"), mapping=filtering, search=INCOMPLETE)
    assert (end.changes["state"], [one.code for one in end.findings]) == ("completed", ["order_not_verified"])
    assert passed == POLICY.patience_seconds


def test_that_no_filter_could_tell_of_repeats_is_said_when_it_is_searched_for_no_more():
    filtering = replace(SALESFORCE, recovery=replace(SALESFORCE.recovery, find="filter"))
    for attempt, told in enumerate([[], [], ["order_not_verified"]]):
        record = submitted(searched_at=None, track_attempt=attempt)
        decision = look(record, order(), mapping=filtering, search=INCOMPLETE)
        assert [one.code for one in decision.findings] == told


def test_two_live_orders_are_two_also_where_one_shows_our_marker_in_another_spelling():
    twin = order(id="00000002", marker=Marker((OURS.texts[0].upper(),)))
    decision = look(submitted(), order(), search=Search(orders=(twin,), complete=False))
    assert decision.duplicates == ("00000001", "00000002")
