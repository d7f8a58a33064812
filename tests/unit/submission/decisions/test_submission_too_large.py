from __future__ import annotations

import pytest
from checkout_work import NOW, PLAIN, POLICY, SALESFORCE, SPLIT, lost, work_of
from msgspec.structs import replace

from gateway.ordering.calls.checks import check_plan
from gateway.submission.decisions.after_call import after_send
from gateway.submission.decisions.retries import read_failed
from gateway.upstream.outcome import Rejected
from gateway.upstream.port import ReadFailed

TOO_LARGE = Rejected(500, "APEX_ERROR", "500 APEX_ERROR System.LimitException", too_large=True)
# A refused POST leaves nothing behind.
CLEAN = replace(SALESFORCE, recovery=replace(SALESFORCE.recovery, rejection_may_leave_draft=False))


def refused(mapping=SALESFORCE, **columns):
    return after_send(lost(work_of(mapping, **columns), step_state="SENDING", unknowns=0), TOO_LARGE, NOW)


def test_a_refused_create_goes_on_at_once_in_halves():
    save = refused(CLEAN, items=12)
    assert not save.rest
    assert save.changes == {"step_state": "PLANNED", "attempt": 0, "probe": 0, "unknowns": 0, "awaiting": None}
    assert save.step_changes["item_count"] == 6
    assert "a call of 12 items was too large" in save.step_changes["detail"]
    assert save.abandoned == ()
    steps = save.replan.plan.steps
    assert [(step.kind, len(step.item_ids)) for step in steps[:2]] == [("create", 6), ("add", 6)]
    assert save.replan.items_max == 6


def test_it_is_a_finding_too():
    finding = refused(items=12).replan.finding
    assert (finding.severity, finding.code, finding.path) == ("info", "call_too_large", "cartItem")
    assert finding.message.startswith("Step 1 of draft 1: a call of 12 items was too large")


