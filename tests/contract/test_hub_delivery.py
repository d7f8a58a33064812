"""Delivery does the same on both databases: in order, at least once, by one process at a time, each subscriber for itself."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hub_dispatch import NOW, QUICK, FakeSender, dispatching, published, row, subscribed, subscription, taken, until
from sqlalchemy import func, select, update

from gateway.errors import UnavailableError
from gateway.hub import events
from gateway.hub.delivery import claims as leases
from gateway.hub.delivery import wrong_clock
from gateway.hub.delivery.dispatcher import Dispatcher
from gateway.hub.delivery.health import Gone, Outcome, Refused, Taken, health_of
from gateway.hub.model import Subscription
from gateway.hub.subscriptions import store
from gateway.settings import Settings
from gateway.storage import Database
from gateway.storage.tables import EPOCH, hub_blocked, hub_event, hub_subscription


async def test_every_subscriber_gets_every_event_of_a_cart_in_order_over_many_pages(database: Database) -> None:
    await subscribed(database, "one", "two", "three")
    for number in range(1, 31):
        for cart_id in ("x", "y"):
            await published(database, cart_id, number)

    async with dispatching(database) as (_, log):
        await until(lambda: len(log) == 180)

    for name in ("one", "two", "three"):
        for cart_id in ("x", "y"):
            mine = [n for message, cart, n in log if message.endswith(f"_{name}") and cart == cart_id]
            assert mine == list(range(1, 31))
    assert (await row(database)).position == 60
    assert (await row(database)).lease_until <= (await row(database)).created_at + timedelta(days=365_000)


async def test_a_refused_event_holds_up_its_cart_alone(database: Database) -> None:
    refusals = []

    def behave(_url: str, cart: dict[str, Any]) -> Outcome:
        if cart["id"] == "bad" and len(refusals) < 2:
            refusals.append(cart["n"])
            return Refused("answered with status 500")
        return Taken()

    await subscribed(database, "one")
    for number in range(1, 11):
        await published(database, "bad", number)
        await published(database, "good", number)
    async with dispatching(database, behave) as (_, log):
        await until(lambda: len(log) == 22)

    assert [n for _, cart, n in log if cart == "good"] == list(range(1, 11))
    assert [n for _, cart, n in log if cart == "bad"] == [1, 1, *range(1, 11)]
    assert len({message for message, cart, n in log if (cart, n) == ("bad", 1)}) == 1
    waiting = await database.read(lambda c: c.execute(select(func.count()).select_from(hub_blocked)).scalar_one())
    assert waiting == 0


async def test_an_event_that_is_refused_for_good_is_given_up_and_the_next_one_follows(database: Database) -> None:
    await subscribed(database, "one")
    await published(database, "bad", 1, 2)
    await published(database, "good", 1)

    def behave(_url: str, cart: dict[str, Any]) -> Outcome:
        return Refused("answered with status 400") if (cart["id"], cart["n"]) == ("bad", 1) else Taken()

    async with dispatching(database, behave) as (_, log):
        await until(lambda: any((cart, n) == ("bad", 2) for _, cart, n in log))

    assert [n for _, cart, n in log if cart == "bad"] == [1, 1, 1, 2]
    assert (await row(database)).events_dropped == 1


async def test_a_dead_subscriber_is_probed_with_one_event_and_the_others_do_not_notice(database: Database) -> None:
    await subscribed(database, "live", "dead")
    for number in range(1, 31):
        await published(database, f"cart-{number}", 1)

    def behave(url: str, _cart: dict[str, Any]) -> Outcome:
        return Refused("no connection") if "dead" in url else Taken()

    async with dispatching(database, behave) as (_, log):
        await until(lambda: sum(1 for message, _, _ in log if message.endswith("_live")) == 30)
        await until(lambda: sum(1 for message, _, _ in log if message.endswith("_dead")) >= 12)

    assert len({message for message, _, _ in log if message.endswith("_dead")}) < 10
    assert (await row(database, "dead")).failing_since is not None


async def test_after_a_crash_between_delivery_and_record_the_event_comes_again_with_its_id(database: Database) -> None:
    """The process is cut off as if it were killed: nothing more is written by it."""
    await subscribed(database, "one")
    await published(database, "x", 1, 2, 3)
    log: list[tuple[str, str, int]] = []
    broken = Dispatcher(
        settings=Settings(hub=QUICK), database=database, owner="first", new_sender=lambda: FakeSender(taken, log)
    )
    await broken.once()
    write = database.write

    async def no_more(_function: Any) -> Any:
        raise UnavailableError("killed")

    database.write = no_more  # type: ignore[method-assign]
    await until(lambda: len(log) == 3)
    await broken.stop(5.0)
    database.write = write  # type: ignore[method-assign]
    first = list(log)
    assert (await row(database)).position == 0

    # Nobody may take it before its lease is over.
    async with dispatching(database, owner="second", log=log):
        await asyncio.sleep(0.3)
        assert log == first
        await database.write(lambda c: c.execute(update(hub_subscription).values(lease_until=EPOCH)))
        await until(lambda: len(log) == 6)

    assert log[3:] == first


async def test_two_processes_never_serve_one_subscription_at_once(database: Database) -> None:
    names = [f"s{number}" for number in range(8)]
    await subscribed(database, *names)
    log: list[tuple[str, str, int]] = []
    async with dispatching(database, owner="first", log=log), dispatching(database, owner="second", log=log):
        for number in range(1, 16):
            await published(database, "x", number)
        await until(lambda: len(log) >= 8 * 15)

    for name in names:
        assert [n for message, _, n in log if message.endswith(f"_{name}")] == list(range(1, 16))


async def test_a_claim_is_exclusive_until_its_lease_is_over_and_fences_the_former_holder(database: Database) -> None:
    await subscribed(database, "one")
    now = NOW

    async def claim(owner: str, at: datetime) -> list[Subscription]:
        return await database.write(lambda c: leases.claim(c, "a", ["one"], at, owner=owner, lease_seconds=60))

    (first,) = await claim("first", now)
    assert await claim("second", now + timedelta(seconds=59)) == []
    (second,) = await claim("second", now + timedelta(seconds=60))

    progress = leases.Progress(5, health_of(first), {}, 0)
    assert not await database.write(lambda c: leases.record(c, first, progress, now))
    assert await database.write(lambda c: leases.record(c, second, progress, now))
    assert (await row(database)).position == 5
    assert await database.write(lambda c: leases.switch_off(c, first, "no", now)) is None


async def test_switching_off_drops_what_waits_and_counts_it(database: Database) -> None:
    await subscribed(database, "one")
    await published(database, "bad", 1, 2, 3)
    await published(database, "good", 1, 2)

    def behave(_url: str, cart: dict[str, Any]) -> Outcome:
        if cart["id"] == "good":
            return Taken()
        return (
            Refused("answered with status 500") if cart["n"] == 1 and len(log) < 8 else Gone("answered with status 410")
        )

    log: list[tuple[str, str, int]] = []
    async with dispatching(database, behave, hub=msgspec.structs.replace(QUICK, retry_seconds=(0.0, 0.3)), log=log) as (
        dispatcher,
        _,
    ):
        await until(lambda: sum(1 for _, cart, _ in log if cart == "good") == 2)
        log.extend([("", "", 0)] * 8)
        await until(lambda: not dispatcher.serving)

    after = await row(database)
    assert (after.state, after.events_dropped, after.position) == ("disabled", 3, 5)
    assert "410" in after.state_reason


async def test_events_are_removed_when_nobody_waits_for_them(database: Database) -> None:
    await subscribed(database, "one", "two")
    await published(database, "x", *range(1, 6))
    count = select(func.count()).select_from(hub_event)

    def behave(url: str, cart: dict[str, Any]) -> Outcome:
        return Refused("no connection") if "two" in url and cart["n"] == 4 else Taken()

    async with dispatching(database, behave, hub=msgspec.structs.replace(QUICK, retry_seconds=(0.0, 60.0))) as (
        dispatcher,
        log,
    ):
        await until(lambda: len(log) == 9)
        await dispatcher.stop(5.0)
        await dispatcher.tidy()
        assert await database.read(lambda c: c.execute(count).scalar_one()) == 2
        await database.write(lambda c: store.remove(c, "a", "two"))
        await dispatcher.tidy()
        assert await database.read(lambda c: c.execute(count).scalar_one()) == 0


async def test_a_subscriber_that_is_too_far_behind_is_switched_off(database: Database) -> None:
    await subscribed(database, "one")
    await published(database, "x", *range(1, 103))
    dispatcher = Dispatcher(
        settings=Settings(hub=msgspec.structs.replace(QUICK, backlog_events_max=100)),
        database=database,
        owner="first",
        new_sender=lambda: FakeSender(taken, []),
    )
    await database.write(lambda c: events.number_events(c, "a", "shoppingCart", limit=None))
    await dispatcher.tidy()

    after = await row(database)
    assert (after.state, after.events_dropped) == ("disabled", 102)


async def test_a_query_chooses_events(database: Database) -> None:
    await subscribed(database, "one", query="shoppingCart.relatedParty.id=p2,p4")
    await published(database, "x", *range(1, 6))

    async with dispatching(database) as (_, log):
        await until(lambda: len(log) == 2)

    assert [n for _, _, n in log] == [2, 4]
    assert (await row(database)).position == 5


async def test_the_same_subscription_is_made_once_and_again_after_it_was_switched_off(database: Database) -> None:
    await subscribed(database, "one")
    same = subscription("one", id="other")

    assert await database.write(lambda c: store.create(c, same, store.Bounds(100, 100))) == "one"
    await database.write(lambda c: leases.switch_off(c, subscription(), "gone", NOW))
    assert isinstance(await database.write(lambda c: store.create(c, same, store.Bounds(100, 100))), Subscription)
    assert await database.read(lambda c: store.count(c, "a")) == 1
    assert await database.write(lambda c: store.create(c, subscription("two"), store.Bounds(1, 1))) == store.Bounds(
        1, 1
    )


async def test_what_a_clock_that_was_ahead_put_off_or_leased_is_delivered_once_it_is_right(database: Database) -> None:
    """The process that had the wrong time is gone: nobody has seen the clock go back."""
    await subscribed(database, "one", "two", "three")
    await published(database, "x", 1)
    now, year = await database.read(database.now), timedelta(days=365)
    for name, columns in {
        "one": {"due_at": now + year},
        "two": {"lease_until": now + year, "lease_owner": "gone"},
        "three": {"blocked_due_at": now + year},
    }.items():
        await database.write(
            lambda c, name=name, columns=columns: c.execute(
                update(hub_subscription).where(hub_subscription.c.id == name).values(**columns)
            )
        )

    async with dispatching(database) as (_, log):
        await until(lambda: len(log) == 3)

    assert {message.rpartition("_")[2] for message, _, _ in log} == {"one", "two", "three"}
    waiting = await row(database, "three")
    assert waiting.blocked_due_at is None or waiting.blocked_due_at < now + year


async def test_what_waits_for_a_subscriber_as_it_should_goes_on_waiting(database: Database) -> None:
    await subscribed(database, "one")
    now = await database.read(database.now)
    later = now + wrong_clock.longest_wait(QUICK) - timedelta(minutes=1)
    await database.write(lambda c: c.execute(update(hub_subscription).values(due_at=later)))
    assert not await database.read(lambda c: wrong_clock.is_anything_put_off_too_far(c, now, QUICK))
    assert await database.write(lambda c: wrong_clock.pull_in(c, now, QUICK)) == 0
    assert (await row(database)).due_at == later
