"""The id in an answer is a hint, the marker is evidence, the contents decide: after a 2xx that names an order nothing is sent again."""

from __future__ import annotations

import pytest
from checkout_work import NOW, PLAIN, SPLIT, drafted, lost, seconds, work_of
from msgspec.structs import replace

from gateway.ordering import NO_MARKER, Marker
from gateway.submission.decisions.actions import FindMarker, ReadOrder, Save, Send
from gateway.submission.decisions.after_call import after_send
from gateway.submission.decisions.after_read import after_another_order, after_read
from gateway.submission.decisions.after_search import UNSEARCHABLE_SECONDS_MAX, after_search, seen_by_search
from gateway.submission.decisions.next_action import next_action
from gateway.submission.decisions.records import give_up_draft
from gateway.upstream.evidence import FindResult, Hint, incomplete, uncontrolled
from gateway.upstream.outcome import Accepted

OURS = "gw1-abcdefghijklmnop-0"
RESPELLED = [OURS.upper(), OURS[:18], f"WEB/{OURS}", OURS.replace("-", "")]
NOTHING = FindResult((), uncontrolled())
SETTLED = 45
LIVE_STATE = "acknowledged"


def sent(mapping=PLAIN, **columns):
    return lost(work_of(mapping, **columns), step_state="SENDING", unknowns=0)


def answered(mapping=PLAIN, document=None, *, seconds_ago=0, probe=0, **columns):
    """Return the work after its `create` was answered with an id, as it is when the order is to be read."""
    work = sent(mapping, **columns)
    save = after_send(work, Accepted(201, {"id": "00000001", **(document or {})}), NOW)
    assert not save.rest
    record = replace(work.record, **save.changes)
    work = replace(work, record=replace(record, sent_at=NOW - seconds(seconds_ago), probe=probe))
    assert next_action(work, NOW) == ReadOrder("00000001")
    return work


def shown(work, marker=OURS, **columns):
    """Return the order as it is read: with everything that the call held."""
    order = drafted(work, 1, state=None if work.mapping.draft.supported else LIVE_STATE)
    return replace(order, marker=Marker((marker,)) if marker else NO_MARKER, **columns)


def decided(action):
    assert isinstance(action, Save)
    return action


@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
@pytest.mark.parametrize("document", [{}, {"externalId": OURS.upper()}, {"externalId": "ORD-1"}, {"externalId": ["x"]}])
def test_what_a_2xx_named_is_read_whatever_it_shows_and_never_sent_again(mapping, document):
    work = answered(mapping, document)
    assert work.record.awaiting == "accepted_order"
    assert work.record.answered_order == "00000001"
    assert work.record.reason_code == "not_shown_yet"
    planned = replace(work, record=replace(work.record, step_state="PLANNED", awaiting=None))
    with pytest.raises(AssertionError, match="never sent again"):
        next_action(planned, NOW)


@pytest.mark.parametrize("marker", [OURS, *RESPELLED])
def test_c1_a_live_order_that_is_whole_and_shows_our_marker_in_any_spelling_is_followed(marker):
    work = answered(document={"externalId": marker})
    save = decided(after_read(work, shown(work, marker), NOW))
    assert (save.changes["state"], save.changes["order_id"], save.finding) == ("submitted", "00000001", None)
    assert save.changes["reason_code"] is None


@pytest.mark.parametrize("marker", [OURS, *RESPELLED])
def test_c1_a_draft_that_shows_our_marker_in_any_spelling_is_gone_on_with(marker):
    work = answered(SPLIT, {"externalId": marker})
    save = decided(after_read(work, shown(work, marker), NOW))
    assert (save.changes["step"], save.changes["step_state"], save.changes["awaiting"]) == (1, "PLANNED", None)
    grown = replace(work, record=replace(work.record, **save.changes))
    assert isinstance(after_read(grown, shown(work, marker), NOW), Send)


