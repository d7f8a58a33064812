"""Whole runs of the worker against an order system in memory: whatever happens to whichever call, never two live orders.

Time is the test's own: the worker does what is due, then the clock goes to the next due moment.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest
import pytest_asyncio
from checkout_gateway import CHECKOUTS, Clock, running, settings_of
from checkout_work import request
from fake_upstream import FakeUpstream
from msgspec.structs import replace

from gateway.settings import StorageSettings, SubmissionSettings
from gateway.upstream.outcome import Accepted, Duplicate, NotExecuted, NotSent, Rejected, Unknown
from gateway.upstream.port import FindResult, ReadFailed

FINAL = {"submitted", "completed", "rejected", "cancelled", "held"}
REFUSED = Rejected(422, "1004", "422 1004: no")
LOST = Unknown("504")
# (outcome, what really happened): everything an order system may do with a call.
CASES = {
    "not sent": (NotSent("refused"), "none"),
    "throttled": (NotExecuted("429", 7.0), "none"),
    "token expired": (NotExecuted("401", kind="unauthorised"), "none"),
    "lost before": (LOST, "none"),
    "lost after": (LOST, "applied"),
    "lost and late": (LOST, "later"),
    "refused": (REFUSED, "none"),
    "refused but done": (REFUSED, "applied"),
    "gone": (Rejected(404, "", "404"), "none"),
    "too large": (Rejected(413, "", "413", too_large=True), "none"),
    "conflict": (Duplicate(409, "409"), "none"),
    "conflict with itself": (Duplicate(409, "409"), "applied"),
    "no id": (Accepted(202), "applied"),
}


class Killed(BaseException):
    """The process dies here."""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(tmp_path_factory):
    storage = StorageSettings(url=f"sqlite:///{tmp_path_factory.mktemp('worker') / 'gateway.db'}", readers_max=2)
    submission = SubmissionSettings(claims_without_progress_max=5)
    async with running(settings_of(storage, submission=submission), clock=Clock()) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(application):
    return await application.make_empty()


async def run(gateway, checkout, *, hours=48.0, at_each=lambda: None):
    """Let the worker work, and time pass, until the checkout rests for good; return its record."""
    ends_at = gateway.clock.moment + timedelta(hours=hours)
    while gateway.clock.moment < ends_at:
        await work_once(gateway)
        at_each()
        record = await gateway.record(checkout["id"])
        if record.state in FINAL or record.due_at is None:
            return record
        due_at = await gateway.next_due()
        gateway.clock.advance(max(0.0, (due_at - gateway.clock.moment).total_seconds()) + 0.001)
    raise AssertionError(f"still {record.state} after {hours} hours: {record}")


async def work_once(gateway):
    """Work on what is due. A killed worker is gone; its lease runs out."""
    worker = gateway.worker()
    while claimed := await worker._claim():
        for record in claimed:
            try:
                await worker._guarded(record, worker.monotonic())
            except Killed:
                return


def fill(fake, number, case):
    """Script the calls so that the one with this number (from 0) goes as the case says."""
    outcome, effect = case
    fake.script([None] * number)
    fake.script([outcome], effect=effect)


def live(fake):
    return [order for order in fake.orders.values() if order["state"] != "Draft"]


def assert_one_truth(fake, record, *, found=None):
    """At most one live order, and the checkout says the truth about it."""
    orders = live(fake)
    assert len(orders) <= 1, [order["id"] for order in orders]
    if record.state in {"submitted", "completed"}:
        assert [order["id"] for order in orders] == [record.order_id]
        assert_content(orders[0])
    if record.state in {"rejected", "cancelled"}:
        assert orders == []
    if record.state == "held":
        assert record.status_reason
    assert record.due_at is None
    return orders


def assert_content(order):
    lines = sorted(
        (line["productOffering"]["id"], line["quantity"], line["product"]["productCharacteristic"][0]["value"])
        for line in order["productOrderItem"]
    )
    assert lines == [(f"P{n}", n, f"c{n}") for n in range(1, 6)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("number", range(5))
async def test_every_outcome_of_every_call_ends_in_one_live_order_or_none(gateway, number, name):
    checkout = await gateway.check_out()
    fill(gateway.shop, number, CASES[name])
    record = await run(gateway, checkout)
    gateway.shop.apply_late()
    orders = assert_one_truth(gateway.shop, record)
    kind = ("create", "add", "add", "price", "submit")[number]
    refused = name == "refused" or (name == "conflict" and kind == "create")
    refused = refused or (name == "gone" and kind in {"create", "submit"})
    # Before a refused submit is believed, the order is looked at.
    refused = refused or (name == "refused but done" and kind != "submit")
    # What can be cut goes in smaller calls; the third call has one item.
    refused = refused or (name == "too large" and number >= 2)
    assert record.state == ("rejected" if refused else "submitted"), record.status_reason
    if record.state == "submitted" and number != 3:
        priced = [line for line in orders[0]["productOrderItem"] if line.get("itemPrice")]
        assert len(priced) == 1


@pytest.mark.parametrize("name", CASES)
async def test_every_outcome_of_a_live_post_ends_in_one_live_order_or_none(gateway, name):
    checkout = await gateway.check_out(upstream="plain")
    fill(gateway.plain, 0, CASES[name])
    record = await run(gateway, checkout, at_each=gateway.plain.apply_late)
    orders = [order["id"] for order in gateway.plain.orders.values()]
    assert len(orders) <= 1
    refused = name in {"refused", "gone", "too large", "conflict"}
    if name != "refused but done":
        assert record.state == ("rejected" if refused else "submitted")
        assert orders == ([] if refused else [record.order_id])


@pytest.mark.parametrize("name", ["lost before", "lost after", "lost and late"])
@pytest.mark.parametrize("blind", [True, False])
async def test_a_live_post_is_repeated_only_after_proof(gateway, name, blind):
    gateway.plain.search_complete = not blind
    checkout = await gateway.check_out(upstream="plain")
    fill(gateway.plain, 0, CASES[name])
    record = await run(gateway, checkout)
    creates = [call for call in gateway.plain.calls if call.kind == "create"]
    if name == "lost after":
        assert (record.state, len(creates)) == ("submitted", 1)
    elif blind:
        assert (record.state, len(creates)) == ("held", 1)
        assert "cannot be searched completely" in record.status_reason
    else:
        assert (record.state, len(creates)) == ("submitted", 2)
        assert gateway.clock.moment - record.created_at > timedelta(seconds=665)


async def test_a_live_post_that_takes_effect_within_the_quiet_time_is_found(gateway):
    checkout = await gateway.check_out(upstream="plain")
    fill(gateway.plain, 0, CASES["lost and late"])
    began = gateway.clock.moment

    def late():
        if gateway.clock.moment - began > timedelta(seconds=590):
            gateway.plain.apply_late()

    record = await run(gateway, checkout, at_each=late)
    assert record.state == "submitted"
    assert len(gateway.plain.orders) == 1


# -- the process dies -------------------------------------------------------------------------------------------------------


def killing(fake, number, *, after):
    """Let the process die at the call with this number, before or after it took effect."""
    send = FakeUpstream.send
    calls = 0

    async def dying(rendered):
        nonlocal calls
        calls += 1
        if calls - 1 == number:
            if after:
                await send(fake, rendered)
            raise Killed
        return await send(fake, rendered)

    fake.send = dying


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("upstream", ["shop", "plain"])
async def test_s3_to_s8_a_worker_that_dies_around_a_call_loses_and_doubles_nothing(gateway, upstream, number, after):
    if upstream == "plain" and number > 0:
        pytest.skip("a live POST is its only call")
    fake = getattr(gateway, upstream)
    checkout = await gateway.check_out(upstream=upstream)
    killing(fake, number, after=after)
    record = await run(gateway, checkout)
    assert record.state == "submitted", record.status_reason
    assert len(live(fake)) == 1
    assert live(fake)[0]["id"] == record.order_id


async def test_s3_a_dead_worker_is_not_followed_before_its_lease_ran_out(gateway):
    checkout = await gateway.check_out()
    killing(gateway.shop, 0, after=True)
    await work_once(gateway)
    record = await gateway.record(checkout["id"])
    assert (record.step_state, record.state) == ("SENDING", "drafting")
    gateway.clock.advance(59)
    assert await gateway.work() == 0
    gateway.clock.advance(2)
    assert await gateway.work() == 1
    assert (await gateway.record(checkout["id"])).state == "submitted"
    assert len(gateway.shop.orders) == 1


async def test_two_deaths_in_a_row_during_recovery_too(gateway):
    for number in range(5):
        checkout = await gateway.check_out()
        killing(gateway.shop, number, after=True)
        find, get_order = FakeUpstream.find, FakeUpstream.get_order
        deaths = 0

        async def dying_get(order_id, get_order=get_order):
            nonlocal deaths
            deaths += 1
            if deaths == 3:
                raise Killed
            return await get_order(gateway.shop, order_id)

        async def dying_find(marker, *, since, find=find):
            nonlocal deaths
            deaths += 1
            if deaths == 1:
                raise Killed
            return await find(gateway.shop, marker, since=since)

        gateway.shop.get_order, gateway.shop.find = dying_get, dying_find
        record = await run(gateway, checkout)
        assert record.state == "submitted", record.status_reason
    assert len(live(gateway.shop)) == 5


# -- reads ------------------------------------------------------------------------------------------------------------------


async def test_an_order_system_that_is_away_for_a_day_is_waited_for(gateway):
    checkout = await gateway.check_out()
    began = gateway.clock.moment
    get_order, send = FakeUpstream.get_order, FakeUpstream.send

    def away():
        return timedelta(minutes=1) < gateway.clock.moment - began < timedelta(hours=20)

    async def reading(order_id):
        if away():
            raise ReadFailed("503", status=503)
        return await get_order(gateway.shop, order_id)

    async def sending(rendered):
        if gateway.clock.moment - began < timedelta(minutes=1):
            gateway.clock.advance(61)
            return LOST
        return NotSent("circuit open") if away() else await send(gateway.shop, rendered)

    gateway.shop.get_order, gateway.shop.send = reading, sending
    record = await run(gateway, checkout)
    assert record.state == "submitted", record.status_reason
    assert len(live(gateway.shop)) == 1


async def test_a_draft_that_is_shown_late_is_not_given_up(gateway):
    checkout = await gateway.check_out()
    get_order = FakeUpstream.get_order
    shown_from = {}

    async def late(order_id):
        shown_from.setdefault(order_id, gateway.clock.moment + timedelta(seconds=20))
        if gateway.clock.moment < shown_from[order_id]:
            return None
        return await get_order(gateway.shop, order_id)

    gateway.shop.get_order = late
    record = await run(gateway, checkout)
    assert record.state == "submitted", record.status_reason
    assert len(gateway.shop.orders) == 1


async def test_u12_a_draft_that_somebody_deletes_is_made_anew(gateway):
    checkout = await gateway.check_out()
    send = FakeUpstream.send

    async def deleting(rendered):
        outcome = await send(gateway.shop, rendered)
        if rendered.kind == "price" and "00000001" in gateway.shop.orders:
            del gateway.shop.orders["00000001"]
        return outcome

    gateway.shop.send = deleting
    record = await run(gateway, checkout)
    assert (record.state, record.order_id) == ("submitted", "00000002")


async def test_u11_a_draft_that_somebody_submits_is_never_touched_again(gateway):
    checkout = await gateway.check_out()
    send = FakeUpstream.send

    async def meddling(rendered):
        outcome = await send(gateway.shop, rendered)
        if rendered.kind == "add":
            gateway.shop.orders["00000001"]["state"] = "Submitted"
        return outcome

    gateway.shop.send = meddling
    record = await run(gateway, checkout)
    assert record.state == "held"
    assert "00000001" in record.status_reason
    assert [call.kind for call in gateway.shop.calls] == ["create", "add"]


@pytest.mark.parametrize("doubled", ["create", "add", "price", "submit"])
async def test_u16_an_intermediary_that_repeats_calls_makes_no_second_live_order(gateway, doubled):
    checkout = await gateway.check_out()
    send = FakeUpstream.send

    async def repeating(rendered):
        if rendered.kind == doubled:
            await send(gateway.shop, rendered)
        return await send(gateway.shop, rendered)

    gateway.shop.send = repeating
    record = await run(gateway, checkout)
    assert len(live(gateway.shop)) == (0 if doubled == "add" else 1)
    if doubled == "add":
        assert record.state == "held"
        assert "3 drafts in a row were not what was sent" in record.status_reason
    else:
        assert record.state == "submitted"
        assert_content(live(gateway.shop)[0])


async def test_the_effect_of_a_lost_call_on_a_draft_that_was_given_up_hurts_nobody(gateway):
    checkout = await gateway.check_out()
    fill(gateway.shop, 1, (LOST, "later"))
    record = await run(gateway, checkout)
    assert record.state == "submitted"
    before = {line["productOffering"]["id"] for line in live(gateway.shop)[0]["productOrderItem"]}
    gateway.shop.apply_late()
    assert {line["productOffering"]["id"] for line in live(gateway.shop)[0]["productOrderItem"]} == before
    assert len(live(gateway.shop)) == 1


# -- storms -----------------------------------------------------------------------------------------------------------------


class Storm:
    """An order system at which, for three hours, every second call goes wrong in some way."""

    def __init__(self, gateway, seed):
        self.fake, self.clock, self.draw = gateway.shop, gateway.clock, random.Random(seed)
        self.calm_after = gateway.clock.moment + timedelta(hours=3)
        refusals = {"refused but done", "refused", "gone", "too large"}
        self.wrong = [case for name, case in CASES.items() if name not in refusals]
        self.fake.send, self.fake.get_order, self.fake.find = self.send, self.get_order, self.find

    def strikes(self, rate):
        return self.clock.moment < self.calm_after and self.draw.random() < rate

    async def send(self, rendered):
        if self.strikes(0.06):
            if self.draw.random() < 0.5:
                await FakeUpstream.send(self.fake, rendered)
            raise Killed
        if self.strikes(0.4):
            outcome, effect = self.draw.choice(self.wrong)
            self.fake.script([outcome], effect=effect)
        return await FakeUpstream.send(self.fake, rendered)

    async def get_order(self, order_id):
        if self.strikes(0.2):
            raise ReadFailed("503", status=503)
        return await FakeUpstream.get_order(self.fake, order_id)

    async def find(self, marker, *, since):
        if self.strikes(0.2):
            return FindResult((), complete=False)
        return await FakeUpstream.find(self.fake, marker, since=since)

    def apply_some(self):
        if self.draw.random() < 0.2:
            self.fake.apply_late()


@pytest.mark.parametrize("seed", range(8))
async def test_a_storm_over_many_checkouts_loses_and_doubles_nothing(gateway, seed):
    storm = Storm(gateway, seed)
    checkouts = [await gateway.check_out() for _ in range(8)]
    await work_once(gateway)
    await gateway.client.post(f"{CHECKOUTS}/{checkouts[0]['id']}/cancel")
    for checkout in checkouts:
        await run(gateway, checkout, at_each=storm.apply_some)
    gateway.shop.apply_late()
    for checkout in checkouts:
        record = await gateway.record(checkout["id"])
        mine = [order for order in live(gateway.shop) if record.marker_root in order["externalId"]]
        expected = {"submitted": [record.order_id], "cancelled": [], "rejected": []}
        assert record.state in expected, (seed, record.state, record.status_reason)
        assert [order["id"] for order in mine] == expected[record.state], (seed, record.status_reason)
    for order in live(gateway.shop):
        assert_content(order)


# -- what stops a worker ----------------------------------------------------------------------------------------------------


async def test_r6_a_checkout_that_breaks_the_worker_is_held_and_the_others_go_on(gateway):
    broken, sound = await gateway.check_out(), await gateway.check_out()
    from sqlalchemy import update

    from gateway.storage.tables import checkout_document

    await gateway.services.database.write(
        lambda connection: connection.execute(
            update(checkout_document)
            .where(checkout_document.c.checkout_id == broken["id"], checkout_document.c.kind == "plan")
            .values(document='{"version": 1}')
        )
    )
    record = await run(gateway, broken)
    assert record.state == "held"
    assert "submission.claims_without_progress_max" in record.status_reason
    assert (await gateway.record(sound["id"])).state == "submitted"


async def test_an_upstream_that_is_not_configured_now_is_waited_for(gateway):
    checkout = await gateway.check_out()
    worker = gateway.worker()
    worker._upstreams = {}
    for _ in range(10):
        await gateway.work(worker)
        gateway.clock.advance(61)
    waiting = await gateway.record(checkout["id"])
    assert waiting.state == "accepted"
    assert "not configured" in waiting.status_reason
    record = await run(gateway, checkout)
    assert (record.state, record.status_reason) == ("submitted", None)


async def test_r2_a_worker_that_was_stopped_does_not_send_after_its_lease(gateway):
    checkout = await gateway.check_out()
    worker = gateway.worker()
    save = worker.save

    async def stalling(record, decision, work=None):
        saved = await save(record, decision, work)
        if decision.changes.get("step_state") == "SENDING":
            gateway.clock.advance(40)  # of 60 s of lease, with a call that may take 30
        return saved

    worker.save = stalling
    await gateway.work(worker)
    assert not gateway.shop.calls
    record = await gateway.record(checkout["id"])
    assert record.step_state == "SENDING"
    assert (await run(gateway, checkout)).state == "submitted"
    assert len(live(gateway.shop)) == 1


async def test_r2_a_stall_inside_the_commit_counts_against_the_lease_too(gateway):
    checkout = await gateway.check_out()
    worker = gateway.worker()
    write = gateway.services.database.write

    async def stalling(function):
        result = await write(function)
        gateway.clock.advance(40)
        return result

    claimed = await worker._claim()
    gateway.services.database.write = stalling
    await worker._guarded(claimed[0], worker.monotonic())
    gateway.services.database.write = write
    assert not gateway.shop.calls
    assert (await gateway.record(checkout["id"])).step_state == "SENDING"


async def test_a_second_worker_takes_over_and_the_first_one_writes_nothing_more(gateway):
    checkout = await gateway.check_out()
    first, second = gateway.worker("first"), gateway.worker("second")
    send = FakeUpstream.send
    took_over = False

    async def slow(rendered):
        nonlocal took_over
        outcome = await send(gateway.shop, rendered)
        if rendered.kind == "create" and not took_over:
            took_over = True
            gateway.clock.advance(61)
            await gateway.work(second)
        return outcome

    gateway.shop.send = slow
    await gateway.work(first)
    record = await gateway.record(checkout["id"])
    assert (record.state, record.lease_owner) == ("submitted", "second")
    assert len(gateway.shop.orders) == 1
    assert len(live(gateway.shop)) == 1


async def test_a_search_that_takes_longer_than_the_lease_keeps_it(gateway):
    """Otherwise another worker would begin the same search, and neither could ever record what it found."""
    checkout = await gateway.check_out()
    gateway.shop.script([LOST], effect="applied")
    await gateway.work()
    gateway.clock.advance(2)
    worker, other = gateway.worker("first"), gateway.worker("second")
    short = replace(worker._settings, submission=replace(worker._settings.submission, lease_seconds=0.06))
    worker._settings = other._settings = short
    find = FakeUpstream.find

    async def slow(marker, *, since):
        for _ in range(10):
            await asyncio.sleep(0.03)  # each of them longer than a third of the lease
            gateway.clock.advance(0.03)
            assert await other._claim() == []
        return await find(gateway.shop, marker, since=since)

    gateway.shop.find = slow
    (claimed,) = await worker._claim()
    await worker._guarded(claimed, worker.monotonic())
    record = await gateway.record(checkout["id"])
    assert (record.step, record.order_id, record.fence) == (1, "00000001", claimed.fence)


async def test_a_search_whose_lease_was_lost_all_the_same_ends(gateway):
    checkout = await gateway.check_out()
    gateway.shop.script([LOST], effect="applied")
    await gateway.work()
    gateway.clock.advance(2)
    worker = gateway.worker("first")
    worker._settings = replace(worker._settings, submission=replace(worker._settings.submission, lease_seconds=0.06))
    ended = asyncio.Event()

    async def endless(_marker, *, since):
        try:
            gateway.clock.advance(10)
            await gateway.worker("second")._claim()
            await asyncio.Event().wait()
        finally:
            ended.set()

    gateway.shop.find = endless
    (claimed,) = await worker._claim()
    await asyncio.wait_for(worker._guarded(claimed, worker.monotonic()), 5)
    assert ended.is_set()
    assert (await gateway.record(checkout["id"])).lease_owner == "second"


async def test_l1_a_worker_that_stops_begins_no_further_call_and_hands_over(gateway):
    checkout = await gateway.check_out()
    worker = gateway.worker()
    send = FakeUpstream.send

    async def stopping(rendered):
        outcome = await send(gateway.shop, rendered)
        worker._stopping = True
        return outcome

    gateway.shop.send = stopping
    (claimed,) = await worker._claim()
    await worker._guarded(claimed, worker.monotonic())
    assert [call.kind for call in gateway.shop.calls] == ["create"]
    record = await gateway.record(checkout["id"])
    assert (record.step, record.step_state) == (1, "PLANNED")
    assert record.lease_until <= gateway.clock.moment
    del gateway.shop.send
    assert await gateway.work() == 1
    assert (await gateway.record(checkout["id"])).state == "submitted"


async def test_the_worker_runs_by_itself_survives_its_mistakes_and_stops(tmp_path):
    storage = StorageSettings(url=f"sqlite:///{tmp_path / 'gateway.db'}")
    async with running(settings_of(storage)) as gateway:
        worker = gateway.worker()
        claim, failures = worker._claim, 0

        async def failing():
            nonlocal failures
            failures += 1
            if failures == 1:
                worker.wake()
                raise RuntimeError("a defect")
            return await claim()

        worker._claim = failing
        task = asyncio.create_task(worker.run())
        checkouts = [await gateway.check_out() for _ in range(20)]
        worker.wake()
        deadline = asyncio.get_running_loop().time() + 20
        while {(await gateway.get(checkout))["state"] for checkout in checkouts} != {"submitted"}:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        await worker.stop(5.0)
        await asyncio.wait_for(task, 5)
        assert failures > 1
        assert worker.busy == 0
        assert len(live(gateway.shop)) == 20


async def test_r8_a_tenant_with_a_long_queue_does_not_starve_another(gateway):
    from checkout_work import store_checkout

    database = gateway.services.database
    for number in range(40):
        await store_checkout(database, id=f"big{number}", cart_id=None, cart_live=False, due_at=gateway.clock.moment)
    for number in range(3):
        await store_checkout(
            database, id=f"small{number}", tenant="small", cart_id=None, cart_live=False, due_at=gateway.clock.moment
        )
    worker = gateway.worker()
    claimed = await worker._claim()
    assert sum(record.tenant == "small" for record in claimed) == 3
    assert sum(record.tenant == "default" for record in claimed) == 8
    assert {record.tenant for record in await worker._claim()} == {"default"}


async def test_the_cases_cover_every_outcome():
    kinds = {type(outcome) for outcome, _ in CASES.values()}
    assert kinds == {Accepted, Duplicate, NotExecuted, NotSent, Rejected, Unknown}
    assert request()
    assert replace(SubmissionSettings(), concurrency_max=16) == SubmissionSettings()
