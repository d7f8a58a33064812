from __future__ import annotations

import pytest
from checkout_work import NOW, PLAIN, POLICY, SALESFORCE, SPLIT, drafted, lost, seconds, work_of
from msgspec.structs import replace

from gateway.submission.decisions.actions import AskCancel, FindMarker, ReadOrder, Save, Send
from gateway.submission.decisions.after_read import after_read
from gateway.submission.decisions.next_action import next_action


def at(work, *, probe, seconds_ago):
    """Return the work when its order was looked at so often, and its last call was so long ago."""
    return replace(work, record=replace(work.record, probe=probe, sent_at=NOW - seconds(seconds_ago)))


FULL = len(work_of().plan.steps) - 1  # steps before the submit


def test_the_plan_of_these_tests_has_every_kind_of_step():
    assert [step.kind for step in work_of().plan.steps] == ["create", "add", "add", "price", "submit"]
    assert [step.kind for step in work_of(PLAIN).plan.steps] == ["create"]


# -- what to do with a claimed checkout ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_a_step_found_sending_may_have_been_sent(mapping):
    action = next_action(work_of(mapping, step_state="SENDING", sent_at=NOW, first_sent_at=NOW), NOW)
    assert isinstance(action, Save)
    assert action.changes == {"step_state": "UNKNOWN", "probe": 0, "unknowns": 1}
    assert not action.rest


@pytest.mark.parametrize("kind", ["create", "add", "price", "submit"])
def test_a_lost_step_is_looked_for_and_never_sent_again_at_once(kind):
    action = next_action(lost(work_of(step=kind)), NOW)
    assert action == (FindMarker("gw1-abcdefghijklmnop-0") if kind == "create" else ReadOrder("00000001"))


def test_a_create_is_sent_without_a_look_and_everything_else_after_one():
    create = next_action(work_of(), NOW)
    assert isinstance(create, Send)
    assert create.step.kind == "create"
    for kind in ("add", "price", "submit"):
        assert next_action(work_of(step=kind), NOW) == ReadOrder("00000001")


def test_the_intent_of_a_call_holds_what_its_recovery_needs():
    action = next_action(work_of(attempt=2, probe=3, absent_at=NOW), NOW)
    assert isinstance(action, Send)
    assert action.changes == {
        "step_state": "SENDING",
        "sent_at": NOW,
        "first_sent_at": NOW,
        "attempt": 3,
        "probe": 0,
        "absent_at": None,
        "awaiting": None,
    }


@pytest.mark.parametrize(
    ("mapping", "state"), [(SPLIT, "drafting"), (PLAIN, "submitting")], ids=["draft first", "live at once"]
)
def test_the_first_call_leaves_accepted(mapping, state):
    action = next_action(work_of(mapping, state="accepted"), NOW)
    assert isinstance(action, Send)
    assert action.changes["state"] == state
    assert "submit_intent_order" not in action.changes


def test_a_draft_that_is_not_to_be_submitted_is_complete_before_the_submit():
    assert isinstance(next_action(work_of(step="price", submit=False), NOW), ReadOrder)
    done = next_action(work_of(step="submit", submit=False), NOW)
    assert isinstance(done, Save)
    assert (done.changes, done.rest) == ({"state": "draft", "due_at": None}, True)


def test_an_order_that_is_live_at_once_is_not_sent_before_the_client_submits():
    done = next_action(work_of(PLAIN, submit=False), NOW)
    assert isinstance(done, Save)
    assert done.changes["state"] == "draft"


@pytest.mark.parametrize("state", ["completed", "partial", "failed", "rejected", "cancelled", "held"])
def test_a_checkout_that_ended_is_left_alone(state):
    assert next_action(work_of(state=state, step="submit"), NOW) == Save(changes={"due_at": None}, rest=True)


@pytest.mark.parametrize("kind", ["create", "add", "submit"])
def test_after_too_many_attempts_a_person_is_asked(kind):
    work = work_of(step=kind, attempt=POLICY.attempts_max)
    action = next_action(work, NOW) if kind == "create" else after_read(work, drafted(work, work.record.step), NOW)
    assert isinstance(action, Save)
    assert action.changes["state"] == "held"
    assert "attempts" in action.changes["status_reason"]
    assert "submission.attempts_max" in action.changes["status_reason"]


