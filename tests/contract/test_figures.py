"""The figures that operators watch are those of the database."""

from __future__ import annotations

from datetime import timedelta

from checkout_work import NOW, record_of
from sqlalchemy import insert

from gateway.checkouts.figures import longest_due, unfinished_counts
from gateway.storage.tables import checkout


def stored(connection, checkout_id, **columns):
    record = record_of(**columns)
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    connection.execute(insert(checkout).values({**values, "id": checkout_id, "cart_id": checkout_id}))


async def test_a_held_checkout_is_counted_and_an_ended_one_is_not(database):
    def function(connection):
        stored(connection, "a", state="held", due_at=None)
        stored(connection, "b", state="accepted", due_at=NOW - timedelta(seconds=40))
        stored(connection, "c", state="accepted", due_at=NOW)
        stored(connection, "d", state="completed", due_at=None)

    await database.write(function)
    counts = await database.read(unfinished_counts)

    tenant = record_of().tenant
    assert counts == {tenant: {"held": 1, "accepted": 2}}
    assert await database.read(longest_due) == {tenant: NOW - timedelta(seconds=40)}


async def test_nothing_waits_in_an_empty_database(database):
    assert await database.read(longest_due) == {}
