"""The cart store does the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.carts import holding, store
from gateway.storage import Database
from gateway.storage.tables import cart

NOW = datetime(2026, 11, 21, 22, 53, 35, 123456, tzinfo=UTC)
DOCUMENT = '{"id":"one","price":19.90,"text":"Grüße 🛒 % ? :name"}'


async def inserted(database: Database, *cart_ids: str, tenant: str = "a") -> None:
    for index, cart_id in enumerate(cart_ids):
        moment = NOW + timedelta(microseconds=index)
        await database.write(lambda c, i=cart_id, m=moment: store.insert(c, tenant, i, store.CartContent(DOCUMENT), m))


async def fetched(database: Database, cart_id: str, tenant: str = "a") -> store.CartRow | None:
    return await database.read(lambda c: store.get(c, tenant, cart_id))


async def test_what_was_inserted_comes_back_byte_for_byte(database: Database) -> None:
    await inserted(database, "one")

    expected = store.CartRow("one", 1, DOCUMENT, None, NOW, NOW)

    assert await fetched(database, "one") == expected
    assert await database.read_brief(lambda c: store.get(c, "a", "one")) == expected


async def test_another_tenant_sees_and_changes_nothing(database: Database) -> None:
    await inserted(database, "one")

    assert await fetched(database, "one", tenant="b") is None
    assert (await database.read(lambda c: store.list_page(c, "b", limit=10, offset=0))) == ([], 0)
    assert not await database.write(lambda c: store.update(c, "b", "one", 1, store.CartContent("{}"), NOW))
    assert not await database.write(lambda c: store.delete(c, "b", "one", 1))
    assert not await database.write(lambda c: holding.lock(c, "b", "one", "checkout"))

    await inserted(database, "one", tenant="b")

    assert await database.write(lambda c: store.delete(c, "b", "one", 1))
    assert await fetched(database, "one") is not None


async def test_the_same_id_twice_is_refused(database: Database) -> None:
    await inserted(database, "one")

    with pytest.raises(IntegrityError):
        await inserted(database, "one")


async def test_update_counts_the_version_and_needs_the_one_that_was_read(database: Database) -> None:
    await inserted(database, "one")
    later = NOW + timedelta(days=1)

    assert await database.write(lambda c: store.update(c, "a", "one", 1, store.CartContent('{"n":2}'), later))
    assert not await database.write(lambda c: store.update(c, "a", "one", 1, store.CartContent('{"n":3}'), later))

    assert await fetched(database, "one") == store.CartRow("one", 2, '{"n":2}', None, NOW, later)


async def test_delete_needs_the_version_that_was_read(database: Database) -> None:
    await inserted(database, "one")

    assert not await database.write(lambda c: store.delete(c, "a", "one", 2))
    assert await database.write(lambda c: store.delete(c, "a", "one", 1))
    assert not await database.write(lambda c: store.delete(c, "a", "one", 1))
    assert await fetched(database, "one") is None


async def test_a_held_cart_does_not_change_until_its_checkout_lets_go(database: Database) -> None:
    await inserted(database, "one")

    assert await database.write(lambda c: holding.lock(c, "a", "one", "first", expected_version=1))
    assert await database.write(lambda c: holding.lock(c, "a", "one", "first"))
    assert not await database.write(lambda c: holding.lock(c, "a", "one", "second"))
    assert not await database.write(lambda c: store.update(c, "a", "one", 1, store.CartContent("{}"), NOW))
    assert not await database.write(lambda c: store.delete(c, "a", "one", 1))
    assert not await database.write(lambda c: holding.release(c, "a", "one", "second"))

    row = await fetched(database, "one")
    assert row is not None
    assert (row.checkout_id, row.version) == ("first", 1)

    assert await database.write(lambda c: holding.release(c, "a", "one", "first"))
    assert not await database.write(lambda c: holding.release(c, "a", "one", "first"))
    assert await database.write(lambda c: store.update(c, "a", "one", 1, store.CartContent("{}"), NOW))


async def test_holding_needs_the_expected_version_and_an_existing_cart(database: Database) -> None:
    await inserted(database, "one")

    assert not await database.write(lambda c: holding.lock(c, "a", "one", "first", expected_version=2))
    assert not await database.write(lambda c: holding.lock(c, "a", "two", "first"))


async def test_a_list_is_in_the_order_of_creation_and_counts_all(database: Database) -> None:
    names = ["one", "two", "three", "four", "five"]
    await inserted(database, *names)

    page = await database.read(lambda c: store.list_page(c, "a", limit=2, offset=1))
    assert ([row.id for row in page.rows], page.total) == (["two", "three"], 5)

    page = await database.read(lambda c: store.list_page(c, "a", limit=2, offset=4))
    assert ([row.id for row in page.rows], page.total) == (["five"], 5)

    page = await database.read(lambda c: store.list_page(c, "a", limit=2, offset=9))
    assert page == ([], 5)


@pytest.mark.parametrize(("carts", "ids"), [(0, ["one"]), (2, ["one", "two"]), (9, ["one", "two", "three"])])
async def test_a_page_of_large_carts_ends_early_and_has_one_at_least(
    database: Database, monkeypatch: pytest.MonkeyPatch, carts: int, ids: list[str]
) -> None:
    await inserted(database, "one", "two", "three")
    monkeypatch.setattr(store, "PAGE_CHARACTERS_MAX", carts * len(DOCUMENT))

    page = await database.read(lambda c: store.list_page(c, "a", limit=10, offset=0))
    assert ([row.id for row in page.rows], page.total) == (ids, 3)


async def test_a_list_can_be_narrowed_to_ids(database: Database) -> None:
    await inserted(database, "one", "two", "three")

    wanted = [cart.c.id.in_(["three", "one", "nine"])]
    page = await database.read(lambda c: store.list_page(c, "a", limit=10, offset=0, conditions=wanted))
    assert ([row.id for row in page.rows], page.total) == (["one", "three"], 2)

    page = await database.read(lambda c: store.list_page(c, "a", limit=10, offset=0, conditions=[cart.c.id.in_([])]))
    assert page == ([], 0)
