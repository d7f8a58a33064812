"""What a restored checkout does about the orders that are there: adopt, wait, ask a person, or begin a draft of another number."""

from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_work import MARKER_ROOT, NOW, PLAIN, SPLIT, drafted, lost, work_of
from msgspec.structs import replace

from gateway.checkouts.stored.recovering import FoundOrder, Recovered, generation_of, root_of
from gateway.ordering import Marker
from gateway.submission.decisions.actions import FindMarker, LookAtRecovered, Save
from gateway.submission.decisions.next_action import next_action
from gateway.submission.decisions.recovering import after_recovery_look

SINCE = NOW - timedelta(hours=3)
OURS, LATER = f"gw1-{MARKER_ROOT}-0", f"gw1-{MARKER_ROOT}-2"


def known(*, listed=True, older=True, detail=None):
    return Recovered(listed=listed, detail=detail, begun_at=NOW, own=(), unclaimed=(), cart_is_older=older)


def restored(mapping=SPLIT, **columns):
    return work_of(mapping, **{"state": "accepted", "recover_since": SINCE, **columns})


def order(work, order_id="00000007", *, state="In Progress", marker=OURS, steps=None):
    """Return the order that the work's calls make, under another id, in a state."""
    made = drafted(work, len(work.plan.steps) - 1 if steps is None else steps)
    return replace(made, id=order_id, state=state, marker=Marker((marker,)))


def stranger(work, **attributes):
    return order(work, **{"order_id": "00000099", "marker": "gw1-zzzzzzzzzzzzzzzz-0", **attributes})


def whole(work, **attributes):
    """Return what a mapping without drafts makes in its one call."""
    return order(work, steps=1, state="acknowledged", **attributes)


@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_what_was_restored_looks_before_it_sends_and_before_it_is_cancelled(mapping):
    assert next_action(restored(mapping), NOW) == LookAtRecovered()
    assert next_action(restored(mapping, cancel_requested=True), NOW) == LookAtRecovered()


def test_a_lost_call_is_looked_for_first_also_where_it_is_to_be_cancelled():
    assert next_action(lost(restored(state="drafting", cancel_requested=True)), NOW) == FindMarker(OURS)


def test_nothing_is_sent_before_the_list_is_whole():
    action = after_recovery_look(restored(), known(listed=False, detail="too many pages"), [], [], NOW)
    assert action.rest
    assert action.changes["reason_code"] == "recovering"
    assert "too many pages" in action.changes["status_reason"]
    assert action.changes["due_at"] > NOW
    assert "recover_since" not in action.changes


def test_an_order_of_a_later_draft_is_adopted_and_compared_next():
    work = restored()
    action = after_recovery_look(work, known(), [(LATER, order(work, marker=LATER))], [], NOW)
    assert (action.changes["order_id"], action.changes["generation"]) == ("00000007", 2)
    assert (action.changes["step_state"], action.changes["awaiting"]) == ("UNKNOWN", "accepted_order")
    assert action.changes["submit"] is True
    assert action.changes["recover_since"] is None


def test_two_live_orders_are_a_persons_business():
    work = restored()
    own = [(OURS, order(work)), (LATER, order(work, "00000008", marker=LATER))]
    action = after_recovery_look(work, known(), own, [], NOW)
    assert (action.changes["state"], action.changes["reason_code"]) == ("held", "duplicate_orders")


def test_drafts_that_are_not_known_are_given_up_and_the_next_has_a_number_that_none_of_them_had():
    work = restored()
    own = [(OURS, order(work, state="Draft")), (LATER, order(work, "00000008", state="Draft", marker=LATER))]
    action = after_recovery_look(work, known(), own, [], NOW)
    assert action.redraft
    assert action.changes["generation"] == 3
    assert {(each.marker, each.order_id) for each in action.abandoned} == {(OURS, "00000007"), (LATER, "00000008")}


def test_a_draft_that_is_known_and_alone_is_gone_on_with():
    work = restored(state="drafting", step="add", order_id="00000007")
    action = after_recovery_look(work, known(), [(OURS, order(work, state="Draft", steps=1))], [], NOW)
    assert action == Save(changes={"recover_since": None, "reason_code": None, "status_reason": None})


@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_what_was_never_sent_goes_on_where_nothing_is_there(mapping):
    action = after_recovery_look(restored(mapping), known(), [], [], NOW)
    assert action.changes["recover_since"] is None
    assert action.changes.get("generation", 0) == 0
    assert not action.abandoned
    assert not action.rest


@pytest.mark.parametrize("older", [True, False], ids=["a cart from before", "a newer cart"])
def test_an_order_that_is_nobodys_and_holds_the_same_holds_the_checkout_and_is_named_first(older):
    work = restored(PLAIN)
    alike, different = stranger(work, steps=1, state="acknowledged"), whole(work, order_id="00000011", marker="gw1-y-0")
    different = replace(different, lines=different.lines[:1])
    action = after_recovery_look(work, known(older=older), [], [different, alike], NOW)
    assert (action.changes["state"], action.changes["reason_code"]) == ("held", "unclaimed_order")
    named = action.changes["status_reason"]
    assert "00000099" in named
    assert ("00000011" in named) is older
    if older:
        assert named.index("00000099") < named.index("00000011")


def test_an_order_that_is_nobodys_and_holds_something_else_holds_carts_from_before_only():
    work = restored(PLAIN)
    different = replace(whole(work), lines=whole(work).lines[:1])
    assert after_recovery_look(work, known(), [], [different], NOW).changes["state"] == "held"
    assert "state" not in after_recovery_look(work, known(older=False), [], [different], NOW).changes


def test_where_nothing_is_being_recovered_any_more_it_goes_on():
    assert after_recovery_look(restored(), None, [], [], NOW) == Save(changes={"recover_since": None})


@pytest.mark.parametrize(
    ("text", "root", "generation"),
    [
        (LATER, MARKER_ROOT, 2),
        (f"void-{LATER}", MARKER_ROOT, 2),
        (LATER.upper(), MARKER_ROOT, 2),
        ("WEB-1", "", 1),
        ("", "", 0),
    ],
)
def test_a_marker_is_read_wherever_it_stands(text, root, generation):
    assert (root_of(text), generation_of(text)) == (root, generation)
    assert FoundOrder(order_id="1", marker=text, state="", is_live=True).root == root
