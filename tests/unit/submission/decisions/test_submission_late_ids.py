"""An order system accepts an order without naming it: what is decided while its id may still come, and when it never does."""

from __future__ import annotations

import pytest
from checkout_work import NOW, PLAIN, POLICY, SPLIT, drafted, lost, seconds, work_of
from msgspec.structs import replace

from gateway.ordering import NO_MARKER, Marker
from gateway.submission.decisions.actions import FindMarker
from gateway.submission.decisions.after_call import after_send
from gateway.submission.decisions.after_search import after_search, is_in_doubt, quiet_end
from gateway.submission.decisions.late_id import confirms
from gateway.submission.decisions.next_action import next_action
from gateway.upstream.evidence import FindResult, incomplete, proven, uncontrolled
from gateway.upstream.outcome import Accepted, Unknown, classify

HOURS = 3600.0
MARKER = "gw1-abcdefghijklmnop-0"


def late(mapping=PLAIN, source="event", find="filter"):
    return replace(
        mapping,
        api=replace(mapping.api, created_id_from=source),
        recovery=replace(mapping.recovery, find=find),
    )


def accepted(mapping=None, **columns):
    """Return the work as its intent left it, then as the answer without an id did."""
    work = lost(work_of(mapping or late()), step_state="SENDING", unknowns=0)
    save = after_send(work, Accepted(202), NOW)
    return save, replace(work, record=replace(work.record, **{**save.changes, **columns}))


def waiting(hours, mapping=None, **columns):
    return accepted(mapping, sent_at=NOW - seconds(hours * HOURS), **columns)[1]


def nothing(absence=None, **attributes):
    return FindResult((), absence or uncontrolled(), **attributes)


@pytest.mark.parametrize("document", [None, {}, {"orderId": "42"}, {"state": "acknowledged"}])
@pytest.mark.parametrize("source", ["answer", "event", "search"])
def test_an_answer_without_an_id_is_a_success_only_where_the_mapping_says_that_the_id_comes_later(document, source):
    outcome = classify(202, {}, document, late(source=source))
    assert isinstance(outcome, Unknown if source == "answer" else Accepted)


@pytest.mark.parametrize("document", [[], "yes", {"code": "22", "reason": "no"}])
def test_an_answer_that_is_no_acceptance_stays_in_doubt(document):
    assert isinstance(classify(202, {}, document, late()), Unknown)
    assert isinstance(classify(202, {}, None, late(), unreadable=True), Unknown)


@pytest.mark.parametrize("mapping", [late(), late(SPLIT), late(source="search")])
def test_an_accepted_order_without_an_id_is_waited_for_and_not_in_doubt(mapping):
    save, work = accepted(mapping)
    assert (save.changes["step_state"], save.changes["awaiting"]) == ("UNKNOWN", "order_id")
    assert save.changes["reason_code"] == "waiting_order_id"
    assert save.changes["due_at"] == NOW + seconds(1)
    assert save.rest
    assert "unknowns" not in save.changes
    assert not is_in_doubt(work)
    assert next_action(work, NOW) == FindMarker(MARKER)


def test_where_the_id_comes_with_the_answer_one_without_it_is_in_doubt():
    save = after_send(lost(work_of(PLAIN), step_state="SENDING", unknowns=0), Accepted(202), NOW)
    assert save.changes["unknowns"] == 1
    assert "awaiting" not in save.changes


@pytest.mark.parametrize("mapping", [late(), late(SPLIT), late(find="none")])
@pytest.mark.parametrize("absence", [proven(), uncontrolled(), incomplete("page_failed")])
def test_nothing_is_sent_again_while_the_order_may_come_whatever_a_search_proves(mapping, absence):
    for hours in (0.01, 1, 23.9):
        work = waiting(hours, mapping)
        save = after_search(work, nothing(absence), NOW, NOW)
        assert save.rest
        assert save.changes.keys() == {"probe", "due_at"}, "it says what it said"
        assert NOW < save.changes["due_at"] <= work.record.sent_at + seconds(24 * HOURS)
        assert save.changes["due_at"] <= NOW + seconds(900)


def test_what_is_told_while_waiting_says_so_again_after_another_reason():
    save = after_search(waiting(1, reason_code="upstream_unreachable"), nothing(), NOW, NOW)
    assert save.changes["reason_code"] == "waiting_order_id"