@pytest.mark.parametrize("marker", RESPELLED)
def test_c1_one_that_is_respelled_and_not_whole_is_held_with_both_spellings(marker):
    work = answered(document={"externalId": marker}, seconds_ago=SETTLED, probe=2)
    order = shown(work, marker)
    save = decided(after_read(work, replace(order, lines=order.lines[1:]), NOW))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "marker_changed")
    assert OURS in save.changes["status_reason"]
    assert marker in save.changes["status_reason"]


@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_c1_one_that_carries_a_marker_of_the_systems_own_is_held_at_once_with_both(mapping):
    work = answered(mapping, {"externalId": "ORD-77"})
    order = shown(work, "ORD-77")
    search = after_read(work, order, NOW)
    assert search == FindMarker(OURS, order)
    save = decided(after_search(work, NOTHING, NOW, NOW, search.named))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "marker_changed")
    assert OURS in save.changes["status_reason"]
    assert "ORD-77" in save.changes["status_reason"]


@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_c5_where_the_answer_names_a_strangers_order_ours_is_followed(mapping):
    work = answered(mapping)
    stranger = replace(shown(work, "gw1-zzzzzzzzzzzzzzzz-0"), id="00000001")
    search = after_read(work, stranger, NOW)
    assert isinstance(search, FindMarker)
    ours = replace(shown(work), id="00000009")
    save = decided(after_search(work, FindResult((ours,)), NOW, NOW, search.named))
    assert save.changes["order_id"] == "00000009"
    assert save.changes.get("state") == (None if mapping is SPLIT else "submitted")


def test_c5_a_strangers_order_is_never_followed_and_ours_is_waited_for():
    work = answered()
    stranger = shown(work, "gw1-zzzzzzzzzzzzzzzz-0")
    waiting = decided(after_search(work, NOTHING, NOW, NOW, stranger))
    assert waiting.rest
    assert waiting.changes["reason_code"] == "not_shown_yet"
    work = answered(seconds_ago=SETTLED)
    save = decided(after_search(work, NOTHING, NOW, NOW, stranger))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "foreign_order")
    assert save.changes["order_id"] is None, "it is not the order of this checkout"


def test_c5_a_strangers_draft_is_left_alone_and_a_new_one_is_begun():
    work = answered(SPLIT, seconds_ago=SETTLED)
    save = decided(after_search(work, NOTHING, NOW, NOW, shown(work, "gw1-zzzzzzzzzzzzzzzz-0")))
    assert save.redraft
    assert [(draft.marker, draft.order_id) for draft in save.abandoned] == [(OURS, None)]


@pytest.mark.parametrize("mapping", [SPLIT, PLAIN])
def test_an_order_that_shows_no_marker_at_all_is_looked_for_and_then_a_persons_business(mapping):
    work = answered(mapping)
    order = shown(work, None)
    assert after_read(work, order, NOW) == FindMarker(OURS, order)
    assert decided(after_search(work, NOTHING, NOW, NOW, order)).rest
    work = answered(mapping, seconds_ago=SETTLED)
    save = decided(after_search(work, NOTHING, NOW, NOW, order))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "not_verifiable")
    blind = replace(work, mapping=replace(mapping, recovery=replace(mapping.recovery, find="none")))
    save = decided(after_search(blind, FindResult((), incomplete("no_search")), NOW, NOW, order))
    assert save.finding.code == "order_not_verified"
    assert save.changes.get("state") == (None if mapping is SPLIT else "submitted")


def test_an_answer_that_showed_our_marker_is_evidence_for_an_order_that_shows_none():
    work = answered(document={"externalId": OURS})
    assert decided(after_read(work, shown(work, None), NOW)).changes["state"] == "submitted"


def test_an_order_that_is_shown_late_is_waited_for_and_then_looked_for_by_its_marker():
    waiting = decided(after_read(answered(seconds_ago=SETTLED - 1), None, NOW))
    assert waiting.rest
    assert waiting.changes["reason_code"] == "not_shown_yet"
    work = answered(seconds_ago=SETTLED)
    assert after_read(work, None, NOW) == FindMarker(OURS)
    found = decided(after_search(work, FindResult((replace(shown(work), id="00000009"),)), NOW, NOW))
    assert (found.changes["state"], found.changes["order_id"]) == ("submitted", "00000009")
    save = decided(after_search(work, NOTHING, NOW, NOW))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "not_verifiable")


