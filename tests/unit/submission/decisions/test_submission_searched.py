from __future__ import annotations

import pytest
from checkout_work import NOW, PLAIN, POLICY, SALESFORCE, SPLIT, drafted, lost, seconds, work_of
from msgspec.structs import replace

from gateway.submission.decisions.actions import FindMarker, Save
from gateway.submission.decisions.after_read import after_read
from gateway.submission.decisions.after_search import UNSEARCHABLE_SECONDS_MAX, after_search
from gateway.upstream.evidence import FindResult, incomplete, proven, uncontrolled

NOTHING = FindResult((), proven())
UNPROVEN = FindResult((), incomplete("page_failed"))
# 60 s of lease (longer than the deadline), then the mapping's quiet time.
QUIET_SECONDS = 60 + 665


def found(work, *orders, complete=True):
    return FindResult(tuple(orders) or (drafted(work, 1),), proven() if complete else UNPROVEN.absence)


def after(work, result, *, started_at=NOW):
    action = after_search(work, result, started_at, NOW)
    assert isinstance(action, Save)
    return action


# -- drafts ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("complete", [True, False])
def test_a_draft_with_our_marker_is_the_lost_one(complete):
    work = lost(work_of())
    save = after(work, found(work, complete=complete))
    assert (save.changes["order_id"], save.changes["step"], save.changes["step_state"]) == ("00000001", 1, "PLANNED")


def test_u15_u16_of_two_drafts_with_our_marker_the_first_is_taken_and_the_other_cleaned_up():
    work = lost(work_of())
    first = drafted(work, 1)
    save = after(work, found(work, replace(first, id="00000009"), first))
    assert save.changes["order_id"] == "00000001"
    assert [(draft.marker, draft.order_id) for draft in save.abandoned] == [("gw1-abcdefghijklmnop-0", "00000009")]
    assert "repeats calls" in save.step_changes["detail"]


def test_u11_u15_a_live_order_with_our_marker_is_a_persons_business():
    work = lost(work_of(), seconds_ago=45, probe=2)
    live = replace(drafted(work, 1, state="Activated"), id="00000002")
    for orders in ((live,), (drafted(work, 1), live)):
        save = after(work, found(work, *orders))
        assert (save.changes["state"], save.changes["reason_code"]) == ("held", "contents_differ")
        assert "00000002" in save.changes["status_reason"]
    save = after(work, found(work, live, replace(live, id="00000003")))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "duplicate_orders")


@pytest.mark.parametrize("result", [NOTHING, UNPROVEN])
def test_a_draft_that_is_not_found_is_waited_for_and_then_replaced_under_a_new_marker(result):
    waiting = after(lost(work_of(), seconds_ago=44), result)
    assert waiting.rest
    assert waiting.changes.keys() == {"probe", "due_at", "reason_code", "status_reason"}
    save = after(lost(work_of(), seconds_ago=45), result)
    assert save.redraft
    assert save.changes["generation"] == 1
    assert [(draft.marker, draft.order_id) for draft in save.abandoned] == [("gw1-abcdefghijklmnop-0", None)]


def test_a_conflict_without_an_order_behind_it_is_a_refusal():
    work = lost(work_of(), seconds_ago=45, unknowns=0, awaiting="duplicate_order")
    save = after(work, NOTHING)
    assert save.changes["state"] == "rejected"
    assert [(draft.marker, draft.order_id) for draft in save.abandoned] == [("gw1-abcdefghijklmnop-0", None)]
    assert after(lost(work_of(), seconds_ago=44, unknowns=0, awaiting="duplicate_order"), NOTHING).rest
    assert after(work, UNPROVEN).redraft


# -- orders that are live at once ------------------------------------------------------------------------------------------


def test_a_live_order_with_our_marker_is_the_lost_one():
    work = lost(work_of(PLAIN))
    save = after(work, found(work))
    assert (save.changes["state"], save.changes["order_id"]) == ("submitted", "00000001")


def test_two_live_orders_with_our_marker_are_a_persons_business():
    work = lost(work_of(PLAIN))
    order = drafted(work, 1)
    save = after(work, found(work, order, replace(order, id="00000002")))
    assert save.changes["state"] == "held"
    assert "00000001, 00000002" in save.changes["status_reason"]


@pytest.mark.parametrize("result", [NOTHING, UNPROVEN])
def test_within_the_quiet_time_absence_proves_nothing(result):
    work = lost(work_of(PLAIN), seconds_ago=QUIET_SECONDS - 1)
    save = after(work, result)
    assert save.changes["due_at"] == NOW + seconds(1)
    assert "absent_at" not in save.changes


def test_a_search_that_began_within_the_quiet_time_proves_nothing_either():
    work = lost(work_of(PLAIN), seconds_ago=QUIET_SECONDS + 5)
    assert "absent_at" not in after(work, NOTHING, started_at=NOW - seconds(6)).changes
    assert after(work, NOTHING, started_at=NOW - seconds(5)).changes["absent_at"] == NOW - seconds(5)


def test_a_sender_that_was_stopped_before_its_call_may_have_sent_until_its_lease_ran_out():
    short = replace(POLICY, lease_seconds=36.0)
    long = replace(POLICY, lease_seconds=600.0)
    ago = 36 + 665
    assert "absent_at" in after(lost(work_of(PLAIN, policy=short), seconds_ago=ago), NOTHING).changes
    assert "absent_at" not in after(lost(work_of(PLAIN, policy=long), seconds_ago=ago), NOTHING).changes


