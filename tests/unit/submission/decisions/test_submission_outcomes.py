from __future__ import annotations

import pytest
from checkout_work import NOW, PLAIN, SALESFORCE, SPLIT, drafted, lost, seconds, work_of
from fake_upstream import FakeUpstream
from msgspec.structs import replace

from gateway.checkouts.waits import SPREAD_MAX
from gateway.submission.decisions.actions import FindMarker, ReadOrder, Send
from gateway.submission.decisions.after_call import after_cancel, after_send
from gateway.submission.decisions.after_read import after_read
from gateway.submission.decisions.next_action import next_action
from gateway.submission.prefetch import rendered_step
from gateway.tmf.json import decode_stored
from gateway.upstream.outcome import Accepted, Duplicate, NotExecuted, NotSent, Rejected, Unknown


def sent(*arguments, **columns):
    """Return the work as its intent left it."""
    return lost(work_of(*arguments, **columns), step_state="SENDING", unknowns=0)


def order(**attributes):
    return {"id": "00000001", "state": "Draft", "externalId": "gw1-abcdefghijklmnop-0", **attributes}


KINDS = ["create", "add", "price", "submit"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_sent_is_sent_again_later_and_nothing_else_changes(kind):
    for outcome in (NotSent("no id", lasting=True), NotExecuted("429"), NotExecuted("401", kind="unauthorised")):
        save = after_send(sent(step=kind), outcome, NOW)
        if kind == "price" and isinstance(outcome, NotExecuted):
            continue  # see the draft that is given up, below
        looked_for = kind == "create" and isinstance(outcome, NotExecuted)
        looks = {"probe", "awaiting"} if looked_for else set()
        assert save.changes.keys() - {"attempt"} == {"step_state", "due_at", "reason_code", "status_reason"} | looks
        assert save.changes["step_state"] == ("UNKNOWN" if looked_for else "PLANNED")
        assert save.rest
        assert seconds(1) <= save.changes["due_at"] - NOW <= seconds(1 + SPREAD_MAX)


@pytest.mark.parametrize("outcome", [NotExecuted("429", 9.0), NotExecuted("401", 9.0, "unauthorised")])
def test_c4_a_price_that_was_turned_away_gives_the_draft_up_where_it_cannot_be_read_back(outcome):
    save = after_send(sent(step="price"), outcome, NOW)
    assert save.redraft
    assert save.changes["generation"] == 1
    assert save.rest, "it is not sent before the time that was asked for"
    assert save.changes["due_at"] >= NOW + seconds(9)
    assert save.changes["reason_code"] in {"throttled", "credentials_refused"}
    readable = replace(SPLIT, lines=replace(SPLIT.lines, alterations_readable=True))
    assert not after_send(sent(readable, step="price"), outcome, NOW).redraft


def test_drafts_that_are_given_up_for_a_price_that_was_turned_away_are_begun_more_and_more_seldom():
    waits = []
    for generation in range(2):
        work = sent(step="price")
        work = replace(work, record=replace(work.record, generation=generation))
        waits.append((after_send(work, NotExecuted("429"), NOW).changes["due_at"] - NOW).total_seconds())
    wanted = sent().policy.retry_seconds[:2]
    assert all(least <= wait <= least * (1 + SPREAD_MAX) for least, wait in zip(wanted, waits, strict=True)), waits


def test_a_live_post_that_is_turned_away_again_waits_until_both_calls_had_the_time_to_take_effect():
    work = sent(PLAIN)
    shown_at = NOW + seconds(work.policy.settle_seconds)
    first = after_send(work, NotExecuted("429"), NOW)
    assert first.changes["due_at"] == shown_at, "what was done all the same has the time to be shown, and no more"
    draft = after_send(sent(SPLIT), NotExecuted("429"), NOW)
    assert draft.changes["due_at"] <= NOW + seconds(1 + SPREAD_MAX), "a draft that is begun twice does no harm"
    work = replace(work, record=replace(work.record, attempt=2))
    settled = work.record.sent_at + seconds(work.policy.deadline_seconds + work.policy.settle_seconds)
    for kind in ("throttled", "busy"):
        again = after_send(work, NotExecuted("503", kind=kind), NOW)
        assert again.changes["due_at"] >= settled
        assert again.changes["awaiting"] == "turned_away_again"
    unauthorised = after_send(work, NotExecuted("401", kind="unauthorised"), NOW)
    assert unauthorised.changes["due_at"] < settled, "mended credentials let everything go on within seconds"


@pytest.mark.parametrize("mapping", [PLAIN, SPLIT], ids=["live", "draft"])
@pytest.mark.parametrize(
    "outcome", [NotExecuted("429", 9.0), NotExecuted("401", 9.0, "unauthorised"), NotExecuted("503", 9.0, "busy")]
)
def test_c4_a_post_that_was_turned_away_is_looked_for_before_it_is_sent_again(outcome, mapping):
    save = after_send(sent(mapping), outcome, NOW)
    assert (save.changes["step_state"], save.changes["awaiting"]) == ("UNKNOWN", "turned_away_order")
    assert save.changes["due_at"] >= NOW + seconds(9)
    waiting = replace(sent(mapping), record=replace(sent(mapping).record, **save.changes))
    assert next_action(waiting, NOW) == FindMarker("gw1-abcdefghijklmnop-0")


@pytest.mark.parametrize(
    ("attempt", "counted"),
    [(1, 1), (3, 3), (4, 3), (9, 8)],
    ids=["the waits grow", "to their end", "and not further", "what was turned away before stays counted"],
)
def test_what_could_not_be_sent_does_not_count_beyond_the_growing_waits(attempt, counted):
    work = sent()
    work = replace(work, record=replace(work.record, attempt=attempt))
    save = after_send(work, NotSent("circuit open"), NOW)
    assert save.changes["attempt"] == counted
    assert save.changes["status_reason"].startswith(
        "waits for the order system: the create step could not be sent (circuit"
    )
    assert "attempt" not in after_send(work, NotSent("no id", lasting=True), NOW).changes


@pytest.mark.parametrize("attempts_max", [1, 2, 100])
def test_however_few_attempts_are_allowed_an_order_system_that_is_away_is_waited_for(attempts_max):
    work = work_of()
    work = replace(work, policy=replace(work.policy, attempts_max=attempts_max))
    for _ in range(200):
        action = next_action(work, NOW)
        assert isinstance(action, Send)
        work = replace(work, record=replace(work.record, **action.changes))
        save = after_send(work, NotSent("no connection"), NOW)
        work = replace(work, record=replace(work.record, **save.changes))


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (NotSent("no connection"), "upstream_unreachable"),
        (NotExecuted("429"), "throttled"),
        (NotExecuted("401", kind="unauthorised"), "credentials_refused"),
        (NotExecuted("503", kind="busy"), "waiting_retry"),
        (Unknown("504"), "outcome_unknown"),
        (Duplicate(409, "409"), "outcome_unknown"),
    ],
)
def test_what_is_waited_for_is_told_until_a_step_is_done(outcome, code):
    waiting = after_send(sent(), outcome, NOW).changes
    assert waiting["reason_code"] == code
    assert waiting["status_reason"]
    reason = {name: waiting[name] for name in ("reason_code", "status_reason")}
    done = after_send(sent(**reason), Accepted(201, order()), NOW).changes
    assert (done["reason_code"], done["status_reason"]) == (None, None)


