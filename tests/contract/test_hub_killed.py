"""A process that delivers may end at any moment: what it did not record is delivered again, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hub_dispatch import QUICK, FakeSender, dispatching, published, row, subscribed
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from gateway.hub import events
from gateway.hub.delivery import lease as hold
from gateway.hub.delivery import subscriber
from gateway.hub.delivery.dispatcher import Dispatcher
from gateway.hub.delivery.health import Outcome, Refused, Taken
from gateway.hub.subscriptions import store
from gateway.settings import HubSettings, Settings
from gateway.storage import Database
from gateway.storage.tables import EPOCH, hub_blocked, hub_subscription


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
    monkeypatch.setattr(subscriber, "LINGER_SECONDS", 0.02)
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
            while not life.over and not await settled(database, name):  # noqa: ASYNC110 - a row is not an event
                await asyncio.sleep(0.005)
        killed += life.over
        life.over = True
        await first.stop(1.0)
        await task
        await database.write(lambda c: c.execute(update(hub_subscription).values(lease_until=EPOCH, due_at=EPOCH)))

        async with dispatching(database, behave, hub=small, owner="second", log=log), asyncio.timeout(60):
            while not await settled(database, name):  # noqa: ASYNC110 - a row is not an event
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