def test_absence_takes_two_complete_searches_apart():
    work = lost(work_of(PLAIN), seconds_ago=QUIET_SECONDS)
    first = after(work, NOTHING)
    assert first.changes["absent_at"] == NOW
    assert first.changes["due_at"] == NOW + seconds(2)
    once = replace(work, record=replace(work.record, absent_at=NOW - seconds(1)))
    assert after(once, NOTHING).rest
    assert "step_state" not in after(once, NOTHING).changes
    twice = replace(work, record=replace(work.record, absent_at=NOW - seconds(2)))
    assert after(twice, UNPROVEN).rest
    save = after(twice, NOTHING)
    assert save.changes.items() >= {"step_state": "PLANNED", "probe": 0, "absent_at": None, "reason_code": None}.items()
    assert "generation" not in save.changes


def test_a_cancellation_waits_for_the_proof_of_absence():
    work = lost(work_of(PLAIN, cancel_requested=True), seconds_ago=QUIET_SECONDS)
    assert after(work, NOTHING).rest
    proven = replace(work, record=replace(work.record, absent_at=NOW - seconds(2)))
    assert after(proven, NOTHING).changes["state"] == "cancelled"
    assert after(work, found(work)).changes["state"] == "submitted"


def test_after_several_lost_posts_a_person_is_asked():
    work = lost(work_of(PLAIN), seconds_ago=QUIET_SECONDS, absent_at=NOW - seconds(9), unknowns=3)
    save = after(work, NOTHING)
    assert save.changes["state"] == "held"
    assert "3 calls" in save.changes["status_reason"]


def test_an_order_system_that_cannot_be_searched_now_is_waited_for_but_not_for_ever():
    work = lost(work_of(PLAIN, probe=500), seconds_ago=QUIET_SECONDS)
    assert "state" not in after(work, UNPROVEN).changes
    old = lost(work_of(PLAIN, probe=500), seconds_ago=QUIET_SECONDS + UNSEARCHABLE_SECONDS_MAX)
    save = after(old, UNPROVEN)
    assert save.changes["state"] == "held"
    assert "externalId gw1-abcdefghijklmnop-0" in save.changes["status_reason"]


def test_an_order_system_that_can_never_be_searched_is_not_waited_for():
    blind = replace(PLAIN, recovery=replace(PLAIN.recovery, find="none"))
    work = lost(work_of(blind), seconds_ago=QUIET_SECONDS)
    assert after(work, UNPROVEN).changes["state"] == "held"
    assert "state" not in after(lost(work_of(blind), seconds_ago=QUIET_SECONDS - 1), UNPROVEN).changes


@pytest.mark.parametrize(("ago", "state"), [(44, None), (45, "rejected")])
def test_a_live_post_that_was_answered_with_a_conflict_waits_only_until_the_order_would_show(ago, state):
    work = lost(work_of(PLAIN), seconds_ago=ago, unknowns=0, awaiting="duplicate_order")
    save = after(work, NOTHING)
    assert save.changes.get("state") == state
    looked_for = [(draft.marker, draft.order_id, draft.after_seconds) for draft in save.abandoned]
    assert looked_for == ([("gw1-abcdefghijklmnop-0", None, QUIET_SECONDS)] if state else [])


def test_every_mapping_of_these_tests_searches():
    assert {SALESFORCE.recovery.find, SPLIT.recovery.find, PLAIN.recovery.find} == {"scan", "filter"}


def named_only(**columns):
    """Return a draft of which only the answer to its `create` said an id, and that no read finds under it."""
    columns = {"order_id": "1", "answered_order": "1", "sent_at": NOW - seconds(60.0), "awaiting": None, **columns}
    return work_of(SPLIT, step="add", **columns)


def test_a_draft_that_is_not_under_the_id_that_the_answer_named_is_found_by_its_marker():
    work = named_only()
    assert after_read(work, None, NOW) == FindMarker(work.record.marker)
    action = after_search(work, FindResult((drafted(work, 1),)), NOW, NOW)
    assert isinstance(action, Save)
    assert action.changes["order_id"] == "00000001"
    assert "step" not in action.changes


@pytest.mark.parametrize("found", [FindResult(), FindResult((drafted(named_only(), 1), drafted(named_only(), 2)))])
def test_a_draft_that_is_nowhere_or_in_two_places_is_given_up(found):
    action = after_search(named_only(), found, NOW, NOW)
    assert isinstance(action, Save)
    assert action.changes["generation"] == 1


def test_a_draft_that_was_seen_under_its_id_is_given_up_when_it_is_gone():
    action = after_read(named_only(answered_order=None), None, NOW)
    assert isinstance(action, Save)
    assert action.changes["generation"] == 1


@pytest.mark.parametrize(
    ("code", "waited_for"),
    [
        ("nothing_younger", True),
        ("marker_never_seen", True),
        ("nothing_older", False),
        ("nothing_to_control_with", False),
        ("not_controlled", False),
    ],
)
def test_the_next_order_is_waited_for_only_where_it_can_prove_something(code, waited_for):
    """Where no order was made before the lost call, none that is made later shows that the search would have found it."""
    work = lost(work_of(PLAIN), seconds_ago=QUIET_SECONDS + 1)
    save = after(work, FindResult((), uncontrolled(code)))
    assert save.changes["reason_code"] == "not_verifiable"
    assert ("until an order made after it is found" in save.changes["status_reason"]) is waited_for