@pytest.mark.parametrize(("attempt", "wait"), [(1, 1), (2, 5), (3, 15), (9, 15)])
def test_the_waits_grow_by_the_setting(attempt, wait):
    work = sent()
    work = replace(work, record=replace(work.record, attempt=attempt))
    due_at = after_send(work, NotSent("refused"), NOW).changes["due_at"]
    assert seconds(wait) <= due_at - NOW <= seconds(wait * (1 + SPREAD_MAX))


@pytest.mark.parametrize("outcome", [NotSent("circuit open", 120.0), NotExecuted("429", 120.0)])
def test_u1_never_earlier_than_the_order_system_asked_for(outcome):
    due_at = after_send(sent(), outcome, NOW).changes["due_at"]
    assert seconds(120) <= due_at - NOW <= seconds(120 * (1 + SPREAD_MAX))


def test_checkouts_that_were_turned_away_together_do_not_come_back_together():
    moments = set()
    for number in range(50):
        work = sent(id=f"k{number}")
        moments.add(after_send(work, NotExecuted("429", 10.0), NOW).changes["due_at"])
    assert len(moments) == 50


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_an_unknown_outcome_is_neither_failed_nor_sent_again(kind, mapping):
    if mapping is PLAIN and kind != "create":
        pytest.skip("a live POST is its only step")
    save = after_send(sent(mapping, step=kind), Unknown("504"), NOW)
    assert (
        save.changes.items() >= {"step_state": "UNKNOWN", "probe": 1, "unknowns": 1, "due_at": NOW + seconds(1)}.items()
    )
    assert save.step_changes["state"] == "unknown"
    assert save.rest


