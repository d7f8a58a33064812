from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio
from checkout_gateway import Clock, running, settings_of
from checkout_work import PLAIN, SPLIT, store_checkout
from msgspec.structs import replace
from sqlalchemy import select, update

from gateway.checkouts.stored.abandoned import AbandonedDraft, abandon
from gateway.ordering import read_order
from gateway.settings import StorageSettings
from gateway.storage.tables import abandoned_draft, checkout
from gateway.submission import cleanup_store
from gateway.upstream.evidence import FindResult, incomplete, proven
from gateway.upstream.outcome import NotExecuted, Rejected, Unknown
from gateway.upstream.port import AnotherOrder, ReadFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")
MARKER = "gw1-abcdefghijklmnop-0"
WAITS = (30.0, 3600.0, 86400.0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(tmp_path_factory):
    storage = StorageSettings(url=f"sqlite:///{tmp_path_factory.mktemp('cleanup') / 'gateway.db'}", readers_max=2)
    async with running(settings_of(storage), clock=Clock()) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(application):
    return await application.make_empty()


def draft(gateway, order_id="00000001", *, marker=MARKER, state="Draft"):
    gateway.shop.orders[order_id] = {"id": order_id, "state": state, "externalId": marker, "productOrderItem": []}


async def abandoned(gateway, draft_id="00000001", *, why="given_up", **columns):
    """Store a checkout that has gone on, and the draft it gave up."""
    record = await store_checkout(gateway.services.database, generation=1, **columns)
    given_up = AbandonedDraft(marker=MARKER, order_id=draft_id, why=why)
    now = gateway.clock.moment
    await gateway.services.database.write(lambda connection: abandon(connection, record, [given_up], now, WAITS[0]))


async def row(gateway):
    return await gateway.services.database.read(lambda connection: connection.execute(select(abandoned_draft)).one())


async def look(gateway, *, after=WAITS[0]):
    gateway.clock.advance(after)
    assert await gateway.cleanup().once() == 1
    return await row(gateway)


async def set_checkout(gateway, **columns):
    await gateway.services.database.write(lambda connection: connection.execute(update(checkout).values(**columns)))


@pytest.mark.parametrize("order_id", ["00000001", None], ids=["by id", "by marker"])
async def test_an_abandoned_draft_is_marked_so_that_nobody_submits_it(gateway, order_id):
    draft(gateway)
    await abandoned(gateway, order_id)
    gateway.clock.advance(29)
    assert await gateway.cleanup().once() == 0
    seen = await look(gateway, after=1)
    assert gateway.shop.orders["00000001"]["externalId"] == f"void-{MARKER}"
    assert "do not submit" in gateway.shop.orders["00000001"]["description"]
    assert seen.outcome == "00000001 marked abandoned"
    assert [call.kind for call in gateway.shop.calls] == ["abandon"]


async def test_it_is_looked_for_several_times_because_a_late_call_may_still_make_it(gateway):
    await abandoned(gateway, None)
    for attempt, (after, next_wait) in enumerate(((30, 3600), (3600, 86400), (86400, None)), 1):
        if attempt == 2:
            draft(gateway)
        seen = await look(gateway, after=after)
        assert seen.attempt == attempt
        due_at = None if next_wait is None else gateway.clock.moment + timedelta(seconds=next_wait)
        assert seen.due_at == due_at
        outcomes = ("nothing found", "00000001 marked abandoned", "00000001 is marked already")
        assert (seen.outcome, seen.state) == (outcomes[attempt - 1], "absent" if attempt == 1 else "voided")
    gateway.clock.advance(10**7)
    assert await gateway.cleanup().once() == 0


async def test_what_is_marked_already_is_left_alone(gateway):
    draft(gateway, marker=f"void-{MARKER}")
    await abandoned(gateway)
    assert (await look(gateway)).outcome == "00000001 is marked already"
    assert not gateway.shop.calls


@pytest.mark.parametrize("state", ["submitting", "submitted", "held", "completed", "failed", "cancelled"])
async def test_the_order_that_may_have_been_submitted_is_never_touched(gateway, state):
    draft(gateway)
    await abandoned(gateway, None, order_id="00000001", submit_intent_order="00000001", step=4, state=state)
    assert (await look(gateway)).outcome == "00000001 may have been submitted"
    assert not gateway.shop.calls


async def test_the_own_order_that_ended_is_looked_at_and_a_draft_in_its_place_is_marked(gateway):
    """It may show as a draft again; nobody gave it up, so nobody marks it."""
    record = await store_checkout(
        gateway.services.database, state="rejected", order_id="00000001", order_state="rejected"
    )
    own = AbandonedDraft(marker=record.marker, order_id="00000001", why="own_ended")
    now = gateway.clock.moment
    await gateway.services.database.write(lambda connection: abandon(connection, record, [own], now, WAITS[0]))
    draft(gateway)
    draft(gateway, "00000002")
    seen = await look(gateway)
    assert seen.outcome == "00000001 is the checkout's order, which ended (Draft); 00000002 marked abandoned"
    assert gateway.shop.orders["00000001"]["externalId"] == MARKER


@pytest.mark.parametrize("read", ["live", "draft", "failed"])
async def test_an_order_that_is_delivered_because_it_was_touched_is_told_at_once(gateway, read, monkeypatch):
    draft(gateway)
    await abandoned(gateway, state="submitted", order_id="00000002", submit_intent_order="00000002", due_at=None)
    real = gateway.shop.send

    async def send(rendered, *, answered=None):
        outcome = await real(rendered, answered=answered)
        if read == "live":
            gateway.shop.orders["00000001"]["state"] = "In Progress"
        if read == "failed":
            gateway.shop.script_reads([ReadFailed("503", status=503)])
        return outcome

    monkeypatch.setattr(gateway.shop, "send", send)
    seen = await look(gateway)
    record = await gateway.record("k1")
    told = ("held", "duplicate_orders") if read == "live" else ("submitted", None)
    assert (record.state, record.reason_code) == told
    assert seen.attempt == (0 if read == "failed" else 1)
    assert ("is live (In Progress)" in seen.outcome, "not read since" in seen.outcome) == (
        read == "live",
        read == "failed",
    )


@pytest.mark.parametrize("spelled", [str.upper, lambda marker: f"WEB/{marker}", lambda marker: marker[:18]])
@pytest.mark.parametrize("order_id", ["00000001", None])
async def test_a_draft_whose_marker_is_spelled_otherwise_is_marked_where_it_is_surely_ours(gateway, spelled, order_id):
    """By its marker alone it may be somebody's copy, unless it differs in case alone. What is live is told in any spelling."""
    draft(gateway, marker=spelled(MARKER))
    await abandoned(gateway, order_id, state="rejected", cart_live=False, due_at=None)
    await look(gateway)
    marked = gateway.shop.orders["00000001"]["externalId"] == f"void-{MARKER}"
    assert marked == (order_id is not None or spelled(MARKER) == MARKER.upper())
    draft(gateway, marker=spelled(MARKER), state="In Progress")
    await look(gateway, after=3600)
    assert (await gateway.record("k1")).reason_code == "live_after_end"


async def test_a_mark_in_another_spelling_is_a_mark(gateway):
    for mark in (f"VOID-{MARKER.upper()}", f"WEB/void-{MARKER}", f"void-{MARKER}"[:18]):
        await gateway.make_empty()
        draft(gateway, marker=mark)
        await abandoned(gateway)
        assert (await look(gateway)).outcome == "00000001 is marked already"
    assert not gateway.shop.calls


async def test_an_order_is_told_as_live_although_its_id_leads_to_another_ones_now(gateway, monkeypatch):
    draft(gateway, marker=f"void-{MARKER}", state="In Progress")
    await abandoned(gateway, state="rejected", cart_live=False, due_at=None)
    other = read_order({"id": "00000001", "state": "In Progress", "externalId": "CRM-1"}, SPLIT)

    async def another(order_id):
        return other

    monkeypatch.setattr(gateway.shop, "get_order", another)
    assert "00000001 is live (In Progress)" in (await look(gateway)).outcome
    assert (await gateway.record("k1")).reason_code == "live_after_end"


async def test_u17_the_draft_of_a_submission_that_was_refused_for_certain_is_marked(gateway):
    draft(gateway)
    columns = {"order_id": "00000001", "submit_intent_order": "00000001", "step": 4, "state": "rejected"}
    await abandoned(gateway, **columns)
    assert (await look(gateway)).outcome == "00000001 marked abandoned"


async def test_the_order_that_the_checkout_goes_on_with_is_never_touched(gateway):
    draft(gateway)
    draft(gateway, "00000002")
    await abandoned(gateway, None, order_id="00000001", step=1)
    assert (await look(gateway)).outcome == "00000001 is the checkout's order; 00000002 marked abandoned"
    assert [call.order_id for call in gateway.shop.calls] == ["00000002"]


async def test_what_is_submitted_while_the_cleaner_waits_for_its_turn_is_seen(gateway):
    draft(gateway)
    await abandoned(gateway, None)
    gateway.clock.advance(30)
    cleanup = gateway.cleanup()
    read = gateway.services.database.read

    async def slow(function):
        found = await read(function)
        await set_checkout(gateway, submit_intent_order="00000001", order_id="00000001", state="submitting")
        return found

    cleanup._database.read = slow
    try:
        await cleanup.once()
    finally:
        del gateway.services.database.read
    assert (await row(gateway)).outcome == "00000001 may have been submitted"
    assert not gateway.shop.calls


async def test_a_draft_that_became_live_is_told_on_its_checkout_and_left_alone(gateway):
    draft(gateway, state="In Progress")
    await abandoned(gateway, state="drafting", step=1, order_id="00000002")
    seen = await look(gateway)
    assert "00000001 is live (In Progress)" in seen.outcome
    assert not gateway.shop.calls
    record = await gateway.record("k1")
    assert (record.state, record.reason_code) == ("held", "duplicate_orders")
    assert "order 00000001, a draft that was given up, is live" in record.status_reason


@pytest.mark.parametrize("state", ["rejected", "cancelled"])
@pytest.mark.parametrize("order_id", ["00000001", None], ids=["by id", "by marker"])
async def test_an_order_that_is_live_after_its_checkout_was_told_as_ended_makes_it_held(gateway, state, order_id):
    draft(gateway, state="In Progress")
    await abandoned(gateway, order_id, state=state, cart_live=False, due_at=None)
    await look(gateway)
    record = await gateway.record("k1")
    assert (record.state, record.reason_code, record.order_id) == ("held", "live_after_end", "00000001")
    assert not gateway.shop.calls


@pytest.mark.parametrize("shown", [MARKER, MARKER.upper(), f"WEB/{MARKER}", MARKER.replace("-", "\u2013")])
async def test_the_order_of_a_refused_live_post_that_took_effect_late_is_found(gateway, shown):
    gateway.plain.orders["00000001"] = {
        "id": "00000001",
        "state": "acknowledged",
        "externalId": shown,
        "productOrderItem": [],
    }
    columns = {"mapping": PLAIN, "upstream": "plain", "state": "rejected", "cart_live": False, "due_at": None}
    await abandoned(gateway, None, **columns)
    assert "00000001 is live (acknowledged)" in (await look(gateway)).outcome
    record = await gateway.record("k1")
    assert (record.state, record.reason_code) == ("held", "live_after_end")


async def test_an_order_that_shows_as_a_draft_where_there_are_none_was_made_all_the_same(gateway):
    gateway.plain.orders["00000001"] = {
        "id": "00000001",
        "state": "draft",
        "externalId": MARKER,
        "productOrderItem": [],
    }
    columns = {"mapping": PLAIN, "upstream": "plain", "state": "rejected", "cart_live": False, "due_at": None}
    await abandoned(gateway, None, **columns)
    assert "00000001 is live (draft)" in (await look(gateway)).outcome
    assert (await gateway.record("k1")).reason_code == "live_after_end"


async def test_a_live_order_that_the_list_shows_and_that_cannot_be_read_is_told_all_the_same(gateway):
    async def unreadable(_order_id):
        raise ReadFailed("503", status=503)

    draft(gateway, state="In Progress")
    gateway.shop.get_order = unreadable
    await abandoned(gateway, None, state="rejected", cart_live=False, due_at=None)
    await look(gateway)
    assert (await gateway.record("k1")).reason_code == "live_after_end"


@pytest.mark.parametrize("state", ["rejected", "drafting", "submitted", "completed"])
async def test_a_draft_that_was_given_up_and_shows_no_state_may_be_live_and_is_told(gateway, state):
    """Somebody may have submitted it: a checkout that was told as rejected had a live order, and no look said so."""
    draft(gateway, state="")
    await abandoned(gateway, state=state, cart_live=state != "rejected", order_id="00000002", due_at=None)
    assert (await look(gateway)).outcome == "00000001 shows no state: the checkout says so"
    record = await gateway.record("k1")
    assert record.state == ("completed" if state == "completed" else "held")
    if state != "completed":
        assert "00000001" in record.status_reason
        assert "shows no state, so it may be live" in record.status_reason
    assert not gateway.shop.calls


async def test_the_order_of_a_cancelled_checkout_that_shows_no_state_any_more_is_no_news(gateway):
    draft(gateway, state="")
    await abandoned(gateway, why="own_ended", state="cancelled", order_id="00000001", cart_live=False, due_at=None)
    await look(gateway)
    assert (await gateway.record("k1")).state == "cancelled"


@pytest.mark.parametrize("state", ["Cancelled", "Rejected", "failed"])
async def test_an_order_that_came_to_nothing_is_no_news(gateway, state):
    draft(gateway, state=state)
    await abandoned(gateway, state="rejected", cart_live=False, due_at=None)
    assert f"is not a draft any more ({state})" in (await look(gateway)).outcome
    assert (await gateway.record("k1")).state == "rejected"


async def test_a_live_order_that_shows_no_marker_or_another_changes_no_checkout(gateway):
    for marker in (None, "WEB-1"):
        await gateway.make_empty()
        draft(gateway, state="In Progress", marker=marker)
        await abandoned(gateway, state="rejected", cart_live=False, due_at=None)
        await look(gateway)
        assert (await gateway.record("k1")).state == "rejected"


async def test_a_draft_that_was_marked_and_is_live_all_the_same_is_told(gateway):
    draft(gateway, state="In Progress", marker=f"void-{MARKER}")
    await abandoned(gateway, state="rejected", cart_live=False, due_at=None)
    assert "is live" in (await look(gateway)).outcome
    record = await gateway.record("k1")
    assert (record.state, record.reason_code) == ("held", "live_after_end")


async def test_the_marked_draft_of_another_generation_is_not_this_one(gateway):
    draft(gateway, state="In Progress", marker=f"void-{MARKER}1")
    await abandoned(gateway, state="rejected", cart_live=False, due_at=None)
    assert (await look(gateway)).outcome.startswith("00000001 is not ours")


async def test_m3_the_twin_of_a_draft_whose_id_is_known_is_found_by_its_marker(gateway):
    draft(gateway)
    draft(gateway, "00000007")
    await abandoned(gateway)
    assert (await look(gateway)).outcome == "00000001 marked abandoned; 00000007 marked abandoned"
    assert [call.order_id for call in gateway.shop.calls] == ["00000001", "00000007"]


@pytest.mark.parametrize("answer", [None, Unknown("no answer in time")], ids=["marked", "perhaps marked"])
async def test_a_draft_that_was_found_by_its_marker_and_marked_is_read_by_its_id_from_then_on(gateway, answer):
    draft(gateway)
    await abandoned(gateway, None, state="rejected", cart_live=False, due_at=None)
    gateway.shop.script([answer] if answer else [])
    first = await look(gateway)
    assert first.order_id == "00000001"
    gateway.shop.orders["00000001"] |= {"externalId": f"void-{MARKER}", "state": "In Progress"}
    assert "00000001 is live (In Progress)" in (await look(gateway, after=3600)).outcome
    record = await gateway.record("k1")
    assert (record.state, record.reason_code, record.order_id) == ("held", "live_after_end", "00000001")


@pytest.mark.parametrize("fault", ["", "incomplete"])
async def test_a_draft_without_a_known_id_that_somebody_submitted_is_found_where_searches_show_drafts_only(
    gateway, fault
):
    draft(gateway, state="In Progress")
    await abandoned(gateway, None, state="rejected", cart_live=False, due_at=None)
    real = gateway.shop.find

    async def find(marker, *, since, doubt=None, live=False):
        if live:
            return await real(marker, since=since, live=True)
        return FindResult((), incomplete("page_failed") if fault else proven())

    gateway.shop.find = find
    try:
        seen = await look(gateway)
    finally:
        del gateway.shop.find
    assert "00000001 is live (In Progress)" in seen.outcome
    assert seen.attempt == (0 if fault else 1), "a search that broke off is made up for"
    record = await gateway.record("k1")
    assert (record.state, record.reason_code, record.order_id) == ("held", "live_after_end", "00000001")


async def test_an_order_that_lives_in_the_place_of_one_that_ended_is_found_where_searches_show_drafts_only(gateway):
    """The list may have shown it too late for the search before the end was told."""
    draft(gateway, state="Rejected")
    draft(gateway, "00000002", state="In Progress")
    await abandoned(gateway, why="own_ended", state="rejected", order_id="00000001", cart_live=False, due_at=None)
    real = gateway.shop.find

    async def find(marker, *, since, doubt=None, live=False):
        return await real(marker, since=since, live=True) if live else FindResult((), proven())

    gateway.shop.find = find
    try:
        seen = await look(gateway)
    finally:
        del gateway.shop.find
    assert "00000002 is live (In Progress)" in seen.outcome
    record = await gateway.record("k1")
    assert (record.state, record.reason_code, record.order_id) == ("held", "live_after_end", "00000002")


async def test_the_twin_is_looked_for_also_when_the_draft_itself_is_gone_or_another_order_goes_by_its_id(gateway):
    draft(gateway, "00000007")
    await abandoned(gateway)
    assert (await look(gateway)).outcome == "00000007 marked abandoned"
    other = read_order({"id": "00000099", "state": "In Progress", "externalId": "WEB-1"}, SPLIT)
    real = gateway.shop.get_order

    async def another(order_id):
        if order_id == "00000001":
            raise AnotherOrder(other)
        return await real(order_id)

    gateway.shop.get_order = another
    try:
        draft(gateway, "00000008")
        seen = await look(gateway, after=3600)
    finally:
        del gateway.shop.get_order
    assert seen.outcome == "00000008 marked abandoned"


async def test_a_search_that_cannot_be_complete_does_not_repeat_the_look_at_a_draft_whose_id_is_known(gateway):
    draft(gateway)
    await abandoned(gateway)
    gateway.shop.search_complete = False
    try:
        seen = await look(gateway)
    finally:
        gateway.shop.search_complete = True
    assert (seen.attempt, seen.outcome) == (1, "00000001 marked abandoned")


@pytest.mark.parametrize("trouble", ["left", "refused"])
async def test_a_draft_that_cannot_be_made_void_is_looked_at_until_it_is_old(gateway, trouble):
    draft(gateway)
    await abandoned(gateway)
    cleanup = gateway.cleanup()
    if trouble == "left":
        cleanup._mappings = {"salesforce-v4": replace(SPLIT, recovery=replace(SPLIT.recovery, abandon="leave"))}
    days = 0.0
    for _ in range(100):
        gateway.shop.script([Rejected(403, "", "403 not yours")] if trouble == "refused" else [])
        due_at = (await row(gateway)).due_at
        if due_at is None:
            break
        gateway.clock.advance((due_at - gateway.clock.moment).total_seconds())
        days = (gateway.clock.moment - (await row(gateway)).since).total_seconds() / 86400
        await cleanup.once()
    assert 29 <= days <= 32


@pytest.mark.parametrize("abandon", ["leave", "delete"])
async def test_the_mapping_says_what_becomes_of_it(gateway, abandon):
    mapping = replace(
        SPLIT,
        recovery=replace(SPLIT.recovery, abandon=abandon),
        api=replace(SPLIT.api, delete_allowed=abandon == "delete"),
    )
    draft(gateway)
    await abandoned(gateway)
    cleanup = gateway.cleanup()
    cleanup._mappings = {"salesforce-v4": mapping}
    gateway.clock.advance(30)
    await cleanup.once()
    assert ("00000001" in gateway.shop.orders) is (abandon == "leave")
    assert (await row(gateway)).outcome == f"00000001 {'left as it is' if abandon == 'leave' else 'deleted'}"


@pytest.mark.parametrize("trouble", ["read", "search", "lost", "throttled", "unconfigured"])
async def test_a_look_that_comes_to_nothing_is_repeated_and_costs_none(gateway, trouble):
    draft(gateway)
    await abandoned(gateway, None if trouble == "search" else "00000001")
    cleanup = gateway.cleanup()
    if trouble == "read":
        gateway.shop.script_reads([ReadFailed("503", status=503)])
    if trouble == "search":
        gateway.shop.absence = incomplete("page_failed")
        gateway.shop.orders.clear()
    if trouble in {"lost", "throttled"}:
        gateway.shop.script([Unknown("504") if trouble == "lost" else NotExecuted("429")])
    if trouble == "unconfigured":
        cleanup._upstreams = {}
    gateway.clock.advance(30)
    await cleanup.once()
    seen = await row(gateway)
    assert (seen.attempt, seen.due_at) == (0, gateway.clock.moment + timedelta(minutes=10))
    draft(gateway)
    gateway.shop.absence = None
    assert (await look(gateway, after=600)).outcome == "00000001 marked abandoned"


async def test_a_look_that_never_succeeds_ends_with_the_draft_old(gateway):
    await abandoned(gateway)
    gateway.shop.script_reads([ReadFailed("503", status=503)] * 2)
    assert (await look(gateway)).due_at is not None
    assert (await look(gateway, after=40 * 86400)).due_at is None


async def test_a_refused_mark_is_tried_again_at_the_next_look(gateway):
    draft(gateway)
    await abandoned(gateway)
    gateway.shop.script([Rejected(403, "", "403 not yours")])
    seen = await look(gateway)
    assert (seen.attempt, seen.outcome) == (1, "00000001 not marked abandoned: 403 not yours")
    assert (await look(gateway, after=3600)).outcome == "00000001 marked abandoned"


async def test_of_two_replicas_one_looks(gateway):
    draft(gateway)
    await abandoned(gateway)
    gateway.clock.advance(30)
    first, second = gateway.cleanup(), gateway.cleanup()
    due = await gateway.services.database.read(
        lambda connection: cleanup_store.due_abandoned(connection, gateway.clock.moment, 10)
    )
    for cleanup in (first, second):
        await cleanup._look_at(due)
    assert [call.kind for call in gateway.shop.calls] == ["abandon"]


async def test_an_order_system_that_hangs_keeps_no_draft_of_another_one_from_being_looked_at(gateway, monkeypatch):
    database, now = gateway.services.database, gateway.clock.moment
    for number, upstream in enumerate(["shop"] * 6 + ["plain"]):
        record = await store_checkout(
            database, id=f"k{number}", upstream=upstream, cart_id=None, cart_live=False, generation=1
        )
        given_up = [AbandonedDraft(marker=f"gw1-abcdefghijklmno{'abcdefg'[number]}-0", order_id=f"0000000{number}")]
        await database.write(partial(abandon, record=record, drafts=given_up, now=now, cleanup_after_seconds=WAITS[0]))
    asked, answers = [], asyncio.Event()

    async def hangs(order_id):
        asked.append(order_id)
        await answers.wait()

    monkeypatch.setattr(gateway.shop, "get_order", hangs)
    gateway.clock.advance(WAITS[0])
    cleanup = gateway.cleanup()

    async def outcomes():
        found = await database.read(lambda connection: connection.execute(select(abandoned_draft)).all())
        return {row.checkout_id: row.outcome for row in found}

    # On a busy machine that may take more than one round.
    for _ in range(20):
        await cleanup.once(0.5)
        if (await outcomes())["k6"] is not None:
            break
    assert [checkout for checkout, outcome in (await outcomes()).items() if outcome is not None] == ["k6"]
    assert len(asked) == 4, "so many at once, and the others are not taken yet"
    hanging = list(cleanup._places._under_way.values())
    answers.set()
    await asyncio.gather(*hanging)
    assert await cleanup.once() == 2
    assert None not in (await outcomes()).values()


async def test_it_runs_until_it_is_stopped_and_survives_its_own_mistakes(gateway, monkeypatch):
    cleanup = gateway.cleanup()
    failed = asyncio.Event()

    async def once(_seconds):
        failed.set()
        raise RuntimeError("a defect")

    monkeypatch.setattr(cleanup, "once", once)
    task = asyncio.create_task(cleanup.loop.run())
    await asyncio.wait_for(failed.wait(), 60)
    assert not task.done()
    cleanup.loop.stop()
    await asyncio.wait_for(task, 60)