# -- cancelling -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_state", ["PLANNED", "UNKNOWN"])
@pytest.mark.parametrize("kind", ["create", "add", "price", "submit"])
def test_a_draft_is_cancelled_whatever_a_lost_call_may_still_do_to_it(kind, step_state):
    work = work_of(step=kind, cancel_requested=True, step_state=step_state, sent_at=NOW, first_sent_at=NOW)
    action = next_action(work, NOW)
    assert isinstance(action, Save)
    assert action.changes["state"] == "cancelled"
    assert [(draft.marker, draft.order_id) for draft in action.abandoned] == [
        ("gw1-abcdefghijklmnop-0", None if kind == "create" else "00000001")
    ]


def test_a_checkout_that_sent_nothing_leaves_nothing_to_clean_up():
    action = next_action(work_of(state="accepted", cancel_requested=True), NOW)
    assert isinstance(action, Save)
    assert (action.changes["state"], action.abandoned) == ("cancelled", ())


def test_a_live_post_is_cancelled_only_while_it_was_provably_not_sent():
    planned = next_action(work_of(PLAIN, cancel_requested=True), NOW)
    assert isinstance(planned, Save)
    assert planned.changes["state"] == "cancelled"
    assert isinstance(next_action(lost(work_of(PLAIN, cancel_requested=True)), NOW), FindMarker)


def test_once_a_submit_was_begun_its_outcome_comes_before_a_cancellation():
    work = lost(work_of(step="submit", cancel_requested=True, submit_intent_order="00000001"))
    assert next_action(work, NOW) == ReadOrder("00000001")


def test_a_live_order_is_cancelled_by_asking_the_order_system():
    live = {"state": "submitted", "step": 1, "cancel_requested": True}
    assert next_action(work_of(PLAIN, **live), NOW) == AskCancel("00000001")


def test_a_live_order_is_left_alone_while_nobody_wants_it_cancelled():
    assert next_action(work_of(PLAIN, state="submitted", step=1), NOW) == Save(changes={"due_at": None}, rest=True)


@pytest.mark.parametrize(
    ("mapping", "attempt", "words"), [(SALESFORCE, 0, "takes no cancellations"), (PLAIN, 4, "in 4 attempts")]
)
def test_an_order_that_cannot_be_cancelled_from_here_says_so(mapping, attempt, words):
    work = work_of(mapping, state="submitted", step=1, cancel_requested=True, attempt=attempt)
    action = next_action(work, NOW)
    assert isinstance(action, Save)
    assert words in action.changes["status_reason"]
    assert "00000001" in action.changes["status_reason"]
    assert action.changes["cancel_requested"] is False
    assert "state" not in action.changes


# -- after the order was read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["add", "price"])
def test_the_next_lines_are_sent_when_the_draft_is_what_was_sent_so_far(kind):
    work = work_of(step=kind)
    action = after_read(work, drafted(work, work.record.step), NOW)
    assert isinstance(action, Send)
    assert action.step.kind == kind
    assert set(action.lines) == {item for step in work.plan.steps[: work.record.step] for item in step.item_ids}
    assert "submit_intent_order" not in action.changes


def test_the_complete_draft_is_verified_and_its_id_written_before_it_is_submitted():
    work = work_of(step="submit")
    action = after_read(work, drafted(work, FULL), NOW)
    assert isinstance(action, Send)
    assert action.changes["submit_intent_order"] == "00000001"
    assert action.changes["state"] == "submitting"


@pytest.mark.parametrize("kind", ["add", "price", "submit"])
def test_u10_a_draft_with_other_lines_is_looked_at_twice_more_and_then_given_up(kind):
    work = work_of(step=kind)
    short = drafted(work, work.record.step)
    short = replace(short, lines=short.lines[:-1])
    # What is not there yet may be shown late, however often it was looked at: it is waited for by time.
    for probe, ago in ((0, 100), (1, 100), (9, 44)):
        again = after_read(at(work, probe=probe, seconds_ago=ago), short, NOW)
        assert isinstance(again, Save)
        assert again.rest
        assert "generation" not in again.changes
        assert "missing items" in again.step_changes["detail"]
        assert again.changes["reason_code"] == "not_shown_yet"
    action = after_read(at(work, probe=2, seconds_ago=45), short, NOW)
    assert isinstance(action, Save)
    assert (action.changes["generation"], action.changes["step"], action.changes["order_id"]) == (1, 0, None)
    assert action.changes["mismatches"] == 1
    assert action.redraft
    assert action.lines is None
    assert [(draft.marker, draft.order_id) for draft in action.abandoned] == [("gw1-abcdefghijklmnop-0", "00000001")]


