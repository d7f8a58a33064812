"""What one tenant may leave in the inbox, in both databases: counted, made room for, refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from checkout_work import NOW
from inbox_runs import record_event
from sqlalchemy import func, select, update

from gateway.settings import LimitSettings
from gateway.storage import access_tokens
from gateway.storage.access_tokens import AccessToken
from gateway.storage.tables import access_token, inbox, inbox_usage
from gateway.tracking import inbox as letters
from gateway.tracking.events import Event

ROWS = LimitSettings(inbox_rows_max=3)
BYTES = LimitSettings(inbox_bytes_max=2048)


async def keep(database, key, *, limits=ROWS, tenant="default", raw="{}", now=NOW):
    event = Event(key, "00000001", "x")
    return await database.write(lambda c: record_event(c, tenant, "shop", event, raw, now, limits))


async def usage(database, tenant="default"):
    """Return what is counted for a tenant, once it is certain that it is so."""
    counted, there = await database.read(
        lambda c: (
            c.execute(select(inbox_usage).where(inbox_usage.c.tenant == tenant)).one_or_none(),
            c.execute(
                select(func.count(), func.coalesce(func.sum(inbox.c.raw_bytes), 0)).where(inbox.c.tenant == tenant)
            ).one(),
        )
    )
    told = (0, 0) if counted is None else (counted.row_count, counted.byte_count)
    assert told == tuple(there)
    return told


async def settle(database, key, state):
    await database.write(lambda c: c.execute(update(inbox).where(inbox.c.dedup_key == key).values(state=state)))


async def test_beyond_its_rows_a_tenant_has_no_room_and_others_have(database):
    assert [await keep(database, f"e{n}") for n in range(5)] == ["recorded"] * 3 + ["full"] * 2
    assert await keep(database, "e1") == "repeated", "a repetition needs no room"
    assert await keep(database, "e0", tenant="other") == "recorded"
    assert await usage(database) == (3, 6)
    assert await usage(database, "other") == (1, 2)


async def test_beyond_its_bytes_too(database):
    raw = "é" * 512
    assert [await keep(database, f"e{n}", limits=BYTES, raw=raw) for n in range(3)] == ["recorded", "recorded", "full"]
    assert await usage(database) == (2, 2048)


@pytest.mark.parametrize(("state", "outcome"), [("done", "recorded"), ("dead", "full"), ("waiting", "full")])
async def test_what_was_dealt_with_makes_room_the_oldest_first_and_nothing_else_does(database, state, outcome):
    for n in range(3):
        await keep(database, f"e{n}", now=NOW + timedelta(seconds=n))
    await settle(database, "e0", state)
    assert await keep(database, "e9") == outcome
    assert (await usage(database))[0] == 3


async def test_what_is_forgotten_by_its_age_is_counted_no_more(database):
    for tenant in ("default", "other"):
        for n in range(3):
            await keep(database, f"e{n}", tenant=tenant, now=NOW + timedelta(days=n))
    await settle(database, "e0", "done")
    await settle(database, "e1", "dead")
    old = NOW + timedelta(days=2)
    assert await database.write(lambda c: letters.forget_old(c, old, 3)) == 3
    assert await database.write(lambda c: letters.forget_old(c, old, 10)) == 1
    assert await usage(database) == await usage(database, "other") == (1, 2)


async def test_many_at_once_are_counted_one_by_one(database):
    limits = LimitSettings(inbox_rows_max=1000)
    await asyncio.gather(*(keep(database, f"e{n % 40}", limits=limits) for n in range(60)))
    assert await usage(database) == (40, 80)


async def test_what_an_event_says_stands_in_columns(database):
    event = Event("e1", "1", "ProductOrderStateChangeEvent", state="held", items={"7": "done"}, occurred_at=NOW)
    await database.write(lambda c: record_event(c, "default", "shop", event, "{}", NOW))
    row = await database.read(lambda c: c.execute(select(inbox)).one())
    assert (row.event_type, row.order_state, row.item_states, row.occurred_at) == (
        "ProductOrderStateChangeEvent",
        "held",
        '{"7":"done"}',
        NOW,
    )
    assert row.id == letters.inbox_id("shop", "e1")


def issued(number, credential="c", expires=NOW + timedelta(hours=1)):
    return AccessToken(sha256=f"{number:064d}", credential=credential, upstream=None, expires_at=expires)


async def test_tokens_are_found_by_hash_and_the_oldest_of_a_credential_make_room(database, monkeypatch):
    monkeypatch.setattr(access_tokens, "ALIVE_MAX", 2)

    async def give(number, at=NOW, **what):
        await database.write(lambda c: access_tokens.keep(c, issued(number, **what), at))

    await give(9, credential="other")
    for number in range(4):
        await give(number, NOW + timedelta(seconds=number))
    stored = await database.read(lambda c: sorted(c.execute(select(access_token.c.sha256)).scalars()))
    assert [int(each) for each in stored] == [2, 3, 9]
    found = await database.read(lambda c: access_tokens.find(c, f"{3:064d}"))
    assert found == issued(3)
    assert await database.read(lambda c: access_tokens.find(c, "no")) is None
    await give(10, NOW + timedelta(hours=2))
    stored = await database.read(lambda c: sorted(c.execute(select(access_token.c.sha256)).scalars()))
    assert [int(each) for each in stored] == [10], "expired ones are forgotten"
