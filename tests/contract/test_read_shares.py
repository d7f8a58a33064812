"""The lists of one tenant keep the readers neither from another tenant nor from everything else."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import Connection, text

from gateway.errors import UnavailableError
from gateway.fair_limiter import FairLimiter
from gateway.settings import StorageSettings
from gateway.storage import Database, open_database

READERS = 4
# Of four readers three are for lists, of which one tenant gets two; of eight connections four and three.
OF_TENANT = {"sqlite": 2, "postgresql": 3}


@pytest.fixture
async def shared(database: Database) -> Any:
    url = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    opened = open_database(StorageSettings(url=url, readers_max=READERS, connections_max=8, read_seconds_max=20.0))
    yield opened
    await opened.close()


class Held:
    """Reads that do not end before they may."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self._go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, connection: Connection) -> int:
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self._go.wait(60)
        with self._lock:
            self.under_way -= 1
        return one(connection)

    def let_go(self) -> None:
        self._go.set()


def one(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - threads change it
            await asyncio.sleep(0.005)


async def test_one_tenants_lists_leave_readers_to_everybody_else(shared):
    most = OF_TENANT[shared.engine.dialect.name]
    held = Held()
    greedy = [asyncio.create_task(shared.read_list("greedy", held)) for _ in range(20)]
    try:
        await until(lambda: held.under_way == most)
        async with asyncio.timeout(20):
            assert await shared.read_list("modest", one) == 1
            assert await shared.read(one) == 1
            assert await shared.read_brief(one) == 1
        assert held.under_way == most
    finally:
        held.let_go()

    assert await asyncio.gather(*greedy) == [1] * 20
    assert held.most == most


async def test_many_greedy_tenants_leave_one_reader_to_everything_that_is_no_list(shared):
    held = Held()
    greedy = [asyncio.create_task(shared.read_list(f"greedy {n % 9}", held)) for n in range(45)]
    try:
        await until(lambda: held.under_way == OF_TENANT[shared.engine.dialect.name] + 1)
        async with asyncio.timeout(20):
            assert await shared.read(one) == 1
    finally:
        held.let_go()

    assert await asyncio.gather(*greedy) == [1] * 45


async def test_who_waits_too_long_is_told_to_come_again_and_nothing_is_left_behind():
    shares = FairLimiter(2, wait_seconds_max=0.05)
    async with shares.slot("a"):
        with pytest.raises(UnavailableError) as told:
            async with shares.slot("a"):
                pytest.fail("two at once")
        assert told.value.headers == {"Retry-After": "2"}
        async with shares.slot("b"):
            with pytest.raises(UnavailableError):
                async with shares.slot("c"):
                    pytest.fail("three at once")
    async with shares.slot("c"), shares.slot("a"):
        assert len(shares) == 2

    assert len(shares) == 0


async def test_a_read_that_fails_or_is_given_up_gives_its_turn_back():
    shares = FairLimiter(2, wait_seconds_max=5.0)
    for error in (ValueError, asyncio.CancelledError):
        with pytest.raises(error):
            async with shares.slot("a"):
                raise error
    holder = shares.slot("a")
    await holder.__aenter__()
    waiting = [asyncio.create_task(shares.slot("a").__aenter__()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await holder.__aexit__(None, None, None)

    async with shares.slot("a"):
        pass
    assert len(shares) == 0


@pytest.mark.parametrize("readers", [0, 1])
async def test_with_one_reader_everybody_has_a_turn(readers):
    shares = FairLimiter(readers, wait_seconds_max=5.0)
    for tenant in ("a", "b"):
        async with shares.slot(tenant):
            pass
