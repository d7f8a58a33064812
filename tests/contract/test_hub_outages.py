"""Subscribers get every event, in order, although the database goes away again and again while events are delivered."""

from __future__ import annotations

import asyncio

import pytest
from database_away import away_of
from hub_dispatch import QUICK, dispatching, published, subscribed, until
from msgspec.structs import replace

from gateway.errors import UnavailableError
from gateway.settings import StorageSettings
from gateway.storage import open_database

CARTS = ("c1", "c2", "c3")
EVENTS = 20
# The lease of what an outage interrupted ends by itself: deliveries go on when it is over.
OUTAGE = replace(QUICK, lease_seconds=2.0, timeout_seconds=0.2)


async def test_every_event_arrives_in_order_although_the_database_goes_away_while_they_are_delivered(
    storage: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.background.FAILED_SECONDS_MIN", 0.02)
    with away_of(storage) as away:
        database = open_database(away.storage)
        away.attach(database)
        try:
            await subscribed(database, "one")
            async with dispatching(database, hub=OUTAGE) as (_, log):
                for number in range(1, EVENTS + 1):
                    for cart in CARTS:
                        await published(database, cart, number)
                    if number % 4 == 0:
                        away.go()
                        with pytest.raises(UnavailableError):
                            await published(database, "never", 1)
                        await asyncio.sleep(0.05)
                        away.come_back()
                wanted = {(cart, number) for cart in CARTS for number in range(1, EVENTS + 1)}
                await until(lambda: {(cart, number) for _, cart, number in log} == wanted)
            for cart in CARTS:
                # What was sent and could not be recorded is sent again, with its id; nothing new overtakes it.
                first = list(dict.fromkeys(number for _, name, number in log if name == cart))
                assert first == list(range(1, EVENTS + 1))
            assert len({event for event, _, _ in log}) == len(wanted), "a repetition has the id of the first"
        finally:
            away.come_back()
            await database.close()
