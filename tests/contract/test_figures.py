"""The figures that operators watch are those of the database."""

from __future__ import annotations

from datetime import timedelta

from checkout_work import NOW, record_of
from inbox_runs import record_event
from sqlalchemy import insert

from gateway.checkouts.stored.figures import UnfinishedGroup, last_notifications, longest_due, unfinished_groups
from gateway.metrics import Metrics, UnfinishedCheckouts
from gateway.storage.opening import write_ahead_log_bytes
from gateway.storage.tables import checkout
from gateway.tracking.events import Event


def stored(connection, checkout_id, **columns):
    record = record_of(**columns)
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    connection.execute(insert(checkout).values({**values, "id": checkout_id, "cart_id": checkout_id}))


async def test_a_held_checkout_is_counted_and_an_ended_one_is_not(database):
    def function(connection):
        stored(connection, "a", state="held", due_at=None, created_at=NOW - timedelta(hours=2))
        stored(
            connection, "b", state="accepted", due_at=NOW - timedelta(seconds=40), created_at=NOW - timedelta(minutes=1)
        )
        stored(connection, "c", state="accepted", due_at=NOW, created_at=NOW)
        stored(connection, "d", state="completed", due_at=None)

    await database.write(function)
    groups = await database.read(unfinished_groups)

    tenant, upstream = record_of().tenant, record_of().upstream
    assert sorted(groups) == [
        UnfinishedGroup(tenant, upstream, "accepted", 2, NOW - timedelta(minutes=1)),
        UnfinishedGroup(tenant, upstream, "held", 1, NOW - timedelta(hours=2)),
    ]
    assert await database.read(longest_due) == {tenant: NOW - timedelta(seconds=40)}


async def test_the_latest_notification_of_each_order_system_is_known(database):
    for number, upstream in ((1, "shop"), (2, "shop"), (3, "plain")):
        event, at = Event(f"e{number}", "1", "x"), NOW + timedelta(seconds=number)
        await database.write(lambda c, of=(upstream, event, at): record_event(c, "default", of[0], of[1], "{}", of[2]))
    found = await database.read(lambda c: last_notifications(c, ["shop", "plain", "other"]))
    assert found == {"shop": NOW + timedelta(seconds=2), "plain": NOW + timedelta(seconds=3)}


async def test_the_size_of_the_write_ahead_log_is_told_where_there_is_one(database):
    await database.write(lambda connection: stored(connection, "a"))
    metrics, embedded = Metrics(), database.engine.dialect.name == "sqlite"
    metrics.write_ahead_log_bytes = lambda: write_ahead_log_bytes(database.engine)
    families = {family.name: family for family in metrics.families("default")}
    assert ("gateway_sqlite_wal_bytes" in families) == embedded
    if embedded:
        assert families["gateway_sqlite_wal_bytes"].samples[0].value > 0


def test_how_long_an_order_system_is_silent_is_told_to_the_tenants_that_it_serves():
    metrics = Metrics()
    metrics.set_upstreams({"shop": False, "plain": False}, {"shop": ("acme",), "plain": ()})
    metrics.set_silence({"shop": 7.0, "plain": 9.0})
    for tenant, seen in (("acme", {7.0, 9.0}), ("beta", {9.0}), (None, {7.0, 9.0})):
        families = {family.name: family for family in metrics.families(tenant)}
        samples = families["gateway_notifications_silence_seconds"].samples
        assert {sample.value for sample in samples} == seen


def test_the_oldest_unfinished_checkout_of_each_order_system_and_state_is_told_to_its_tenant():
    metrics = Metrics()
    metrics.set_unfinished(
        ("held", "submitted"),
        [
            UnfinishedCheckouts("acme", "shop", "held", 2, 7200.0),
            UnfinishedCheckouts("beta", "shop", "held", 1, 60.0),
            UnfinishedCheckouts("beta", "plain", "submitted", 4, 5.0),
        ],
    )
    for tenant, ages, held in (
        ("acme", {("shop", "held"): 7200.0}, 2),
        ("beta", {("shop", "held"): 60.0, ("plain", "submitted"): 5.0}, 1),
        (None, {("shop", "held"): 7200.0, ("plain", "submitted"): 5.0}, 3),
    ):
        families = {family.name: family for family in metrics.families(tenant)}
        samples = families["gateway_checkouts_oldest_unfinished_age_seconds"].samples
        assert {(each.labels["upstream"], each.labels["state"]): each.value for each in samples} == ages
        assert {each.labels["state"]: each.value for each in families["gateway_checkouts"].samples}["held"] == held


async def test_nothing_waits_in_an_empty_database(database):
    assert await database.read(longest_due) == {}
