"""What the tracker does without notifications: orders are read when their time has come, for as long as they live."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from checkout_work import SALESFORCE, load_checkout
from fake_upstream import FakeUpstream
from msgspec.structs import replace
from tracker_runs import events, notify, set_columns, show, submitted

from gateway.checkouts.shown.reason_document import reason_of
from gateway.clock import utc_now
from gateway.settings import TrackingSettings
from gateway.storage.tables import checkout
from gateway.tracking.tracker import CONCURRENCY_MAX, LAST_READS_MAX, Tracker
from gateway.upstream.port import ReadFailed


async def test_e5_an_order_whose_events_were_lost_is_found_by_polling(database, tracker, fake):
    await submitted(database, track_due_at=utc_now() - timedelta(seconds=1))
    show(fake, "Completed")
    assert await tracker.once() == 1
    record = await load_checkout(database)
    assert (record.state, record.track_due_at) == ("completed", None)


async def test_a_poll_that_shows_nothing_new_changes_nothing_a_client_sees(database, tracker, fake):
    before = await submitted(database, track_due_at=utc_now() - timedelta(seconds=1))
    show(fake, "Submitted")
    await tracker.once()
    first = await load_checkout(database)  # the lines are learnt
    await set_columns(database, checkout, track_due_at=utc_now() - timedelta(seconds=1))
    await tracker.once()
    record = await load_checkout(database)
    assert (record.version, record.updated_at) == (first.version, first.updated_at)
    assert record.track_attempt == before.track_attempt + 2
    assert record.track_due_at > utc_now()


@pytest.mark.parametrize(("asked", "least"), [(None, 55), (500.0, 500)])
async def test_a_poll_that_fails_is_made_up_for(database, tracker, fake, asked, least):
    await submitted(database, track_due_at=utc_now() - timedelta(seconds=1), track_attempt=1)
    fake.script_reads([ReadFailed("503", status=503, retry_after_seconds=asked)])
    await tracker.once()
    record = await load_checkout(database)
    assert (record.state, record.track_attempt) == ("submitted", 1)
    assert timedelta(seconds=least - 5) < record.track_due_at - utc_now() < timedelta(seconds=least * 1.1 + 5)


async def test_an_order_that_vanished_is_looked_for_and_held_when_the_patience_is_over(database, tracker):
    await submitted(database, track_due_at=utc_now() - timedelta(seconds=1))
    await tracker.once()
    record = await load_checkout(database)
    assert (record.state, record.reason_code) == ("submitted", "not_shown_yet")
    assert "asked again" in record.status_reason
    assert record.track_due_at - utc_now() < timedelta(seconds=2)
    begun = utc_now() - timedelta(seconds=46)
    await set_columns(database, checkout, track_due_at=begun, awaiting_since=begun)
    await tracker.once()
    record = await load_checkout(database)
    assert (record.state, record.track_due_at) == ("held", None)
    assert "00000001" in record.status_reason


async def test_line_states_move_even_while_the_order_stays_as_it_is(database, tracker, fake):
    await submitted(database, track_due_at=utc_now() - timedelta(seconds=1))
    show(fake, "Submitted")
    first = fake.orders["00000001"]["productOrderItem"][0]
    first |= {"orderLineItemId": "802A", "state": "In Progress"}
    await tracker.once()
    from gateway.checkouts.stored import store as checkouts

    def lines(connection):
        return checkouts.documents(connection, "default", "k1", ("lines",))["lines"]

    assert '"1":{"line_id":"802A","state":"inProgress"}' in await database.read(lines)


async def test_a_cart_is_free_again_when_its_order_was_cancelled(database, tracker, fake):
    await submitted(database, track_due_at=utc_now() - timedelta(seconds=1))
    show(fake, "Cancelled")
    await tracker.once()
    record = await load_checkout(database)
    assert (record.state, record.cart_live) == ("cancelled", False)


@pytest.mark.parametrize(("word", "state"), [("Failed", "failed"), ("Rejected", "rejected")])
async def test_why_a_live_order_came_to_nothing_is_told_in_the_terms_of_the_cart(database, tracker, fake, word, state):
    await submitted(database, track_due_at=utc_now() - timedelta(seconds=1))
    show(
        fake,
        word,
        description="the customer's own words",
        productOrderErrorMessage=[{"code": "STOCK", "reason": "nothing is left"}],
        productOrderItem=[{"id": "2", "terminationError": [{"id": "T1", "value": "x", "message": "no such number"}]}],
    )
    await tracker.once()
    record = await load_checkout(database)
    assert (record.state, record.reason_code) == (state, "ended_by_order_system")
    problems = reason_of(record)["problem"]
    assert [(each["path"], each["message"]) for each in problems] == [
        ("", "nothing is left"),
        ("cartItem[1]", "no such number"),
    ]
    assert problems[0]["upstreamCode"] == "STOCK"


async def test_an_upstream_that_is_not_configured_any_more_keeps_everything(database, tracking_settings, clock):
    tracker = Tracker(settings=tracking_settings, database=database, upstreams={}, mappings={}, monotonic=clock)
    await submitted(database, track_due_at=utc_now() - timedelta(seconds=1))
    await notify(database)
    await tracker.once()
    assert (await load_checkout(database)).state == "submitted"
    assert (await events(database))["e1"].state == "received"


async def test_an_order_system_that_hangs_keeps_nobody_from_reading_orders_of_another_one(
    database, tracking_settings, fake, clock
):
    hanging, answers = FakeUpstream(SALESFORCE), asyncio.Event()
    asked = []

    async def hangs(order_id):
        asked.append(order_id)
        await answers.wait()
        raise ReadFailed("it answered nothing", cause="transport")

    hanging.get_order = hangs
    tracker = Tracker(
        settings=tracking_settings,
        database=database,
        upstreams={"shop": fake, "slow": hanging},
        mappings={"salesforce-v4": SALESFORCE},
        monotonic=clock,
    )
    past = utc_now() - timedelta(seconds=60)
    for number in range(CONCURRENCY_MAX + 4):
        loud = {"id": f"loud{number}", "upstream": "slow", "order_id": f"1000000{number}", "track_due_at": past}
        await submitted(database, cart_id=None, cart_live=False, **loud)
    await submitted(database, track_due_at=utc_now() - timedelta(seconds=1))
    await notify(database)
    show(fake, "Completed")

    # On a busy machine that may take more than one round.
    for _ in range(20):
        await tracker.once(0.5)
        if (await load_checkout(database)).state == "completed":
            break
    assert (await load_checkout(database)).state == "completed"
    assert len(asked) == CONCURRENCY_MAX
    # The next round does not wait for them either, and looks at nothing twice.
    await submitted(database, id="k2", cart_id=None, cart_live=False, order_id="00000002", track_due_at=past)
    show(fake, "Completed", "00000002")
    reads = fake.reads
    for _ in range(20):
        await tracker.once(0.5)
        if fake.reads > reads:
            break
    assert fake.reads > reads
    assert len(asked) == CONCURRENCY_MAX
    answers.set()
    await tracker.end()


def test_what_is_remembered_of_readings_is_bounded(tracker, clock):
    for number in range(LAST_READS_MAX + 50):
        tracker._note_read(("default", "shop", str(number)))
    tracker._note_read(("default", "shop", "50"))
    assert len(tracker._last_read) == LAST_READS_MAX
    assert ("default", "shop", "49") not in tracker._last_read
    assert list(tracker._last_read)[-1] == ("default", "shop", "50")


async def test_old_events_are_forgotten_now_and_then(database, tracker, clock):
    await notify(database, "old", order_id=None, at=utc_now() - timedelta(days=15))
    await notify(database, "young", order_id=None)
    await tracker._forget_old_events()
    assert set(await events(database)) == {"young"}
    await notify(database, "old", order_id=None, at=utc_now() - timedelta(days=15))
    await tracker._forget_old_events()
    assert "old" in await events(database)
    clock.now += 3600
    await tracker._forget_old_events()
    assert "old" not in await events(database)


async def test_it_runs_until_it_is_stopped_and_survives_its_own_mistakes(database, tracker, monkeypatch):
    rounds = 0
    twice = asyncio.Event()

    async def once(_seconds):
        nonlocal rounds
        rounds += 1
        tracker.loop.wake()
        if rounds > 1:
            twice.set()
        raise RuntimeError("a defect")

    monkeypatch.setattr(tracker, "once", once)
    task = asyncio.create_task(tracker.loop.run())
    await asyncio.wait_for(twice.wait(), 60)
    tracker.loop.stop()
    await asyncio.wait_for(task, 60)


def test_the_settings_of_these_tests_are_the_defaults_but_for_two(tracking_settings):
    assert replace(tracking_settings.tracking, attempts_max=20, unmatched_hours=72.0) == TrackingSettings()
