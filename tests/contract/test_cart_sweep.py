"""Expired carts are removed: a few at a time, by any number of processes, never one that is held, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from gateway.carts import holding, store
from gateway.carts.sweep import Sweep
from gateway.settings import CartSettings
from gateway.storage import Database
from gateway.storage.tables import cart

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


async def insert(database: Database, cart_id: str, expires_at: datetime | None, *, made: datetime = LONG_AGO) -> None:
    await database.write(
        lambda c: store.insert(c, "acme", cart_id, store.CartContent('{"id":"x"}', expires_at=expires_at), made)
    )


async def left(database: Database) -> set[str]:
    rows = await database.read(lambda c: c.execute(select(cart.c.id)).scalars().all())
    return set(rows)


def sweep(database: Database, **settings: float) -> Sweep:
    return Sweep(CartSettings(**settings), database, lambda: NOW)  # type: ignore[arg-type]


async def test_only_carts_that_expired_long_enough_ago_are_removed(database: Database) -> None:
    await insert(database, "gone", NOW - timedelta(days=8))
    await insert(database, "kept", NOW - timedelta(days=6))
    await insert(database, "valid", NOW + timedelta(days=1))
    await insert(database, "endless", None)
    # Its client gave it an end in the past just now: it can be read for as long as any other.
    await insert(database, "born expired", datetime(2017, 1, 1, tzinfo=UTC), made=NOW - timedelta(days=1))

    assert await sweep(database).once() == 1
    assert await left(database) == {"kept", "valid", "endless", "born expired"}
    assert await sweep(database).once() == 0


async def test_a_cart_that_a_checkout_holds_is_never_removed(database: Database) -> None:
    await insert(database, "held", NOW - timedelta(days=20))
    assert await database.write(lambda c: holding.lock(c, "acme", "held", "checkout-1"))

    assert await sweep(database, expired_kept_days=0.0).once() == 0

    await database.write(lambda c: holding.release(c, "acme", "held", "checkout-1"))
    assert await sweep(database, expired_kept_days=0.0).once() == 1


async def test_one_search_removes_a_bounded_number_and_the_next_goes_on(database: Database) -> None:
    for number in range(7):
        await insert(database, str(number), NOW - timedelta(days=10 + number))

    swept = sweep(database, sweep_carts_max=3)

    assert await swept.once() == 3
    # Those that expired first are removed first.
    assert await left(database) == {"0", "1", "2", "3"}
    assert [await swept.once(), await swept.once(), await swept.once()] == [3, 1, 0]
    assert not await left(database)


@pytest.mark.parametrize("others", [3])
async def test_several_processes_sweep_at_once(
    database: Database, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.carts.sweep.BATCH_MAX", 5)
    for number in range(40):
        await insert(database, str(number), NOW - timedelta(days=10))

    removed = await asyncio.gather(*(sweep(database).once() for _ in range(others)))

    assert not await left(database)
    assert sum(removed) == 40


async def test_it_stops_between_two_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.carts.sweep.BATCH_MAX", 2)
    for number in range(6):
        await insert(database, str(number), NOW - timedelta(days=10))
    swept = sweep(database)
    swept.loop.stop()

    await asyncio.wait_for(swept.loop.run(), 10)

    assert len(await left(database)) == 6
    other = sweep(database)
    task = asyncio.create_task(other.loop.run())
    deadline = asyncio.get_running_loop().time() + 20
    while await left(database) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - a row is not an event
        await asyncio.sleep(0.01)
    other.loop.stop()
    await asyncio.wait_for(task, 10)
    assert not await left(database)


async def test_the_search_uses_the_index(database: Database) -> None:
    if database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by the size of the table")
    statement = (
        "EXPLAIN QUERY PLAN SELECT tenant, id, version FROM cart WHERE expires_at < 5 AND updated_at < 5"
        " AND checkout_id IS NULL ORDER BY expires_at LIMIT 100"
    )

    plan = await database.read(lambda c: [row[3] for row in c.exec_driver_sql(statement)])

    assert plan == ["SEARCH cart USING INDEX ix_cart_expires (expires_at<?)"]
    assert await database.read(lambda c: c.execute(select(func.count()).select_from(cart)).scalar_one()) == 0