@pytest.mark.parametrize("action", ["finding", "hold"])
def test_m2_a_live_order_that_is_not_what_was_sent_is_told(action):
    def named(**columns):
        work = answered(**columns)
        return replace(work, policy=replace(work.policy, live_mismatch=action))

    order = shown(named())
    short = replace(order, lines=order.lines[1:])
    # Lines may be shown late: they are waited for, and lines that differ are looked at twice more.
    for late in (named(seconds_ago=SETTLED - 1, probe=9), named(seconds_ago=SETTLED, probe=1)):
        waiting = decided(after_read(late, short, NOW))
        assert waiting.rest
        assert (waiting.changes["awaiting"], waiting.changes["step_state"]) == ("accepted_order", "UNKNOWN")
    save = decided(after_read(named(seconds_ago=SETTLED, probe=9), short, NOW))
    if action == "hold":
        assert (save.changes["state"], save.changes["reason_code"]) == ("held", "contents_differ")
        assert save.changes["order_id"] == "00000001"
        assert "missing items 1" in save.changes["status_reason"]
        return
    assert save.changes["state"] == "submitted"
    assert (save.finding.severity, save.finding.code) == ("error", "contents_differ")
    assert "missing items 1" in save.finding.message


def test_m2_what_the_answer_itself_shows_is_compared():
    work = sent(PLAIN)
    part = {"id": "00000001", "externalId": OURS, "state": LIVE_STATE, "productOrderItem": [{"id": "1", "quantity": 1}]}
    assert after_send(work, Accepted(201, part), NOW).changes["awaiting"] == "accepted_order"


def test_m2_a_live_order_that_a_search_found_is_compared_too():
    work = lost(work_of(PLAIN), seconds_ago=SETTLED, probe=9)
    order = shown(work)
    save = decided(after_search(work, FindResult((replace(order, lines=order.lines[1:]),)), NOW, NOW))
    assert save.finding.code == "contents_differ"


def test_live_at_once_is_followed_only_if_it_is_whole_and_was_to_be_submitted():
    whole = replace(SPLIT, limits=replace(SPLIT.limits, items_max=100))
    work = answered(whole, priced=0, seconds_ago=SETTLED, probe=2)
    live = replace(drafted(work, 1, state="Activated"))
    save = decided(after_read(work, live, NOW))
    assert (save.changes["state"], save.changes["submit_intent_order"]) == ("submitted", "00000001")
    waits = replace(work, record=replace(work.record, submit=False))
    assert decided(after_read(waits, live, NOW)).changes["state"] == "held"
    part = decided(after_read(work, replace(live, lines=live.lines[1:]), NOW))
    assert (part.changes["state"], part.changes["reason_code"]) == ("held", "contents_differ")
    stateless = decided(after_read(work, replace(live, state=""), NOW))
    assert (stateless.changes["state"], stateless.changes["reason_code"]) == ("held", "not_verifiable")
    assert "draft.states" in stateless.changes["status_reason"]


def test_an_order_that_is_answered_under_another_id_is_followed_by_its_marker_or_held():
    work = answered()
    other = replace(shown(work), id="00000008")
    save = decided(after_another_order(work, other, NOW))
    assert (save.changes["state"], save.changes["order_id"]) == ("submitted", "00000008")
    stranger = replace(other, marker=Marker(("ORD-1",)))
    assert after_another_order(work, stranger, NOW) == FindMarker(OURS, stranger)
    # What the search itself found is not searched again: it would be found, and be another order, for ever.
    assert decided(after_another_order(work, stranger, NOW, searched=True)).rest
    settled = answered(seconds_ago=SETTLED)
    assert decided(after_another_order(settled, stranger, NOW, searched=True)).changes["reason_code"] == "foreign_order"
    late = lost(work_of(SPLIT, step="submit", submit_intent_order="00000001"), seconds_ago=SETTLED)
    assert decided(after_another_order(late, other, NOW)).changes["reason_code"] == "foreign_order"
    early = lost(work_of(SPLIT, step="submit", submit_intent_order="00000001"), seconds_ago=SETTLED - 1)
    assert decided(after_another_order(early, other, NOW)).rest