@pytest.mark.parametrize("kind", ["add", "submit"])
def test_m3_an_order_that_is_shown_as_it_was_before_the_last_call_is_waited_for(kind):
    work = work_of(step=kind, priced=0)
    if work.record.step < 2:
        work = replace(work, record=replace(work.record, step=2))
    old = drafted(work, work.record.step - 1)
    assert after_read(at(work, probe=9, seconds_ago=44), old, NOW).rest
    assert after_read(at(work, probe=9, seconds_ago=45), old, NOW).redraft


def test_u10_what_is_wrong_is_looked_at_twice_more_however_soon():
    work = work_of(step="submit")
    full = drafted(work, FULL)
    wrong = replace(full, lines=(*full.lines[1:], replace(full.lines[0], quantity=77)))
    assert after_read(at(work, probe=1, seconds_ago=1), wrong, NOW).rest
    assert after_read(at(work, probe=2, seconds_ago=1), wrong, NOW).redraft


def test_u10_lines_that_are_there_twice_are_never_submitted():
    work = work_of(step="submit", probe=2)
    full = drafted(work, FULL)
    twice = replace(full, lines=(*full.lines, replace(full.lines[0], line_id="802X", item_id=None)))
    action = after_read(work, twice, NOW)
    assert isinstance(action, Save)
    assert action.redraft


def test_u13_children_that_the_system_adds_by_itself_are_tolerated_only_where_the_mapping_says_so():
    work = work_of(step="submit", probe=2)
    full = drafted(work, FULL)
    child = replace(full.lines[0], line_id="802C", item_id=None, parent_line_id=full.lines[0].line_id, offering="AUTO")
    grown = replace(full, lines=(*full.lines, child))
    assert isinstance(after_read(work, grown, NOW), Send)
    strict = replace(work.mapping, lines=replace(work.mapping.lines, added_children=False))
    action = after_read(replace(work, mapping=strict), grown, NOW)
    assert isinstance(action, Save)
    assert action.redraft


def test_a_third_draft_in_a_row_that_is_not_what_was_sent_is_held():
    work = at(work_of(step="submit", mismatches=2, generation=1), probe=2, seconds_ago=45)
    full = drafted(work, FULL)
    action = after_read(work, replace(full, lines=full.lines[1:]), NOW)
    assert isinstance(action, Save)
    assert (action.changes["state"], action.changes["reason_code"]) == ("held", "contents_differ")
    said = "3 drafts in a row were not what was sent: the order system did not show in 45 s all that it was given; "
    assert action.changes["status_reason"].startswith(said)
    wrong = replace(full, lines=(*full.lines[1:], replace(full.lines[0], quantity=77)))
    action = after_read(work, wrong, NOW)
    said = "3 drafts in a row were not what was sent: the order system changes what it is given, or its mapping reads it wrongly; "
    assert action.changes["status_reason"].startswith(said)


def test_u11_a_draft_that_somebody_else_submitted_is_never_changed_again():
    for kind in ("add", "price", "submit"):
        work = work_of(step=kind)
        action = after_read(work, drafted(work, work.record.step, state="Activated"), NOW)
        assert isinstance(action, Save)
        assert action.changes["state"] == "held"
        assert "Activated" in action.changes["status_reason"]
        assert not action.abandoned


@pytest.mark.parametrize("kind", ["add", "price", "submit"])
def test_u12_a_draft_that_vanished_is_waited_for_and_then_made_anew(kind):
    work = work_of(step=kind, sent_at=NOW, mismatches=2)
    early = after_read(work, None, NOW + seconds(44))
    assert isinstance(early, Save)
    assert (early.rest, early.redraft) == (True, False)
    action = after_read(work, None, NOW + seconds(45))
    assert isinstance(action, Save)
    assert action.redraft
    assert action.changes["mismatches"] == 0, (
        "only drafts in a row that are not what was sent are held against the mapping"
    )


def test_u12_an_order_that_vanished_while_it_was_submitted_is_held():
    work = lost(work_of(step="submit", submit_intent_order="00000001"), seconds_ago=1000)
    action = after_read(work, None, NOW)
    assert isinstance(action, Save)
    assert action.changes["state"] == "held"


def test_an_order_with_a_strange_marker_is_held():
    work = work_of(step="add")
    action = after_read(work, drafted(work, 1, marker="void-gw1-x"), NOW)
    assert isinstance(action, Save)
    assert action.changes["state"] == "held"
    assert "marker" in action.changes["status_reason"]


# -- after a lost add, price or submit was read back ------------------------------------------------------------------------


