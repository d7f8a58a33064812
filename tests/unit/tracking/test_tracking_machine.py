from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_work import NOW, PLAIN, SALESFORCE, drafted, record_of, seconds, work_of
from msgspec.structs import replace

from gateway.checkouts.model import LineState
from gateway.checkouts.states import FINAL, MEANING
from gateway.checkouts.waits import SPREAD_MAX
from gateway.tracking.machine import (
    DRAFT_POLLS_MAX,
    apply_absence,
    apply_observation,
    is_live_after_its_end,
    line_states,
)

POLLS = (60.0, 300.0, 900.0)


def submitted(**columns):
    columns = {"order_id": "00000001", "order_state": "acknowledged", "upstream_state": "Submitted", **columns}
    return record_of(SALESFORCE, **{"state": "submitted", **columns})


def order(state="Submitted", **attributes):
    return replace(drafted(work_of(SALESFORCE), 1), state=state, **attributes)


def apply(record, observed, mapping=SALESFORCE, *, polled=True):
    return apply_observation(record, observed, mapping, NOW, POLLS, polled=polled)


def assert_wait(applied, wait):
    passed = applied.poll["track_due_at"] - NOW
    assert timedelta(seconds=wait) <= passed <= timedelta(seconds=wait * (1 + SPREAD_MAX))


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Completed", "completed"),
        ("Activated", "completed"),
        ("Rejected", "rejected"),
        ("Cancelled", "cancelled"),
        ("Superseded", "cancelled"),
        ("failed", "failed"),
        ("partial", "partial"),
    ],
)
def test_the_end_of_the_order_is_the_end_of_the_checkout(word, state):
    applied = apply(submitted(), order(word))
    assert applied.changes["state"] == state
    assert (applied.changes["order_state"], applied.changes["upstream_state"]) == (state, word)
    assert applied.poll == {"track_due_at": None}
    assert bool(applied.changes["status_reason"]) is (state not in {"completed", "partial"})


def test_a_state_on_the_way_is_shown_and_followed_closely():
    applied = apply(submitted(track_attempt=2), order("In Progress"))
    assert applied.changes == {"order_state": "inProgress", "upstream_state": "In Progress"}
    assert applied.poll["track_attempt"] == 0
    assert_wait(applied, 60)


def test_an_unchanged_state_is_polled_less_and_less_often():
    for attempt, wait in ((0, 60), (1, 300), (2, 900), (9, 900)):
        applied = apply(submitted(track_attempt=attempt), order())
        assert applied.changes == {}
        assert applied.poll["track_attempt"] == attempt + 1
        assert_wait(applied, wait)


def test_an_event_that_says_nothing_new_does_not_put_the_next_poll_off():
    assert apply(submitted(), order(), polled=False).poll == {}


@pytest.mark.parametrize("state", sorted(set(MEANING) - {"submitted"}))
def test_only_a_live_order_is_followed(state):
    for word in ("Completed", "In Progress", "Draft"):
        applied = apply(submitted(state=state), order(word))
        assert applied.ignored
        assert (applied.changes, applied.poll) == ({}, {})
    assert apply_absence(submitted(state=state), NOW, POLLS).ignored


@pytest.mark.parametrize("state", sorted(FINAL))
def test_e2_a_final_state_is_never_left(state):
    assert "final" in (apply(submitted(state=state), order("In Progress")).ignored or "")


def test_another_order_changes_nothing():
    applied = apply(submitted(), order("Completed", id="00000002"))
    assert (applied.changes, applied.poll, applied.ignored) == ({}, {}, "another order")


@pytest.mark.parametrize("word", ["Draft", ""])
def test_a_submitted_order_that_shows_as_a_draft_is_an_old_copy_at_first_and_a_persons_business_in_the_end(word):
    applied = apply(submitted(), order(word))
    assert applied.changes == {}
    assert applied.ignored
    assert apply(submitted(track_attempt=DRAFT_POLLS_MAX), order(word), polled=False).changes == {}
    last = apply(submitted(track_attempt=DRAFT_POLLS_MAX - 1), order(word))
    assert last.changes["state"] == "held"
    assert "see there whether it is live" in last.changes["status_reason"]


def test_an_order_that_is_not_found_is_asked_for_once_more_and_then_held():
    once = apply_absence(submitted(), NOW, POLLS)
    assert (once.changes["awaiting"], once.changes["reason_code"]) == ("missing_order", "not_shown_yet")
    assert once.poll == {"track_attempt": 0, "track_due_at": NOW + seconds(60)}
    twice = apply_absence(submitted(awaiting="missing_order"), NOW, POLLS)
    assert twice.changes["state"] == "held"
    assert "00000001" in twice.changes["status_reason"]


def test_an_order_that_is_found_again_is_not_spoken_of():
    applied = apply(submitted(awaiting="missing_order"), order())
    assert applied.changes == {**applied.changes, "awaiting": None, "reason_code": None, "status_reason": None}
    kept = apply(submitted(reason_code="cancellation_asked"), order())
    assert "status_reason" not in kept.changes


@pytest.mark.parametrize(("word", "live"), [("Draft", False), ("", False), ("In Progress", True), ("Completed", False)])
@pytest.mark.parametrize("state", ["rejected", "cancelled"])
def test_an_order_that_lives_on_after_its_checkout_ended_is_noticed(state, word, live):
    assert is_live_after_its_end(submitted(state=state), order(word), SALESFORCE) is live


def test_an_order_of_a_running_checkout_is_not_live_after_its_end():
    assert not is_live_after_its_end(submitted(), order("In Progress"), SALESFORCE)


def test_words_that_the_mapping_does_not_know_pass_through():
    applied = apply(submitted(), order("a word of the org"))
    assert applied.changes["order_state"] == "a word of the org"
    assert "state" not in applied.changes


def test_lines_get_their_states_by_what_was_learnt_then_by_what_they_echo():
    observed = drafted(work_of(SALESFORCE), 1)
    lines = tuple(replace(line, state="In Progress") for line in observed.lines)
    known = {"1": LineState(line_id=lines[0].line_id), "2": LineState(line_id="802-gone", state="completed")}
    fresh = line_states(["1", "2", "3", "99"], known, replace(observed, lines=lines), SALESFORCE)
    assert fresh["1"] == LineState(line_id=lines[0].line_id, state="inProgress")
    assert fresh["2"] == LineState(line_id="802-gone", state="completed")
    assert fresh["3"] == LineState(line_id=lines[2].line_id, state="inProgress")
    assert fresh["99"] == LineState()


def test_a_line_without_a_state_keeps_the_one_it_had():
    observed = drafted(work_of(PLAIN), 1)
    known = {"1": LineState(line_id="1", state="inProgress")}
    assert line_states(["1"], known, observed, PLAIN)["1"].state == "inProgress"