# -- refusals and calls that were turned away ------------------------------------------------------------------------------


def refused(mapping=PLAIN, **columns):
    awaiting = columns.pop("awaiting", "refused_order")
    reason = {"reason_code": "refused", "status_reason": "the order system refused the create step: 422"}
    return lost(work_of(mapping, **columns), unknowns=0, seconds_ago=columns.pop("ago", 0), **reason, awaiting=awaiting)


@pytest.mark.parametrize("found", [NOTHING, FindResult((), uncontrolled("nothing_to_control_with"))])
def test_c3_a_refusal_and_a_search_that_finds_nothing_agree_at_once(found):
    save = decided(after_search(refused(), found, NOW, NOW))
    assert save.changes["state"] == "rejected"
    assert save.changes["status_reason"] == "the order system refused the create step: 422"
    assert save.finding is None
    assert [(draft.marker, draft.order_id, draft.after_seconds) for draft in save.abandoned] == [(OURS, None, 725)]


def test_c3_a_refused_post_whose_order_is_there_is_submitted():
    work = refused()
    assert decided(after_search(work, FindResult((shown(work),)), NOW, NOW)).changes["state"] == "submitted"


def test_c3_where_nothing_can_be_searched_the_refusal_stands_and_says_so():
    blind = replace(PLAIN, recovery=replace(PLAIN.recovery, find="none"))
    save = decided(after_search(refused(blind), FindResult((), incomplete("no_search")), NOW, NOW))
    assert (save.changes["state"], save.finding.code) == ("rejected", "refusal_not_verified")


def test_c3_a_search_that_fails_is_repeated_for_a_while():
    failed = FindResult((), incomplete("page_failed"))
    waiting = decided(after_search(refused(), failed, NOW, NOW))
    assert waiting.rest
    assert "reason_code" not in waiting.changes, "the reason stays that it was refused"
    save = decided(after_search(refused(), failed, NOW, NOW + seconds(SETTLED)))
    assert (save.changes["state"], save.finding.code) == ("rejected", "refusal_not_verified")


def test_c4_after_a_call_that_was_turned_away_a_search_decides():
    work = refused(awaiting="turned_away_order")
    again = decided(after_search(work, NOTHING, NOW, NOW))
    assert (again.changes["step_state"], again.changes["awaiting"], again.rest) == ("PLANNED", None, False)
    there = decided(after_search(work, FindResult((shown(work),)), NOW, NOW))
    assert there.changes["state"] == "submitted"
    wished = replace(work, record=replace(work.record, cancel_requested=True))
    assert decided(after_search(wished, NOTHING, NOW, NOW)).changes["state"] == "cancelled"


def test_what_may_be_the_order_of_a_call_that_was_turned_away_is_waited_for_and_then_shown_to_a_person():
    work = refused(awaiting="turned_away_order")
    changed = Hint("00000009", "acknowledged", "cut", OURS[:18])
    waiting = decided(after_search(work, FindResult((), incomplete("marker_changed"), (changed,)), NOW, NOW))
    assert waiting.changes.keys() == {"probe", "due_at"}, "it may show our marker in a moment"
    held = decided(
        after_search(work, FindResult((), incomplete("marker_changed"), (changed,)), NOW, NOW + seconds(SETTLED))
    )
    assert (held.changes["state"], held.changes["reason_code"]) == ("held", "marker_changed")
    assert "turned away" in held.changes["status_reason"]
    assert "00000009" in held.changes["status_reason"]


