"""Large drafts: before a call that adds or prices only the head is read; every line is compared before the submission."""

from __future__ import annotations

import pytest
from checkout_work import NOW, SPLIT, drafted, lost, work_of
from msgspec.structs import replace

from gateway.ordering.model import NO_MARKER, Marker
from gateway.submission.decisions import next_action as machine
from gateway.submission.decisions.actions import ReadHead, ReadOrder, Save, Send
from gateway.submission.decisions.after_read import after_head
from gateway.submission.decisions.next_action import next_action

# Eleven items, two a call; all of them are roots, so that adding needs no line id.
KNOWN = {str(number): f"802{number}" for number in range(1, 12)}


@pytest.fixture(autouse=True)
def large(monkeypatch):
    monkeypatch.setattr(machine, "WHOLE_LINES_MAX", 10)


def head(work, **changes):
    return replace(drafted(work, work.record.step), lines=(), **changes)


def test_a_small_draft_is_compared_before_each_call():
    assert next_action(work_of(step="add", items=10), NOW) == ReadOrder("00000001")
    assert next_action(work_of(step="add", items=11), NOW) == ReadHead("00000001")


def test_prices_need_the_line_ids_once():
    assert next_action(work_of(step="price", items=11), NOW) == ReadOrder("00000001")
    assert next_action(work_of(step="price", items=11, known=KNOWN), NOW) == ReadHead("00000001")


def test_what_is_added_beneath_needs_the_line_id_of_the_item_above():
    work = work_of(step="add", items=11)
    beneath = replace(work, parents={work.current.item_ids[0]: "1"})
    assert next_action(beneath, NOW) == ReadOrder("00000001")
    assert next_action(replace(beneath, known={"1": "8021"}), NOW) == ReadHead("00000001")
    within = replace(work, parents={work.current.item_ids[1]: work.current.item_ids[0]})
    assert next_action(within, NOW) == ReadHead("00000001")


def test_a_child_that_came_by_itself_needs_its_own_line_id_too():
    work = work_of(step="add", items=11)
    child = work.current.item_ids[0]
    work = replace(work, parents={child: "1"}, there_already=frozenset({child}), known={"1": "8021"})
    assert next_action(work, NOW) == ReadOrder("00000001")
    assert next_action(replace(work, known={"1": "8021", child: "8022"}), NOW) == ReadHead("00000001")


def test_every_line_is_compared_before_the_submission():
    assert next_action(work_of(step="submit", items=11, known=KNOWN), NOW) == ReadOrder("00000001")


@pytest.mark.parametrize("changes", [{"attempt": 1}, {"probe": 1}])
def test_after_something_went_wrong_every_line_is_compared(changes):
    assert next_action(work_of(step="add", items=11, **changes), NOW) == ReadOrder("00000001")


def test_a_lost_call_is_looked_for_in_the_lines():
    assert next_action(lost(work_of(step="add", items=11)), NOW) == ReadOrder("00000001")


def test_an_order_system_without_a_choice_of_attributes_is_read_whole():
    mapping = replace(SPLIT, api=replace(SPLIT.api, fields_parameter=""))
    assert next_action(work_of(mapping, step="add", items=11), NOW) == ReadOrder("00000001")


def test_our_draft_is_sent_the_next_call():
    work = work_of(step="add", items=11)
    action = after_head(work, head(work), NOW)
    assert isinstance(action, Send)
    assert (action.step, action.lines) == (work.current, {})


@pytest.mark.parametrize("changes", [{"marker": NO_MARKER}, {"state": ""}])
def test_a_head_that_says_too_little_is_read_whole(changes):
    work = work_of(step="add", items=11)
    assert after_head(work, head(work, **changes), NOW) == ReadOrder("00000001")


def test_a_draft_that_is_somebody_else_s_or_live_is_held():
    work = work_of(step="add", items=11)
    for changes, word in (
        ({"marker": Marker(("void-gw1-x",))}, "marker"),
        ({"state": "Activated"}, "left its draft state"),
    ):
        action = after_head(work, head(work, **changes), NOW)
        assert isinstance(action, Save)
        assert action.changes["state"] == "held"
        assert word in action.changes["status_reason"]


def test_a_draft_that_is_gone_is_given_up():
    work = work_of(step="add", items=11, sent_at=NOW.replace(year=2020))
    action = after_head(work, None, NOW)
    assert isinstance(action, Save)
    assert action.redraft