@pytest.mark.parametrize(
    ("mapping", "result", "said"),
    [
        (late(find="none"), nothing(incomplete("no_search")), "no notification with our marker came; look for"),
        (late(), nothing(), "no notification with our marker came, and no order with it was found"),
        (late(source="search"), nothing(incomplete("page_failed")), "a page of the list could not be read"),
        (late(SPLIT), nothing(unconfirmed=("77",)), "named order 77, and reading it did not confirm that"),
    ],
)
def test_an_id_that_never_comes_holds_the_checkout_with_what_was_seen(mapping, result, said):
    work = waiting(24, mapping)
    save = after_search(work, result, NOW, NOW)
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "waiting_order_id")
    assert said in save.changes["status_reason"]
    assert MARKER in save.changes["status_reason"]
    assert "awaiting" not in save.changes, "whoever lets it go on lets it look, never send"
    assert not save.redraft
    assert not save.abandoned


def test_how_long_is_waited_is_a_setting():
    work = waiting(1)
    assert after_search(work, nothing(), NOW, NOW).changes.get("state") is None
    work = replace(work, policy=replace(POLICY, order_id_seconds=HOURS))
    assert after_search(work, nothing(), NOW, NOW).changes["state"] == "held"


def test_a_held_one_that_is_let_go_on_finds_its_order_late():
    work = waiting(30, state="submitting")
    order = drafted(work, 1)
    save = after_search(work, FindResult((order,), uncontrolled(), by_event=(order.id,)), NOW, NOW)
    assert (save.changes["state"], save.changes["order_id"]) == ("submitted", order.id)


@pytest.mark.parametrize("by_event", [True, False])
def test_a_live_order_that_is_named_and_confirmed_is_submitted(by_event):
    work = waiting(1)
    order = drafted(work, 1)
    save = after_search(work, FindResult((order,), uncontrolled(), by_event=(order.id,) if by_event else ()), NOW, NOW)
    assert (save.changes["state"], save.changes["order_id"], save.changes["awaiting"]) == ("submitted", order.id, None)
    assert save.changes.get("answered_order") == (order.id if by_event else None)


def test_a_draft_that_is_named_and_confirmed_goes_on_with_the_next_step():
    work = waiting(1, late(SPLIT))
    order = drafted(work, 1)
    save = after_search(work, FindResult((order,), uncontrolled(), by_event=(order.id,)), NOW, NOW)
    assert (save.changes["step"], save.changes["step_state"], save.changes["awaiting"]) == (1, "PLANNED", None)
    assert (save.changes["order_id"], save.changes["reason_code"]) == (order.id, None)


def test_several_live_orders_that_carry_our_marker_are_a_persons_business():
    work = waiting(1)
    order = drafted(work, 1)
    twins = (order, replace(order, id="00000002"))
    save = after_search(work, FindResult(twins, uncontrolled(), by_event=("00000002",)), NOW, NOW)
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "duplicate_orders")


def test_an_order_that_a_notification_names_is_ours_by_its_marker_or_without_one_by_its_contents():
    work = waiting(1)
    order = drafted(work, 1)
    assert confirms(work, order)
    assert not confirms(work, replace(order, marker=Marker(("gw1-abcdefghijklmnop-1",))))
    assert not confirms(work, replace(order, marker=Marker(("gw1-zzzzzzzzzzzzzzzz-0",))))
    assert not confirms(work, replace(order, marker=Marker((), understood=False)))
    unmarked = replace(order, marker=NO_MARKER)
    assert confirms(work, unmarked)
    assert not confirms(work, replace(unmarked, lines=unmarked.lines[:-1]))


@pytest.mark.parametrize("source", ["event", "search"])
def test_a_lost_answer_proves_nothing_for_as_long_as_an_order_may_come_late(source):
    work = lost(work_of(late(source=source)), seconds_ago=2 * HOURS)
    assert quiet_end(work.record, work.mapping, work.policy) == work.record.sent_at + seconds(24 * HOURS)
    save = after_search(work, nothing(proven()), NOW, NOW)
    assert "absent_at" not in save.changes
    assert save.rest


def test_the_client_cancels_a_draft_at_once_and_a_live_order_when_it_is_known():
    assert next_action(waiting(1, late(SPLIT), cancel_requested=True), NOW).changes["state"] == "cancelled"
    work = waiting(1, cancel_requested=True)
    assert next_action(work, NOW) == FindMarker(MARKER)
    save = after_search(work, FindResult((drafted(work, 1),), uncontrolled()), NOW, NOW)
    assert (save.changes["state"], save.changes["due_at"]) == ("submitted", NOW)
