"""A worker that dies, is stopped, or is overtaken by another: nothing is lost or doubled."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from checkout_gateway import live_orders, running, settings_of
from fake_upstream import FakeUpstream
from msgspec.structs import replace
from worker_runs import (
    LOST,
    Killed,
    clocked,
    run,
    work_once,
)

from gateway.settings import StorageSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(tmp_path_factory):
    async with clocked(tmp_path_factory.mktemp("worker")) as started:
        yield started


# -- the process dies -------------------------------------------------------------------------------------------------------


def killing(fake, number, *, after):
    """Let the process die at the call with this number, before or after it took effect."""
    send = FakeUpstream.send
    calls = 0

    async def dying(rendered, **_):
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
    assert len(live_orders(fake)) == 1
    assert live_orders(fake)[0]["id"] == record.order_id


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

        async def dying_find(marker, *, since, doubt=None, find=find):
            nonlocal deaths
            deaths += 1
            if deaths == 1:
                raise Killed
            return await find(gateway.shop, marker, since=since, doubt=doubt)

        gateway.shop.get_order, gateway.shop.find = dying_get, dying_find
        record = await run(gateway, checkout)
        assert record.state == "submitted", record.status_reason
    assert len(live_orders(gateway.shop)) == 5


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
    assert len(live_orders(gateway.shop)) == 1


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

    async def slow(rendered, **_):
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
    assert len(live_orders(gateway.shop)) == 1


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

    async def slow(marker, *, since, doubt=None):
        for _ in range(10):
            await asyncio.sleep(0.03)  # each of them longer than a third of the lease
            gateway.clock.advance(0.03)
            assert await other._claim() == []
        return await find(gateway.shop, marker, since=since, doubt=doubt)

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

    async def endless(_marker, *, since, doubt=None):
        try:
            # The first one may renew its lease in between: then it is tried again.
            taken = []
            while not taken:
                gateway.clock.advance(10)
                taken = await gateway.worker("second")._claim()
            await asyncio.Event().wait()
        finally:
            ended.set()

    gateway.shop.find = endless
    (claimed,) = await worker._claim()
    await asyncio.wait_for(worker._guarded(claimed, worker.monotonic()), 60)
    assert ended.is_set()
    assert (await gateway.record(checkout["id"])).lease_owner == "second"


async def test_l1_a_worker_that_stops_begins_no_further_call_and_hands_over(gateway):
    checkout = await gateway.check_out()
    worker = gateway.worker()
    send = FakeUpstream.send

    async def stopping(rendered, **_):
        outcome = await send(gateway.shop, rendered)
        worker._loop.stop()
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
        await asyncio.wait_for(task, 60)
        assert failures > 1
        assert worker.busy == 0
        assert len(live_orders(gateway.shop)) == 20


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
    # A quarter of the places is for other order systems; both tenants have this one.
    assert sum(record.tenant == "default" for record in claimed) == 6
    assert {record.tenant for record in await worker._claim()} == {"default"}


async def test_checkouts_that_hang_at_one_order_system_leave_places_for_another(gateway):
    hangs, ends = asyncio.Event(), asyncio.Event()
    answer = gateway.shop._answer

    async def hanging(change):
        hangs.set()
        await ends.wait()
        return await answer(change)

    gateway.shop._answer = hanging
    worker = gateway.worker()
    for _ in range(20):
        await gateway.check_out(upstream="shop")
    task = asyncio.create_task(worker.run())
    await asyncio.wait_for(hangs.wait(), 20)
    behind = await gateway.check_out(upstream="plain")
    worker.wake()
    deadline = asyncio.get_running_loop().time() + 20
    while (await gateway.get(behind))["state"] != "submitted":
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    assert live_orders(gateway.shop) == []
    ends.set()
    await worker.stop(10.0)
    await asyncio.wait_for(task, 60)