def test_what_was_sent_before_the_refused_step_stays():
    work = work_of(SPLIT, items=5, step="add")
    save = after_send(lost(work, step_state="SENDING"), TOO_LARGE, NOW)
    plan = save.replan.plan
    check_plan(work.order, plan, SPLIT)
    assert plan.steps[0] == work.plan.steps[0]
    assert [len(step.item_ids) for step in plan.steps] == [2, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("kind", ["create", "add"])
def test_one_item_that_is_too_large_is_refused_with_what_helps(kind):
    mapping = replace(SALESFORCE, limits=replace(SALESFORCE.limits, items_max=1))
    save = refused(mapping, step=kind)
    assert save.replan is None
    assert save.changes["state"] == "rejected"
    number = 0 if kind == "create" else 1
    assert f"nothing but cartItem[{number}] with its 1 characteristics" in save.changes["status_reason"]
    assert "order the item with fewer" in save.changes["status_reason"]
    assert bool(save.abandoned) == (kind == "add" or mapping.recovery.rejection_may_leave_draft)


def test_a_price_that_is_too_large_names_its_item():
    save = refused(step="price")
    assert save.changes["state"] == "rejected"
    assert "the price alterations of cartItem[0]" in save.changes["status_reason"]


def test_a_submission_that_is_too_large_advises_several_carts():
    save = refused(step="submit")  # and looked at once more, before the refusal is believed
    assert "order it in several carts" in save.changes["status_reason"]


def test_an_order_that_goes_in_one_call_cannot_be_cut():
    save = refused(PLAIN)
    assert save.changes["awaiting"] == "refused_order"
    assert "lower limits.items_max of the mapping tmf622-v4" in save.changes["status_reason"]


def test_installed_products_that_one_call_must_hold_are_not_spread_over_several():
    work = work_of(CLEAN, items=4)
    lines = tuple(replace(line, item={**line.item, "action": "modify"}) for line in work.order.lines)
    work = replace(work, order=replace(work.order, lines=lines))
    save = after_send(lost(work, step_state="SENDING", unknowns=0), TOO_LARGE, NOW)
    assert save.replan is None
    assert "every installed product that is modified" in save.changes["status_reason"]


def growing(growth, items_max=50):
    """Return a mapping of an order system with drafts that grow in this way."""
    draft = replace(
        PLAIN.draft, supported=True, growth=growth, submit_attributes={"state": "acknowledged"}, states=["draft"]
    )
    return replace(PLAIN, draft=draft, limits=replace(PLAIN.limits, items_max=items_max))


def test_where_each_call_repeats_what_is_there_one_more_item_that_is_too_much_ends_the_checkout():
    work = work_of(growing("cumulative-merge", 1), items=12, step=3)
    save = after_send(lost(work, step_state="SENDING", unknowns=0), TOO_LARGE, NOW)
    assert (save.changes["state"], save.replan, save.forgets_call_size) == ("rejected", None, True)
    why = save.changes["status_reason"]
    assert "repeats what is there already, and one more item was too much: order in several carts" in why
    assert "limits.bytes_max of the mapping tmf622-v4" in why
    assert "cartItem[" not in why
    assert save.abandoned


@pytest.mark.parametrize("growth", ["additive", "json-patch-append", "cumulative-merge"])
@pytest.mark.parametrize("step", [0, 1, 3], ids=["first", "middle", "last"])
def test_a_call_that_is_too_large_is_cut_and_its_size_kept(growth, step):
    work = work_of(growing(growth, 3), items=12, step=step)
    save = after_send(lost(work, step_state="SENDING", unknowns=0), TOO_LARGE, NOW)
    assert (save.replan.items_max, save.rest, save.forgets_call_size) == (1, False, False)
    sizes = [len(step.item_ids) for step in save.replan.plan.steps if step.kind != "submit"]
    assert sizes == [3] * step + [1] * (12 - 3 * step)


@pytest.mark.parametrize(
    ("step", "items_max", "forgets"),
    [("create", 1, True), ("add", 1, True), ("price", 50, False), ("submit", 50, False)],
)
def test_what_was_learnt_is_forgotten_when_even_one_item_was_too_large(step, items_max, forgets):
    mapping = replace(SALESFORCE, limits=replace(SALESFORCE.limits, items_max=items_max))
    assert refused(mapping, step=step).forgets_call_size == forgets
    refusal = Rejected(400, "22", "400 22")
    assert not after_send(lost(work_of(mapping, step=step), step_state="SENDING"), refusal, NOW).forgets_call_size


@pytest.mark.parametrize("kind", ["add", "submit"])
def test_a_draft_that_is_too_large_to_be_read_back_ends_its_checkout_in_time(kind):
    looks = len(POLICY.probe_seconds)
    for probe in range(looks):
        assert (
            "state" not in read_failed(work_of(step=kind, probe=probe), NOW, ReadFailed("500", too_large=True)).changes
        )
    save = read_failed(work_of(step=kind, probe=looks), NOW, ReadFailed("500 LimitException", too_large=True))
    assert save.changes["state"] == "rejected"
    assert "too large to be read back (500 LimitException)" in save.changes["status_reason"]
    assert [draft.order_id for draft in save.abandoned] == ["00000001"]
    outage = read_failed(work_of(step=kind, probe=looks), NOW, ReadFailed("503"))
    assert "state" not in outage.changes, "an outage ends some time"


def test_an_order_that_may_be_live_and_is_too_large_to_be_read_back_is_a_persons_business():
    work = lost(work_of(step="submit", probe=9, submit_intent_order="00000001"), seconds_ago=100)
    save = read_failed(work, NOW, ReadFailed("500", too_large=True))
    assert (save.changes["state"], save.abandoned) == ("held", ())
    assert "order 00000001 may be live, and is too large to be read back (500)" in save.changes["status_reason"]


def test_where_a_refused_post_may_leave_a_draft_a_new_one_is_begun():
    save = refused(SALESFORCE, items=12)
    assert save.redraft
    assert save.changes["generation"] == 1
    assert save.abandoned[0].order_id is None
    assert [len(step.item_ids) for step in save.replan.plan.steps[:2]] == [6, 6]


def test_when_there_were_too_many_drafts_a_person_decides():
    save = refused(SALESFORCE, items=12, generation=2)
    assert save.changes["state"] == "held"
    assert save.replan is None
