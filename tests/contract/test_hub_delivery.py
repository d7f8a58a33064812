"""Delivery does the same on both databases: in order, at least once, by one process at a time, each subscriber for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from gateway.errors import UnavailableError
from gateway.hub import events, hold, lane, leases, store
from gateway.hub.dispatcher import Dispatcher
from gateway.hub.health import Gone, Outcome, Refused, Taken, health_of
from gateway.hub.model import CART_V4, Subscription
from gateway.settings import HubSettings, Settings
from gateway.storage import Database
from gateway.storage.outbox import CART_CHANGED, CART_CREATED, publish
from gateway.storage.tables import EPOCH, hub_blocked, hub_event, hub_subscription

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
QUICK = HubSettings(
    poll_seconds=0.05,
    retry_seconds=(0.0, 0.02, 0.05),
    pause_seconds=(0.05, 0.1),
    timeout_seconds=1.0,
    lease_seconds=5.0,
    page_events_max=10,
    concurrency_max=3,
)


class FakeSender:
    """Takes down what is sent; `behave` says what comes of it."""

    def __init__(self, behave: Callable[[str, dict[str, Any]], Outcome], log: list[tuple[str, str, int]]) -> None:
        self.behave = behave
        self.log = log
        self.under_way: set[str] = set()

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        cart = msgspec.json.decode(body)["event"]["shoppingCart"]
        assert cart["id"] not in self.under_way, "two events of one cart are on their way"
        self.under_way.add(cart["id"])
        await asyncio.sleep(0)
        self.under_way.discard(cart["id"])
        self.log.append((headers["webhook-id"], cart["id"], cart["n"]))
        return self.behave(url, cart)

    async def close(self) -> None:
        """Nothing to close."""


def taken(_url: str, _cart: dict[str, Any]) -> Outcome:
    return Taken()


def subscription(name: str = "one", **changes: Any) -> Subscription:
    callback = f"https://{name}.example"
    values: dict[str, Any] = {
        "tenant": "a",
        "id": name,
        "resource": "shoppingCart",
        "version": "v4",
        "callback": callback,
        "query": None,
        "fingerprint": store.fingerprint_of(CART_V4, callback, changes.get("query")),
        "secrets": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "state": "active",
        "state_reason": None,
        "position": 0,
        "failures": 0,
        "failing_since": None,
        "last_success_at": None,
        "last_failure_at": None,
        "last_failure": None,
        "events_dropped": 0,
        "due_at": EPOCH,
        "blocked_due_at": None,
        "fence": 0,
        "lease_owner": None,
        "lease_until": EPOCH,
        "created_at": NOW,
    }
    return Subscription(**(values | changes))


async def subscribed(database: Database, *names: str, **changes: Any) -> None:
    for name in names:
        made = await database.write(lambda c, n=name: store.create(c, subscription(n, **changes), 100))
        assert isinstance(made, Subscription)


async def published(database: Database, cart_id: str, *numbers: int, tenant: str = "a") -> None:
    for number in numbers:
        document = f'{{"id":"{cart_id}","n":{number},"relatedParty":[{{"id":"p{number}"}}]}}'
        await database.write(
            lambda c, n=number, d=document: publish(
                c,
                tenant,
                resource="shoppingCart",
                resource_id=cart_id,
                sequence=n,
                event_type=CART_CREATED if n == 1 else CART_CHANGED,
                document=d,
                now=NOW + timedelta(seconds=n),
            )
        )


@asynccontextmanager
async def dispatching(
    database: Database,
    behave: Callable[[str, dict[str, Any]], Outcome] = taken,
    *,
    hub: HubSettings = QUICK,
    owner: str = "first",
    log: list[tuple[str, str, int]] | None = None,
) -> AsyncIterator[tuple[Dispatcher, list[tuple[str, str, int]]]]:
    log = [] if log is None else log
    dispatcher = Dispatcher(
        settings=Settings(hub=hub), database=database, owner=owner, new_sender=lambda: FakeSender(behave, log)
    )
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher, log
    finally:
        await dispatcher.stop(5.0)
        await task


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is in a list, nobody sets an event
            await asyncio.sleep(0.01)


async def row(database: Database, name: str = "one") -> Any:
    return await database.read(lambda c: c.execute(select(hub_subscription).where(hub_subscription.c.id == name)).one())


async def test_nothing_is_written_while_nobody_subscribes(database: Database) -> None:
    await published(database, "x", 1)
    await subscribed(database, "one")
    await published(database, "x", 2, tenant="b")
    assert await database.read(lambda c: c.execute(select(func.count()).select_from(hub_event)).scalar_one()) == 0

    await published(database, "x", 3)
    assert await database.read(lambda c: c.execute(select(func.count()).select_from(hub_event)).scalar_one()) == 1


async def test_a_change_that_fails_leaves_no_event(database: Database) -> None:
    await subscribed(database, "one")

    def change(connection: Any) -> None:
        publish(
            connection, "a", resource="shoppingCart", resource_id="x", sequence=1, event_type=CART_CREATED,
            document="{}", now=NOW,
        )  # fmt: skip
        raise UnavailableError("no")

    with pytest.raises(UnavailableError):
        await database.write(change)
    assert await database.read(lambda c: c.execute(select(func.count()).select_from(hub_event)).scalar_one()) == 0


async def test_events_are_numbered_by_time_but_those_of_a_resource_by_its_versions(database: Database) -> None:
    await subscribed(database, "one")

    async def put(resource_id: str, sequence: int, second: int) -> None:
        await database.write(
            lambda c: publish(
                c, "a", resource="shoppingCart", resource_id=resource_id, sequence=sequence, event_type=CART_CHANGED,
                document="{}", now=NOW + timedelta(seconds=second),
            )
        )  # fmt: skip

    # Two replicas whose clocks differ: the later version of x has the earlier time.
    await put("x", 2, 1)
    await put("x", 1, 5)
    await put("y", 1, 3)
    await put("z", 1, 9)
    assert await database.write(lambda c: events.number_events(c, "a", "shoppingCart", limit=None)) == 4
    await put("w", 1, 0)
    assert await database.write(lambda c: events.number_events(c, "a", "shoppingCart", limit=None)) == 1

    page = await database.read(lambda c: events.page(c, "a", "shoppingCart", 0, events_max=10, bytes_max=1000))
    assert [(each.position, each.resource_id) for each in page] == [(1, "y"), (2, "x"), (3, "x"), (4, "z"), (5, "w")]
    rows = await database.read(
        lambda c: c.execute(
            select(hub_event.c.sequence).where(hub_event.c.resource_id == "x").order_by("position")
        ).all()
    )
    assert [each.sequence for each in rows] == [1, 2]


async def test_a_page_is_bounded_in_events_and_bytes_but_never_empty(database: Database) -> None:
    await subscribed(database, "one")
    await published(database, "x", *range(1, 6))
    await database.write(lambda c: events.number_events(c, "a", "shoppingCart", limit=None))

    async def positions(after: int, events_max: int, bytes_max: int) -> list[int]:
        page = await database.read(
            lambda c: events.page(c, "a", "shoppingCart", after, events_max=events_max, bytes_max=bytes_max)
        )
        return [each.position for each in page]

    assert await positions(0, 3, 10_000) == [1, 2, 3]
    assert await positions(3, 10, 10_000) == [4, 5]
    assert await positions(0, 10, 1) == [1]
    assert await positions(0, 10, 110) == [1, 2]
    assert await positions(5, 10, 10_000) == []


async def test_a_subscription_begins_with_what_comes_after_it(database: Database) -> None:
    await subscribed(database, "one")
    await published(database, "x", 1, 2)
    await subscribed(database, "two")
    await published(database, "x", 3)

    async with dispatching(database) as (_, log):
        await until(lambda: len(log) == 4)

    assert sorted((name.rpartition("_")[2], n) for name, _, n in log) == [
        ("one", 1),
        ("one", 2),
        ("one", 3),
        ("two", 3),
    ]


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

    assert await database.write(lambda c: store.create(c, same, 100)) == "one"
    await database.write(lambda c: leases.switch_off(c, subscription(), "gone", NOW))
    assert isinstance(await database.write(lambda c: store.create(c, same, 100)), Subscription)
    assert await database.read(lambda c: store.count(c, "a")) == 1
    assert await database.write(lambda c: store.create(c, subscription("two"), 1)) == ""


class Killed(Exception):  # noqa: N818 - what a process gets that is not there any more
    """Nothing that a killed process does has an effect."""


class Life:
    """Ends with the effect number `last`: just before it, or just after it."""

    def __init__(self, last: int, *, after: bool) -> None:
        self.left = last
        self.after = after
        self.over = False

    async def spend(self, effect: Callable[[], Any]) -> Any:
        if self.over:
            raise Killed
        self.left -= 1
        is_last = self.left == 0
        if is_last and not self.after:
            self.over = True
            raise Killed
        result = await effect()
        if is_last:
            self.over = True
            raise Killed
        return result


class MortalDatabase:
    """A database that a process reaches only while it lives."""

    def __init__(self, database: Database, life: Life) -> None:
        self.database = database
        self.life = life
        self.now = database.now

    async def read(self, function: Any) -> Any:
        if self.life.over:
            raise Killed
        return await self.database.read(function)

    async def write(self, function: Any) -> Any:
        return await self.life.spend(lambda: self.database.write(function))


class MortalSender(FakeSender):
    """A sender of a process that may be killed."""

    life: Life

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        outcome: Outcome = await self.life.spend(lambda: FakeSender.post(self, url, body, headers))
        return outcome


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_process_may_be_killed_at_every_effect_without_a_loss_or_an_event_out_of_order(
    database: Database, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """The effects are the writes to the database and the deliveries; what a killed process had in memory is gone."""
    monkeypatch.setattr(hold, "RECORD_SECONDS", 0.0)
    monkeypatch.setattr(lane, "LINGER_SECONDS", 0.02)
    small = msgspec.structs.replace(QUICK, page_events_max=2, concurrency_max=2)
    with capture_logs():  # a log of each death, with its stack, would take longer than the test
        await _kill_at_every_effect(database, small, after=after)


async def _kill_at_every_effect(database: Database, small: HubSettings, *, after: bool) -> None:
    number = killed = 0
    while killed == number:
        number += 1
        name = f"subscriber-{number}"
        await subscribed(database, name)
        for version in (1, 2, 3):
            await published(database, f"x{number}", version)
            await published(database, f"y{number}", version)
        log: list[tuple[str, str, int]] = []
        refused: set[str] = set()

        def behave(_url: str, cart: dict[str, Any], refused: set[str] = refused, number: int = number) -> Outcome:
            if cart["n"] == 2 and cart["id"] == f"y{number}" and "y" not in refused:
                refused.add("y")
                return Refused("answered with status 500")
            return Taken()

        life = Life(number, after=after)

        def new_sender(life: Life = life, behave: Any = behave, log: Any = log) -> MortalSender:
            sender = MortalSender(behave, log)
            sender.life = life
            return sender

        first = Dispatcher(
            settings=Settings(hub=small),
            database=MortalDatabase(database, life),
            owner="first",
            new_sender=new_sender,
        )
        task = asyncio.create_task(first.run())
        async with asyncio.timeout(60):
            while not life.over and not await settled(database, name):  # noqa: ASYNC110 - a row is no event
                await asyncio.sleep(0.005)
        killed += life.over
        life.over = True
        await first.stop(1.0)
        await task
        await database.write(lambda c: c.execute(update(hub_subscription).values(lease_until=EPOCH, due_at=EPOCH)))

        async with dispatching(database, behave, hub=small, owner="second", log=log), asyncio.timeout(60):
            while not await settled(database, name):  # noqa: ASYNC110 - a row is no event
                await asyncio.sleep(0.005)
        for cart_id in (f"x{number}", f"y{number}"):
            mine = [(message, n) for message, cart, n in log if cart == cart_id]
            assert [n for _, n in dict(mine).items()] == [1, 2, 3], f"killed at effect {number}"
            assert len({message for message, _ in mine}) == 3
        await database.write(lambda c, n=name: store.remove(c, "a", n))

    assert number > 12


async def settled(database: Database, name: str) -> bool:
    """Return whether a subscription has nothing left to send."""
    # In this order: what is numbered between two looks is seen by the second.
    if await database.read(events.kinds_with_new_events):
        return False
    last = await database.read(lambda c: events.last_position(c, "a", "shoppingCart"))
    reached = (await row(database, name)).position
    blocked = select(func.count()).select_from(hub_blocked)
    return reached == last and not await database.read(lambda c: c.execute(blocked).scalar_one())