@pytest.mark.parametrize("awaiting", ["turned_away_order", "turned_away_again"])
@pytest.mark.parametrize(
    "absence", [incomplete("page_failed"), incomplete("known_order_not_found"), uncontrolled("marker_never_seen")]
)
def test_a_live_post_that_was_turned_away_is_sent_again_only_after_a_search_that_would_show_it(absence, awaiting):
    work, nothing = refused(awaiting=awaiting), FindResult((), absence)
    assert decided(after_search(work, nothing, NOW, NOW)).rest
    later = decided(after_search(work, nothing, NOW, NOW + seconds(SETTLED)))
    assert (later.rest, later.changes["reason_code"]) == (True, "not_verifiable")
    assert "step_state" not in later.changes
    end = decided(after_search(work, nothing, NOW, NOW + seconds(725 + UNSEARCHABLE_SECONDS_MAX)))
    assert (end.changes["state"], end.changes["reason_code"]) == ("held", "not_verifiable")
    wished = replace(work, record=replace(work.record, cancel_requested=True))
    cancelled = decided(after_search(wished, nothing, NOW, NOW + seconds(SETTLED)))
    assert (cancelled.changes["state"], cancelled.finding.code) == ("cancelled", "refusal_not_verified")
    told = replace(work, mapping=replace(PLAIN, recovery=replace(PLAIN.recovery, uncontrolled_absence="resend")))
    again = decided(after_search(told, nothing, NOW, NOW + seconds(SETTLED)))
    assert (again.changes["step_state"], again.finding.code) == ("PLANNED", "refusal_not_verified")


def test_a_refusal_stands_at_once_where_no_order_of_a_gateway_was_seen_and_says_that_it_was_not_verified():
    save = decided(after_search(refused(), FindResult((), uncontrolled("marker_never_seen")), NOW, NOW))
    assert (save.changes["state"], save.finding.code) == ("rejected", "refusal_not_verified")


def test_an_order_that_holds_what_was_refused_is_shown_to_a_person_at_once():
    alike = Hint("00000009", "acknowledged", "foreign", "SRV-1")
    found = FindResult((), incomplete("young_order_alike", alike.sentence), (alike,))
    save = decided(after_search(refused(), found, NOW, NOW))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "not_verifiable")
    assert "order 00000009 shows SRV-1" in save.changes["status_reason"]


def test_an_order_with_our_marker_that_holds_nothing_of_ours_is_not_followed():
    work = lost(work_of(PLAIN), seconds_ago=SETTLED, probe=2)
    stranger = shown(work, lines=(replace(shown(work).lines[0], offering="STRANGER", item_id="1"),))
    save = decided(after_search(work, FindResult((stranger,)), NOW, NOW))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "foreign_order")
    named = replace(work, record=replace(work.record, answered_order=stranger.id))
    told = decided(after_search(named, FindResult((stranger,)), NOW, NOW))
    assert (told.changes["state"], told.finding.code) == ("submitted", "contents_differ")


@pytest.mark.parametrize("awaiting", [None, "refused_order", "turned_away_again"])
def test_a_live_order_that_a_search_showed_once_is_never_absent(awaiting):
    work = lost(work_of(PLAIN), awaiting=awaiting)
    seen = seen_by_search(work, shown(work, lines=()))
    assert seen == {"order_id": "00000001", "answered_marker": OURS, "awaiting": "accepted_order"}
    work = replace(work, record=replace(work.record, **seen))
    assert next_action(work, NOW) == ReadOrder("00000001")
    assert after_read(work, None, NOW + seconds(SETTLED)) == FindMarker(OURS)
    gone = decided(after_search(work, NOTHING, NOW, NOW + seconds(SETTLED)))
    assert (gone.changes["state"], gone.changes["reason_code"]) == ("held", "not_verifiable")
    assert "which a search showed with our marker, does not exist" in gone.changes["status_reason"]
    assert seen_by_search(work, shown(work)) == {}, "it is known already"
    assert seen_by_search(lost(work_of(SPLIT)), drafted(work_of(SPLIT), 1)) == {}, "a draft is found or begun anew"