def test_a_lost_add_that_took_effect_is_done():
    work = lost(work_of(step="add"))
    action = after_read(work, drafted(work, 2), NOW)
    assert isinstance(action, Save)
    assert (action.changes["step"], action.changes["step_state"], action.changes["unknowns"]) == (2, "PLANNED", 0)
    assert set(action.lines or {}) == {"1", "2", "3", "4"}


def test_a_lost_add_without_effect_is_waited_for_and_then_its_draft_is_given_up():
    work = lost(work_of(step="add"), seconds_ago=44)
    waiting = after_read(work, drafted(work, work.record.step), NOW)
    assert isinstance(waiting, Save)
    assert (waiting.rest, waiting.redraft) == (True, False)
    work = lost(work_of(step="add"), seconds_ago=45)
    action = after_read(work, drafted(work, work.record.step), NOW)
    assert isinstance(action, Save)
    assert action.redraft
    assert action.changes["mismatches"] == 0


def test_a_lost_price_that_cannot_be_read_back_costs_the_draft_not_the_price():
    work = lost(work_of(step="price"))
    for steps in (3, 4):
        action = after_read(work, drafted(work, steps), NOW)
        assert isinstance(action, Save)
        assert action.redraft


def test_a_lost_price_that_can_be_read_back_is_found():
    readable = replace(SPLIT, lines=replace(SPLIT.lines, alterations_readable=True))
    work = lost(work_of(readable, step="price"))
    done = after_read(work, drafted(work, 4), NOW)
    assert isinstance(done, Save)
    assert done.changes["step"] == 4
    waiting = after_read(work, drafted(work, 3), NOW)
    assert isinstance(waiting, Save)
    assert (waiting.rest, waiting.redraft) == (True, False)


def test_u9_a_half_applied_add_is_never_completed_in_place():
    work = lost(work_of(step="add"), seconds_ago=1)
    half = drafted(work, 2)
    half = replace(half, lines=half.lines[:-1])
    assert not getattr(after_read(work, half, NOW), "redraft", True)
    settled = lost(work_of(step="add"), seconds_ago=60)
    action = after_read(settled, half, NOW)
    assert isinstance(action, Save)
    assert action.redraft


def test_after_too_many_drafts_a_person_is_asked():
    work = lost(work_of(step="add", generation=2), seconds_ago=60)
    action = after_read(work, drafted(work, 1), NOW)
    assert isinstance(action, Save)
    assert action.changes["state"] == "held"
    assert "submission.generations_max" in action.changes["status_reason"]


@pytest.mark.parametrize("state", ["Submitted", "Activated", "In Progress", "a word of the org"])
def test_a_lost_submit_that_took_effect_is_the_submission(state):
    work = lost(work_of(step="submit", state="submitting", submit_intent_order="00000001"))
    action = after_read(work, drafted(work, FULL, state=state), NOW)
    assert isinstance(action, Save)
    assert action.changes["state"] == "submitted"
    assert (action.changes["track_due_at"] == NOW) == (state == "Activated"), "an end is read at once, with its lines"
    assert action.changes["step"] == FULL + 1
    assert action.changes["upstream_state"] == state


def test_a_lost_submit_without_effect_is_repeated_for_the_same_order_only():
    columns = {"step": "submit", "state": "submitting", "submit_intent_order": "00000001"}
    early = lost(work_of(**columns), seconds_ago=44)
    waiting = after_read(early, drafted(early, FULL), NOW)
    assert isinstance(waiting, Save)
    assert waiting.rest
    late = lost(work_of(**columns), seconds_ago=45)
    planned = after_read(late, drafted(late, FULL), NOW)
    assert isinstance(planned, Save)
    assert planned.changes["step_state"] == "PLANNED"
    again = replace(late, record=replace(late.record, step_state="PLANNED"))
    action = after_read(again, drafted(again, FULL), NOW)
    assert isinstance(action, Send)
    assert action.changes["submit_intent_order"] == "00000001"


def test_an_order_whose_submission_was_begun_is_never_given_up():
    for probe in (0, 9):
        work = work_of(step="submit", state="submitting", submit_intent_order="00000001", probe=probe)
        full = drafted(work, FULL)
        action = after_read(work, replace(full, lines=full.lines[1:]), NOW)
        assert isinstance(action, Save)
        assert action.changes["state"] == "held"
        assert not action.redraft
        assert not action.abandoned


def test_another_order_than_the_one_begun_is_never_submitted():
    work = work_of(step="submit", submit_intent_order="00000009")
    with pytest.raises(AssertionError, match="only one order"):
        after_read(work, drafted(work, FULL), NOW)
