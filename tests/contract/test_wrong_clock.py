"""A clock that was ahead, and was then set right, leaves no checkout waiting for the difference."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from checkout_gateway import Clock, live_orders, running, settings_of
from checkout_work import NOW, PLAIN, SPLIT, load_checkout, store_checkout
from sqlalchemy import update

from gateway.checkouts.model import CheckoutRecord
from gateway.settings import Settings, TrackingSettings, UpstreamLimits, UpstreamSettings
from gateway.storage.tables import checkout
from gateway.submission import reconciling
from gateway.submission.wrong_clock import is_anything_put_off_too_far, longest_waits, pull_in
from gateway.upstream import NotSent
from gateway.upstream.outcome import Unknown

HOUR, DAY = 3_600.0, 86_400.0
WAITS = longest_waits(Settings(), [PLAIN, SPLIT])
ALONE = {"cart_id": None, "cart_live": False}


def soon(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


async def set_right(database: Any, now: Any = NOW) -> int:
    if not await database.read(lambda c: is_anything_put_off_too_far(c, now, WAITS)):
        return 0
    changed: int = await database.write(lambda c: pull_in(c, now, WAITS))
    assert not await database.read(lambda c: is_anything_put_off_too_far(c, now, WAITS))
    return changed


async def stored(database: Any, **columns: Any) -> None:
    await store_checkout(database, **ALONE)
    await database.write(lambda c: c.execute(update(checkout).values(updated_at=NOW, **columns)))


async def loaded(database: Any) -> CheckoutRecord:
    return await load_checkout(database)


@pytest.mark.parametrize(
    "columns",
    [
        {"due_at": soon(DAY)},
        {"due_at": soon(HOUR + 5), "updated_at": soon(HOUR)},
        {"due_at": NOW, "lease_until": soon(HOUR + 60), "lease_owner": "me"},
        {"due_at": None, "state": "submitted", "track_due_at": soon(DAY)},
        {"due_at": None, "state": "submitted", "track_due_at": soon(HOUR + 60), "updated_at": soon(HOUR)},
    ],
)
async def test_what_is_put_off_or_leased_too_far_is_due_now(database: Any, columns: dict[str, Any]) -> None:
    await store_checkout(database, **ALONE)
    await database.write(lambda c: c.execute(update(checkout).values({"updated_at": NOW, **columns})))
    assert await set_right(database) == 1
    record = await loaded(database)
    assert record.lease_until <= NOW
    assert NOW in (record.due_at, record.track_due_at)
    assert record.updated_at == NOW


@pytest.mark.parametrize(
    "columns",
    [
        {"due_at": soon(900)},
        {"due_at": soon(6 * HOUR)},
        {"due_at": NOW, "lease_until": soon(60)},
        {"due_at": None, "state": "submitted", "track_due_at": soon(HOUR)},
        {"due_at": None, "state": "held"},
        {"due_at": soon(60), "updated_at": soon(2)},
    ],
)
async def test_what_waits_as_it_should_goes_on_waiting(database: Any, columns: dict[str, Any]) -> None:
    await store_checkout(database, **ALONE)
    await database.write(lambda c: c.execute(update(checkout).values({"updated_at": NOW, **columns})))
    before = await loaded(database)
    assert await set_right(database) == 0
    assert await loaded(database) == before


async def test_a_call_that_was_dated_later_than_now_counts_as_sent_now(database: Any) -> None:
    await stored(database, due_at=soon(DAY), sent_at=soon(DAY), first_sent_at=soon(-60), absent_at=None)
    assert await set_right(database) == 1
    record = await loaded(database)
    assert (record.sent_at, record.first_sent_at, record.absent_at) == (NOW, soon(-60), None)


def test_the_longest_waits_are_those_that_settings_and_mappings_allow() -> None:
    limits = UpstreamLimits(quiet_seconds=80_000.0)
    settings = Settings(
        upstreams={"shop": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="plain", limits=limits)},
        tracking=TrackingSettings(poll_seconds=(10_000.0,)),
    )
    waits = longest_waits(settings, [])
    assert waits.due >= timedelta(seconds=80_000)
    assert waits.track >= timedelta(seconds=10_000)
    assert waits.lease < timedelta(hours=1)


@pytest.mark.parametrize("ahead", [HOUR, DAY])
async def test_a_clock_that_was_ahead_and_is_set_right_leaves_no_checkout_waiting(storage: Any, ahead: float) -> None:
    clock = Clock()
    async with running(settings_of(storage), clock=clock) as gateway:
        clock.advance(ahead)
        waiting = await gateway.check_out()
        gateway.shop.script([NotSent("no connection")] * 3)
        await gateway.work()
        leased = await gateway.check_out()
        claimed = await gateway.worker("another")._claim()
        assert {record.id for record in claimed} == {leased["id"]}
        clock.moment -= timedelta(seconds=ahead)

        # The process is started again, or looks at the clock once a minute.
        for _ in range(40):
            await gateway.work()
            clock.advance(1)
        states = [(await gateway.get(checkout))["state"] for checkout in (waiting, leased)]
        assert states == ["submitted", "submitted"]


@pytest.mark.parametrize("ahead", [HOUR, DAY])
async def test_a_clock_that_is_set_forward_does_not_prove_that_a_live_post_had_no_effect(
    storage: Any, ahead: float
) -> None:
    """The order system takes its time after the answer was lost; the clock says that this time is over, and it is not."""
    clock = Clock()
    async with running(settings_of(storage), clock=clock) as gateway:
        worker = gateway.worker()
        checkout = await gateway.check_out(upstream="plain")
        gateway.plain.script([Unknown("no answer")], effect="later")
        for _ in range(3):
            await gateway.work(worker)
            clock.advance(20)
        clock.moment += timedelta(seconds=ahead)
        for _ in range(10):
            await gateway.work(worker)
            clock.advance(20)
        assert [call.kind for call in gateway.plain.calls] == ["create"]

        gateway.plain.apply_late()
        for _ in range(100):
            await gateway.work(worker)
            clock.advance(60)
        assert (await gateway.get(checkout))["state"] == "submitted"
        assert len(live_orders(gateway.plain)) == 1


async def test_a_call_is_sent_again_once_the_whole_quiet_time_has_passed_after_a_clock_was_set_forward(
    storage: Any,
) -> None:
    clock = Clock()
    async with running(settings_of(storage), clock=clock) as gateway:
        worker = gateway.worker()
        checkout = await gateway.check_out(upstream="plain")
        gateway.plain.script([Unknown("no answer")])
        await gateway.work(worker)
        clock.moment += timedelta(days=1)
        for _ in range(100):
            await gateway.work(worker)
            clock.advance(60)
        assert (await gateway.get(checkout))["state"] == "submitted"
        assert [call.kind for call in gateway.plain.calls] == ["create", "create"]


async def test_a_comparison_that_a_clock_which_was_ahead_dated_does_not_put_off_the_next_one(database: Any) -> None:
    hour, year = timedelta(hours=1), timedelta(days=365)

    async def claimed(now: Any) -> bool:
        taken: bool = await database.write(lambda c: reconciling.claim(c, "crm", now - hour, now))
        return taken

    assert await claimed(NOW + year)
    assert await claimed(NOW)
    assert not await claimed(NOW + timedelta(minutes=59))
    assert await claimed(NOW + hour)
