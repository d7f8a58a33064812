"""Events do the same on both databases: written with their change, numbered, read page by page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hub_dispatch import NOW, dispatching, published, subscribed, until
from sqlalchemy import Connection, func, select

from gateway.carts import store as carts
from gateway.errors import UnavailableError
from gateway.hub import events
from gateway.storage import Database
from gateway.storage.outbox import CART_CHANGED, CART_CREATED, CART_DELETED, Happened, publish
from gateway.storage.tables import hub_event


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
        publish(connection, Happened("a", "shoppingCart", "x", 1, CART_CREATED, "{}"), NOW)
        raise UnavailableError("no")

    with pytest.raises(UnavailableError):
        await database.write(change)
    assert await database.read(lambda c: c.execute(select(func.count()).select_from(hub_event)).scalar_one()) == 0


async def test_events_are_numbered_by_time_but_those_of_a_resource_by_its_versions(database: Database) -> None:
    await subscribed(database, "one")

    async def put(resource_id: str, sequence: int, second: int) -> None:
        await database.write(
            lambda c: publish(
                c,
                Happened("a", "shoppingCart", resource_id, sequence, CART_CHANGED, "{}"),
                NOW + timedelta(seconds=second),
            )
        )

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


async def test_an_event_says_who_made_its_cart_whatever_becomes_of_it(database: Database) -> None:
    def change(connection: Connection) -> list[tuple[str, str | None]]:
        content = carts.CartContent('{"id": "1", "cartItem": []}', party_ids=set())
        carts.insert(connection, "a", "1", content, NOW, owner="shop-a")
        carts.update(connection, "a", "1", 1, content, NOW)
        carts.delete(connection, "a", "1", 2, NOW)
        rows = connection.execute(select(hub_event.c.event_type, hub_event.c.owner).order_by(hub_event.c.sequence))
        return [(row.event_type, row.owner) for row in rows]

    await subscribed(database, "one")
    told = await database.write(change)
    assert told == [(CART_CREATED, "shop-a"), (CART_CHANGED, "shop-a"), (CART_DELETED, "shop-a")]
