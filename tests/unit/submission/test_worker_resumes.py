"""What waits for an order system says why and until when, and goes on within seconds of the cause being gone."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio
from checkout_gateway import live_orders
from fake_upstream import FakeUpstream
from worker_runs import clocked, run, work_once

from gateway.checkouts.reasons import MEANING
from gateway.submission import resuming
from gateway.submission.worker import Worker
from gateway.upstream.outcome import NotExecuted, NotSent, Unknown
from gateway.upstream.port import ReadFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTAGES = {
    "circuit_open": NotSent("circuit open: too many recent calls failed", 30.0, cause="circuit_open"),
    "upstream_unreachable": NotSent("no connection in time"),
    "credentials_refused": NotExecuted("401 INVALID_SESSION_ID", kind="unauthorised"),
    "throttled": NotExecuted("429", 600.0),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(tmp_path_factory):
    async with clocked(tmp_path_factory.mktemp("resumes")) as started:
        yield started


async def finish(worker: Worker) -> None:
    """Let a round of the worker come to its end."""
    await worker._round()
    while worker._running:
        await asyncio.wait(worker._running)
        await asyncio.sleep(0)


@pytest.mark.parametrize("code", OUTAGES)
async def test_a_wait_is_told_steadily_and_never_held(gateway, code):
    checkout = await gateway.check_out(upstream="plain")
    # Waits that know their end stay short: fewer hours hold as many attempts, more than are allowed (submission.attempts_max).
    back_at = gateway.clock.moment + timedelta(hours=3 if code == "circuit_open" else 30)
    send = FakeUpstream.send
    told = set()

    async def sending(rendered, **_):
        away = gateway.clock.moment < back_at
        return OUTAGES[code] if away else await send(gateway.plain, rendered)

    gateway.plain.send = sending
    while gateway.clock.moment < back_at:
        await work_once(gateway)
        shown = await gateway.get(checkout)
        told.add((shown["reason"]["code"], shown["reason"]["message"], shown["statusReason"]))
        assert shown["reason"]["nextAttemptAt"] is not None
        gateway.clock.advance((await gateway.next_due() - gateway.clock.moment).total_seconds() + 0.001)
    assert [each[0] for each in told] == [code], "one sentence, and one only"
    (_, message, status_reason) = told.pop()
    assert message == status_reason != MEANING[code]
    if code == "credentials_refused":
        assert "look at upstreams.plain.auth" in message
    record = await run(gateway, checkout)
    assert (record.state, len(live_orders(gateway.plain))) == ("submitted", 1)


@pytest.mark.parametrize("cause", ["unreadable_answer", "upstream_unreachable", "credentials_refused", "throttled"])
async def test_m4_reads_that_never_succeed_have_a_reason_and_a_time(gateway, cause):
    checkout = await gateway.check_out()
    get_order, broken = FakeUpstream.get_order, [True]

    async def reading(order_id):
        if broken:
            raise ReadFailed("302: redirected; redirections are not followed", status=302, cause=cause)
        return await get_order(gateway.shop, order_id)

    gateway.shop.get_order = reading
    told = set()
    for _ in range(40):
        await work_once(gateway)
        shown = await gateway.get(checkout)
        told.add((shown["state"], shown["reason"]["code"], shown["reason"]["message"]))
        assert shown["reason"]["nextAttemptAt"] is not None
        gateway.clock.advance((await gateway.next_due() - gateway.clock.moment).total_seconds() + 0.001)
    assert {each[:2] for each in told} == {("drafting", cause)}
    assert len(told) == 1
    broken.clear()
    assert (await run(gateway, checkout)).state == "submitted"


@pytest.mark.parametrize("code", sorted(OUTAGES.keys() - {"throttled"}))
async def test_what_waits_goes_on_within_seconds_of_the_cause_being_gone(gateway, code):
    checkouts = [await gateway.check_out(upstream="plain") for _ in range(5)]
    send, away = FakeUpstream.send, [True]

    async def sending(rendered, **_):
        return OUTAGES[code] if away else await send(gateway.plain, rendered)

    gateway.plain.send = sending
    began = gateway.clock.moment
    while gateway.clock.moment < began + timedelta(minutes=40):
        await work_once(gateway)
        gateway.clock.advance((await gateway.next_due() - gateway.clock.moment).total_seconds() + 0.001)
    await work_once(gateway)
    waits = [(await gateway.record(each["id"])).due_at - gateway.clock.moment for each in checkouts]
    assert max(waits).total_seconds() > 30
    away.clear()
    worker = gateway.worker()
    for _ in range(6):
        await finish(worker)
        gateway.clock.advance(resuming.SCOUT_SECONDS / 2)
    states = [(await gateway.record(each["id"])).state for each in checkouts]
    assert states == ["submitted"] * 5
    assert len(live_orders(gateway.plain)) == 5


async def test_a_call_that_is_lost_does_not_set_everything_going(gateway):
    for _ in range(3):
        await gateway.check_out(upstream="plain")
    gateway.plain.script([NotSent("no connection")] * 3)
    await work_once(gateway)
    gateway.plain.script([Unknown("504")])
    worker = gateway.worker()
    await finish(worker)
    gateway.clock.advance(resuming.SCOUT_SECONDS)
    sent_before = len(gateway.plain.calls)
    await finish(worker)
    assert len(gateway.plain.calls) - sent_before <= 3
