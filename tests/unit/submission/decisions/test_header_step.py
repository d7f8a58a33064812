"""The step that sets the header of a draft: what its outcomes mean, and that it never changes what is ordered."""

from __future__ import annotations

from typing import Any

import pytest
from checkout_work import NOW, PLAIN, SALESFORCE, SPLIT, drafted, lost, seconds, work_of
from msgspec.structs import replace

from gateway.checkouts.row_changes import PLANNED
from gateway.ordering import changes_header_only, check_plan, render, with_header_step, without_header_steps
from gateway.submission.decisions.actions import ReadOrder, Save, Send, Work
from gateway.submission.decisions.after_call import after_send
from gateway.submission.decisions.after_read import after_read
from gateway.submission.decisions.next_action import next_action
from gateway.tmf.json import decode_stored
from gateway.upstream.outcome import Accepted, NotExecuted, Rejected, Unknown

HEADERS = replace(SPLIT, draft=SALESFORCE.draft)


def at_header(**columns: Any) -> Work:
    """Return a checkout whose draft is complete and whose header is to be set."""
    work = work_of(HEADERS, step="submit", **columns)
    plan = with_header_step(work.plan, work.record.step)
    record = replace(work.record, steps_total=len(plan.steps), state="drafting", submit=False)
    known = {line.item_id: line.line_id for line in drafted(work, work.record.step).lines if line.item_id}
    return replace(work, plan=plan, record=record, known=known)


def saved(action: Any) -> Save:
    assert isinstance(action, Save)
    return action


def test_a_plan_with_a_header_step_keeps_every_promise_and_loses_it_again():
    work = at_header()
    check_plan(work.order, work.plan, work.mapping)

    assert [step.kind for step in work.plan.steps[-2:]] == ["header", "submit"]
    again = with_header_step(work.plan, work.record.step + 1)
    assert [step.kind for step in again.steps[-3:]] == ["header", "header", "submit"]
    check_plan(work.order, again, work.mapping)
    assert without_header_steps(again) == without_header_steps(work.plan) == work_of(HEADERS).plan


def test_it_carries_what_may_be_set_and_no_item():
    work = at_header()
    order = replace(work.order, header={**work.order.header, "description": "new", "note": [{"text": "x"}]})
    call = render(
        work.current, order, work.plan, work.mapping, known_line_ids={}, marker="gw1-x-0", order_id="00000001"
    )

    assert (call.method, call.item_count) == ("PATCH", 0)
    body = decode_stored(call.body.decode())
    assert body["description"] == "new"
    assert set(body) <= {"submitCart", *HEADERS.draft.header_attributes}
    assert body["submitCart"] is False


def test_only_what_a_patch_may_set_is_a_change_of_the_header():
    order = work_of(HEADERS).order

    def with_header(**more: Any) -> Any:
        return replace(order, header={**order.header, **more})

    assert changes_header_only(order, with_header(description="new"), HEADERS)
    assert not changes_header_only(with_header(description="old"), order, HEADERS)
    assert not changes_header_only(order, with_header(relatedParty=[{"id": "CD2"}]), HEADERS)
    assert not changes_header_only(order, replace(order, lines=order.lines[:-1]), HEADERS)
    assert not changes_header_only(order, with_header(description="new"), PLAIN)


def test_it_is_sent_when_the_draft_is_as_it_should_be():
    work = at_header()

    assert next_action(work, NOW) == ReadOrder("00000001")
    action = after_read(work, drafted(work_of(HEADERS), work.record.step), NOW)
    assert isinstance(action, Send)
    assert action.step.kind == "header"
    assert "submit_intent_order" not in action.changes


def test_an_answer_ends_it():
    work = at_header(attempt=1)
    decision = saved(after_send(work, Accepted(status=200, document=None), NOW))

    assert decision.changes["step"] == work.record.step + 1
    assert decision.step_changes["state"] == "done"


@pytest.mark.parametrize(("seconds_ago", "again"), [(1.0, False), (86_400.0, True)])
def test_a_lost_answer_is_waited_for_and_then_it_is_set_again_to_the_same(seconds_ago: float, again: bool):
    work = lost(at_header(), seconds_ago=seconds_ago)
    decision = saved(after_read(work, drafted(work_of(HEADERS), work.record.step), NOW))

    assert decision.changes.get("step_state") == (PLANNED if again else None)
    assert "step" not in decision.changes
    if not again:
        assert decision.changes["due_at"] > NOW


def test_turned_away_is_no_reason_to_take_it_for_done():
    work = at_header(attempt=1)
    put_off = saved(after_send(work, NotExecuted(kind="throttled", detail="429", retry_after_seconds=5.0), NOW))
    assert put_off.changes["due_at"] >= NOW + seconds(5)

    action = after_read(at_header(attempt=1), drafted(work_of(HEADERS), work.record.step), NOW)
    assert isinstance(action, Send)


def test_unknown_is_never_done():
    decision = saved(after_send(at_header(attempt=1), Unknown(detail="reset"), NOW))

    assert decision.changes["step_state"] == "UNKNOWN"


@pytest.mark.parametrize("too_large", [False, True])
def test_a_refusal_makes_a_new_draft_without_the_step_and_says_why(too_large: bool):
    work = at_header(attempt=1)
    refusal = Rejected(status=400, code="400", detail="400 not updatable", too_large=too_large)
    decision = saved(after_send(work, refusal, NOW))

    assert decision.redraft
    assert decision.changes["generation"] == work.record.generation + 1
    assert decision.replan is not None
    assert decision.replan.plan == work_of(HEADERS).plan
    assert (decision.replan.items_max, decision.replan.finding.code) == (None, "header_refused")