def test_a_live_post_that_was_turned_away_twice_is_sent_again_only_when_both_had_the_time_to_take_effect():
    """One repetition is quick, for what is only throttled; what takes effect later is found before a third one."""
    work = refused(awaiting="turned_away_again")
    early = decided(after_search(work, NOTHING, NOW, NOW))
    assert early.rest
    assert early.changes.keys() == {"probe", "due_at"}, "it waits as it did, for the same reason"
    assert early.changes["due_at"] <= NOW + seconds(SETTLED)
    settled = decided(after_search(work, NOTHING, NOW, NOW + seconds(SETTLED)))
    assert (settled.changes["step_state"], settled.rest) == ("PLANNED", False)


def test_a_draft_whose_create_was_turned_away_and_done_is_used_and_its_twins_are_cleaned_up():
    work = refused(SPLIT, awaiting="turned_away_order")
    twins = [replace(drafted(work, 1), id=name) for name in ("B", "A", "C")]
    save = decided(after_search(work, FindResult(tuple(twins)), NOW, NOW))
    assert (save.changes["step"], save.changes["order_id"]) == (1, "A")
    assert [draft.order_id for draft in save.abandoned] == ["B", "C"]


def test_creates_of_drafts_that_are_turned_away_and_cannot_be_looked_for_come_to_an_end():
    blind = FindResult((), incomplete("no_search"))
    work = refused(SPLIT, awaiting="turned_away_order")
    again = decided(after_search(work, blind, NOW, NOW))
    assert (again.changes["step_state"], again.changes["unknowns"], again.rest) == ("PLANNED", 1, False)
    seen = decided(after_search(work, NOTHING, NOW, NOW))
    assert (seen.changes["step_state"], seen.changes["unknowns"]) == ("PLANNED", 0), (
        "what is seen to be absent is not counted"
    )
    last = replace(work, record=replace(work.record, unknowns=work.policy.generations_max - 1))
    held = decided(after_search(last, blind, NOW, NOW))
    assert (held.changes["state"], held.changes["reason_code"]) == ("held", "not_verifiable")
    assert f"delete the drafts with externalId {OURS}" in held.changes["status_reason"]


@pytest.mark.parametrize("kind", ["add", "price"])
def test_an_add_or_price_that_was_turned_away_and_done_is_seen_and_not_repeated(kind):
    readable = replace(SPLIT, lines=replace(SPLIT.lines, alterations_readable=True))
    work = work_of(readable, step=kind, attempt=1)
    save = decided(after_read(work, drafted(work, work.record.step + 1), NOW))
    assert (save.changes["step"], save.changes["step_state"]) == (work.record.step + 1, "PLANNED")


def test_a_lost_live_order_that_is_shown_under_another_id_is_ours_and_no_second_one_is_made():
    work = lost(work_of(PLAIN), seconds_ago=100.0)
    save = decided(after_another_order(work, replace(shown(work), id="A-1"), NOW))
    assert (save.changes["state"], save.changes["order_id"]) == ("submitted", "A-1")
    assert "generation" not in save.changes


def test_a_lost_live_order_in_whose_place_a_strangers_is_shown_is_held():
    work = lost(work_of(PLAIN), seconds_ago=100.0)
    save = decided(after_another_order(work, replace(shown(work, marker="CRM-1"), id="A-1"), NOW))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "foreign_order")


def test_only_a_draft_is_ever_given_up():
    with pytest.raises(AssertionError, match="only a draft"):
        give_up_draft(work_of(PLAIN), NOW, "why", mismatch=False)


@pytest.mark.parametrize("state", ["Draft", "In Progress"])
def test_a_draft_that_is_live_and_has_an_external_id_of_the_order_systems_own_is_not_followed_by_another(state):
    work = answered(SPLIT, seconds_ago=SETTLED)
    named = replace(drafted(work, 1, state=state), marker=Marker(("SRV-4711",)))
    assert after_read(work, named, NOW) == FindMarker(OURS, named)
    save = decided(after_search(work, NOTHING, NOW, NOW, named))
    assert (save.changes["state"], save.changes["reason_code"]) == ("held", "marker_changed")