@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_a_duplicate_is_looked_for_and_leaves_nothing_in_doubt(mapping):
    save = after_send(sent(mapping), Duplicate(409, "409 exists"), NOW)
    assert (save.changes["step_state"], save.changes["unknowns"]) == ("UNKNOWN", 0)
    assert save.changes["awaiting"] == "duplicate_order"


def test_a_created_draft_is_remembered_by_its_id():
    save = after_send(sent(), Accepted(201, order(href="/x/1")), NOW)
    assert save.changes["order_id"] == "00000001"
    assert save.changes["order_href"] == "/x/1"
    assert (save.changes["upstream_state"], save.changes["order_state"]) == ("Draft", "pending")
    assert (save.changes["step"], save.changes["step_state"], save.changes["attempt"]) == (1, "PLANNED", 0)
    assert "state" not in save.changes


def test_a_created_draft_is_remembered_by_its_location_when_the_answer_has_no_body():
    save = after_send(sent(), Accepted(201, None, "/api/productorder/00000007"), NOW)
    assert save.changes["order_id"] == "00000007"


@pytest.mark.parametrize(
    "answer",
    [Accepted(202), Accepted(201, {"state": "Draft"})],
    ids=["no id at all", "no id"],
)
@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_a_success_without_our_order_is_no_success(answer, mapping):
    save = after_send(sent(mapping), answer, NOW)
    assert save.changes["step_state"] == "UNKNOWN"
    assert "order_id" not in save.changes


@pytest.mark.parametrize("kind", ["add", "price"])
def test_line_ids_of_an_answer_are_not_relied_on(kind):
    save = after_send(sent(step=kind), Accepted(200, order(productOrderItem=[{"id": "1"}])), NOW)
    assert (save.changes["step_state"], save.lines) == ("PLANNED", {})


def whole_answer(state):
    """Return the answer to a live POST with everything that was sent."""
    fake = FakeUpstream(PLAIN, live_state=state)
    work = work_of(PLAIN)
    body = decode_stored(rendered_step(work, {}).body)
    answer = fake._create(body)
    assert isinstance(answer, Accepted)
    return answer


def test_a_live_post_is_the_submission():
    save = after_send(sent(PLAIN), whole_answer("acknowledged"), NOW)
    assert (save.changes["state"], save.changes["order_id"]) == ("submitted", "00000001")
    assert save.changes["track_due_at"] == NOW + seconds(60)
    assert save.changes["due_at"] is None


@pytest.mark.parametrize("word", ["completed", "rejected", "failed"])
def test_a_live_post_that_ended_at_once_is_read_once_more_for_its_lines(word):
    save = after_send(sent(PLAIN), whole_answer(word), NOW)
    assert (save.changes["state"], save.changes["track_due_at"]) == ("submitted", NOW)


def test_the_answer_to_a_submit_that_still_shows_the_draft_says_nothing_about_the_state():
    save = after_send(sent(step="submit"), Accepted(200, order()), NOW)
    assert save.changes["state"] == "submitted"
    assert "order_state" not in save.changes
    assert save.changes["track_due_at"] == NOW + seconds(1)
    echo = after_send(sent(step="submit"), Accepted(200, order(state="Activated")), NOW)
    assert "order_state" not in echo.changes
    moved = after_send(sent(step="submit"), Accepted(200, order(state="In Progress")), NOW)
    assert moved.changes["order_state"] == "inProgress"
    assert moved.changes["track_due_at"] == NOW + seconds(60)


def test_who_asked_to_cancel_during_the_submission_is_heard_after_it():
    save = after_send(sent(PLAIN, cancel_requested=True), whole_answer("acknowledged"), NOW)
    assert save.changes["due_at"] == NOW


# -- refusals --------------------------------------------------------------------------------------------------------------

REFUSAL = Rejected(422, "1004", "422 1004: unknown product")


def test_u6_a_refused_create_is_rejected_and_what_it_may_have_left_is_cleaned_up():
    save = after_send(sent(), REFUSAL, NOW)
    assert save.changes["state"] == "rejected"
    assert "422 1004: unknown product" in save.changes["status_reason"]
    assert [(draft.marker, draft.order_id) for draft in save.abandoned] == [("gw1-abcdefghijklmnop-0", None)]
    tidy = replace(SALESFORCE, recovery=replace(SALESFORCE.recovery, rejection_may_leave_draft=False))
    assert after_send(sent(tidy), REFUSAL, NOW).abandoned == ()


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
def test_u6_a_refused_live_post_is_looked_for_before_it_is_told(status):
    save = after_send(sent(PLAIN), Rejected(status, "1004", f"{status} 1004: unknown product"), NOW)
    assert "state" not in save.changes
    assert (save.changes["step_state"], save.changes["awaiting"], save.rest) == ("UNKNOWN", "refused_order", False)
    refused = replace(sent(PLAIN), record=replace(sent(PLAIN).record, **save.changes))
    assert next_action(refused, NOW) == FindMarker("gw1-abcdefghijklmnop-0")


