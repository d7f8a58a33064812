"""Polls that fail: what a checkout says meanwhile, steadily, and how its waiting ends when the order system answers again."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from checkout_work import load_checkout
from tracker_runs import set_columns, show, submitted

from gateway.clock import utc_now
from gateway.storage.tables import checkout
from gateway.tracking.failures import NotConfigured, says_of_failure
from gateway.tracking.polling import PROBE_SECONDS
from gateway.upstream.port import ReadFailed

CAUSES = ["throttled", "upstream_unreachable", "circuit_open", "credentials_refused", "unreadable_answer"]
NOW_DUE = timedelta(seconds=-1)


def failing(cause, text="what it said", **more):
    return ReadFailed(text, cause=cause, **more)


async def due(database):
    await set_columns(database, checkout, track_due_at=utc_now() + NOW_DUE)


async def poll(database, tracker):
    await due(database)
    await tracker.once()
    return await load_checkout(database)


@pytest.mark.parametrize("cause", CAUSES)
async def test_each_cause_has_its_own_code_and_sentence_and_a_next_attempt(database, tracker, fake, cause):
    await submitted(database)
    fake.script_reads([failing(cause)])
    record = await poll(database, tracker)
    assert (record.state, record.reason_code) == ("submitted", cause)
    assert "waits for the order system" in record.status_reason
    assert "what it said" in record.status_reason
    assert record.track_due_at > utc_now()


async def test_what_is_said_does_not_flicker_while_the_order_system_is_away(database, tracker, fake, log):
    await submitted(database)
    fake.script_reads([failing("credentials_refused", "401")])
    first = await poll(database, tracker)
    for number, cause in enumerate(["throttled", "credentials_refused", "circuit_open", "waiting_retry"]):
        fake.script_reads([failing(cause, f"paused for {number}.5 s")])
        record = await poll(database, tracker)
        assert (record.reason_code, record.status_reason) == (first.reason_code, first.status_reason)
        assert (record.version, record.updated_at) == (first.version, first.updated_at)
    told = [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "tracking.read_failed"]
    assert [line["cause"] for line in told] == ["credentials_refused"]


async def test_a_cause_of_its_own_takes_the_place_of_one_that_follows_from_others(database, tracker, fake):
    await submitted(database)
    fake.script_reads([failing("circuit_open")])
    assert (await poll(database, tracker)).reason_code == "circuit_open"
    fake.script_reads([failing("credentials_refused")])
    assert (await poll(database, tracker)).reason_code == "credentials_refused"


async def test_the_first_answer_takes_the_reason_away(database, tracker, fake):
    await submitted(database)
    fake.script_reads([failing("unreadable_answer")])
    await poll(database, tracker)
    show(fake, "Submitted")
    record = await poll(database, tracker)
    assert (record.reason_code, record.status_reason) == (None, None)


async def test_a_doubt_goes_on_where_a_failed_read_interrupted_it(database, tracker, fake):
    await submitted(database)
    begun = (await poll(database, tracker)).awaiting_since
    fake.script_reads([failing("upstream_unreachable")])
    record = await poll(database, tracker)
    assert (record.reason_code, record.awaiting, record.awaiting_since) == (
        "upstream_unreachable",
        "missing_order",
        begun,
    )
    record = await poll(database, tracker)
    assert (record.reason_code, record.awaiting_since) == ("not_shown_yet", begun)


async def test_what_the_worker_says_of_a_cancellation_stays(database, tracker, fake):
    await submitted(database, due_at=utc_now(), cancel_requested=True, reason_code="throttled", status_reason="its own")
    fake.script_reads([failing("unreadable_answer")])
    assert (await poll(database, tracker)).status_reason == "its own"
    show(fake, "Submitted")
    assert (await poll(database, tracker)).status_reason == "its own"


async def test_without_its_upstream_a_checkout_says_so(database, tracker):
    record = await submitted(database)
    said = says_of_failure(record, NotConfigured("the upstream is gone"))
    assert said["reason_code"] == "not_configured"


async def stored_with(database, numbers):
    for number in numbers:
        order = f"{number:08d}"
        identity = {"id": f"k{number}", "marker_root": f"root{order}", "order_id": order, "submit_intent_order": order}
        far = utc_now() + timedelta(hours=1)
        await submitted(database, cart_id=None, cart_live=False, track_due_at=far, **identity)


async def test_when_the_order_system_answers_again_everything_that_waits_for_it_is_read_at_once(
    database, tracker, fake, clock
):
    await stored_with(database, range(1, 6))
    fake.script_reads([failing("upstream_unreachable")] * 5)
    await due(database)
    await tracker.once()
    for number in range(1, 6):
        record = await load_checkout(database, f"k{number}")
        assert record.reason_code == "upstream_unreachable"
        show(fake, "Completed", f"{number:08d}", externalId=record.marker)
    await tracker._round()
    assert (await load_checkout(database, "k1")).state == "submitted", "nothing is due before it is asked again"
    clock.now += PROBE_SECONDS
    for _ in range(4):
        await tracker._round()
    states = {(await load_checkout(database, f"k{number}")).state for number in range(1, 6)}
    assert states == {"completed"}


async def test_while_it_is_away_one_order_is_read_now_and_then_and_not_all(database, tracker, fake, clock):
    await stored_with(database, range(1, 6))
    fake.script_reads([failing("upstream_unreachable")] * 100)
    await due(database)
    await tracker.once()
    before = fake.reads
    for _ in range(10):
        clock.now += PROBE_SECONDS
        await tracker._round()
        await tracker._round()
    assert fake.reads - before == 10


async def test_it_is_not_asked_before_it_wanted_to_be(database, tracker, fake, clock):
    await submitted(database)
    fake.script_reads([failing("throttled", retry_after_seconds=100.0)])
    await poll(database, tracker)
    before = fake.reads
    clock.now += 90
    await tracker._round()
    await tracker._round()
    assert fake.reads == before