@pytest.mark.parametrize("kind", ["add", "price"])
def test_a_refused_change_is_rejected_and_its_draft_cleaned_up(kind):
    save = after_send(sent(step=kind), REFUSAL, NOW)
    assert save.changes["state"] == "rejected"
    assert [(draft.marker, draft.order_id) for draft in save.abandoned] == [("gw1-abcdefghijklmnop-0", "00000001")]


def after_refused_submit(unknowns, *, state=None):
    """Return what is recorded after a submit was refused and the order looked at."""
    work = sent(step="submit", submit_intent_order="00000001")
    work = replace(work, record=replace(work.record, unknowns=unknowns))
    save = after_send(work, REFUSAL, NOW)
    assert "state" not in save.changes
    assert save.changes["step_state"] == "UNKNOWN"
    assert not save.rest
    refused = replace(work, record=replace(work.record, **save.changes))
    assert next_action(refused, NOW) == ReadOrder("00000001")
    looked = drafted(refused, len(work.plan.steps) - 1, state=state)
    if state is None:
        # What is read may be old, and the call may take effect late: the refusal is believed when it has settled.
        waiting = after_read(refused, looked, NOW + seconds(44))
        assert "state" not in waiting.changes
        assert waiting.rest
        assert "reason_code" not in waiting.changes, "the reason stays that it was refused"
        return after_read(refused, looked, NOW + seconds(45))
    return after_read(refused, looked, NOW)


def test_u17_a_refused_submit_is_rejected_once_the_order_is_seen_to_be_a_draft():
    save = after_refused_submit(0)
    assert save.changes["state"] == "rejected"
    assert "422 1004: unknown product" in save.changes["status_reason"]
    assert [(draft.marker, draft.order_id) for draft in save.abandoned] == [("gw1-abcdefghijklmnop-0", "00000001")]


def test_u16_a_refused_submit_of_an_order_that_is_live_was_only_the_second_of_two():
    save = after_refused_submit(0, state="In Progress")
    assert (save.changes["state"], save.changes["status_reason"]) == ("submitted", None)


def test_a_refused_submit_after_a_lost_one_may_be_live_all_the_same():
    save = after_refused_submit(1)
    assert save.changes["state"] == "held"
    assert "00000001" in save.changes["status_reason"]
    assert save.abandoned == ()
    assert after_refused_submit(1, state="In Progress").changes["state"] == "submitted"


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("kind", ["add", "price"])
def test_u12_a_draft_that_was_deleted_is_made_anew(kind, status):
    save = after_send(sent(step=kind), Rejected(status, "", f"{status}"), NOW)
    assert save.redraft
    assert save.changes["generation"] == 1


# -- asking for a cancellation ---------------------------------------------------------------------------------------------


def live(**columns):
    return work_of(PLAIN, state="submitted", step=1, cancel_requested=True, **columns)


@pytest.mark.parametrize("outcome", [Accepted(201), Duplicate(409, "409 asked already")])
def test_a_cancellation_that_was_asked_for_is_followed_closely(outcome):
    save = after_cancel(live(), outcome, NOW)
    assert "state" not in save.changes
    assert save.changes["due_at"] is None
    assert save.changes["track_due_at"] == NOW + seconds(1)
    assert "asked to cancel order 00000001" in save.changes["status_reason"]


def test_a_refused_cancellation_is_told_and_may_be_asked_for_again():
    save = after_cancel(live(), Rejected(422, "", "422 too late"), NOW)
    assert save.changes["cancel_requested"] is False
    assert save.changes["due_at"] is None
    assert "422 too late" in save.changes["status_reason"]


@pytest.mark.parametrize("outcome", [NotSent("refused"), NotExecuted("429", 30.0), Unknown("504")])
def test_a_cancellation_that_did_not_get_through_is_asked_for_again(outcome):
    save = after_cancel(live(attempt=2), outcome, NOW)
    assert save.changes["attempt"] == 3
    assert save.changes["due_at"] > NOW
    assert "cancel_requested" not in save.changes
