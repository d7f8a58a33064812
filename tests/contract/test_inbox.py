from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_work import NOW, SALESFORCE, load_checkout, store_checkout
from inbox_runs import record_event
from sqlalchemy import select

from gateway.storage.tables import inbox, inbox_usage
from gateway.submission import store as submissions
from gateway.tracking import store
from gateway.tracking.due_events import due_events, settle_events
from gateway.tracking.events import Event
from gateway.tracking.inbox import forget_old

KNOWN = Event("e1", "00000001", "ProductOrderStateChangeEvent")


def soon(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def record(database):
    async def keep(event=KNOWN, *, tenant="default", upstream="shop", raw="{}", now=NOW):
        return await database.write(
            lambda connection: record_event(connection, tenant, upstream, event, raw, now) == "recorded"
        )

    return keep


async def rows(database):
    return await database.read(
        lambda connection: list(connection.execute(select(inbox).order_by(inbox.c.tenant, inbox.c.dedup_key)))
    )


async def due(database, now=NOW):
    return await database.read(lambda connection: due_events(connection, now, 10))


async def settle(database, row, **what):
    await database.write(lambda connection: settle_events(connection, [row], **what))


async def test_an_event_is_kept_whole_and_due_at_once(database, record):
    assert await record(raw='{"eventId": "e1"}')
    (row,) = await due(database)
    assert (row.tenant, row.upstream, row.order_id, row.state) == ("default", "shop", "00000001", "received")
    assert (await rows(database))[0].raw == '{"eventId": "e1"}'


async def test_e1_the_same_event_id_is_one_event_whatever_became_of_it(database, record):
    assert await record()
    assert not await record(raw='{"other": "body"}')
    (row,) = await due(database)
    for state in ("done", "waiting", "dead"):
        await settle(database, row, state=state, due_at=None, detail=None)
        assert not await record(now=soon(60))
    assert len(await rows(database)) == 1
    assert await due(database, soon(99)) == []


async def test_the_same_event_id_of_another_tenant_or_upstream_is_another_event(database, record):
    assert await record()
    assert await record(tenant="other")
    assert await record(upstream="elsewhere")
    assert len(await rows(database)) == 3


async def test_an_event_without_an_id_that_comes_again_after_it_was_dealt_with_is_looked_at_again(database, record):
    event = Event("sha256-x", "00000001", "unknown", identified=False)
    assert await record(event)
    assert not await record(event)
    (row,) = await due(database)
    await settle(database, row, state="done", due_at=None, detail=None)
    assert await due(database, soon(99)) == []
    assert await record(event, now=soon(60))
    (again,) = await due(database, soon(60))
    assert (again.state, again.received_at) == ("received", soon(60))


async def test_an_event_that_came_again_while_it_was_dealt_with_is_not_settled_by_that(database, record):
    event = Event("sha256-x", "00000001", "unknown", identified=False)
    await record(event)
    (row,) = await due(database)
    await settle(database, row, state="done", due_at=None, detail=None)
    await record(event, now=soon(1))
    await settle(database, row, state="done", due_at=None, detail="late")
    assert [row.state for row in await due(database, soon(1))] == ["received"]


async def test_an_event_that_names_no_order_is_kept_and_never_due(database, record):
    await record(Event("e1", None, "unknown"))
    assert await due(database, soon(99)) == []
    (row,) = await rows(database)
    assert (row.state, row.detail) == ("dead", "names no order")


async def test_only_failures_count_as_attempts(database, record):
    await record()
    for failed, attempts in ((False, 0), (True, 1), (False, 1), (True, 2)):
        (row,) = await due(database)
        await settle(database, row, state="received", due_at=NOW, detail="x", failed=failed)
        assert (await due(database))[0].attempts == attempts


async def test_early_events_are_woken_by_the_order_they_wait_for_and_by_no_other(database, record):
    await record()
    (row,) = await due(database)
    await settle(database, row, state="waiting", due_at=soon(900), detail="early")
    for tenant, upstream, order_id in (
        ("other", "shop", "00000002"),
        ("default", "elsewhere", "00000001"),
        ("default", "shop", "00000002"),
    ):
        await database.write(
            lambda connection, key=(tenant, upstream, order_id): store.wake_waiting(connection, *key, NOW)
        )
        assert await due(database) == []
    await database.write(lambda connection: store.wake_waiting(connection, "default", "shop", "00000001", NOW))
    assert len(await due(database)) == 1


async def test_what_was_kept_for_every_tenant_is_forgotten_by_those_whose_order_it_is_not(database, record):
    for tenant in ("default", "other"):
        await record(raw="{ }", tenant=tenant)
        await record(Event("e2", "00000002", "x"), raw="{ }", tenant=tenant)
    await record(raw="{ }", tenant="other", upstream="elsewhere")
    await database.write(lambda connection: store.wake_waiting(connection, "default", "shop", "00000001", NOW))
    kept = {(row.tenant, row.upstream, row.order_id) for row in await rows(database)}
    assert kept == {
        *(("default", "shop", order_id) for order_id in ("00000001", "00000002")),
        ("other", "shop", "00000002"),
        ("other", "elsewhere", "00000001"),
    }
    usage = select(inbox_usage.c.tenant, inbox_usage.c.row_count, inbox_usage.c.byte_count)
    counted = await database.read(lambda connection: {row.tenant: row[1:] for row in connection.execute(usage)})
    assert counted == {"default": (2, 6), "other": (2, 6)}


async def test_a_tenant_that_follows_an_order_with_the_same_id_keeps_what_came_of_it(database, record):
    await store_checkout(database, tenant="other", upstream="shop", order_id="00000001")
    for tenant in ("default", "other"):
        await record(tenant=tenant)
    await database.write(lambda connection: store.wake_waiting(connection, "default", "shop", "00000001", NOW))
    assert [row.tenant for row in await rows(database)] == ["default", "other"]


async def test_waking_leaves_alone_what_was_dealt_with(database, record):
    await record()
    (row,) = await due(database)
    await settle(database, row, state="done", due_at=None, detail=None)
    await database.write(lambda connection: store.wake_waiting(connection, "default", "shop", "00000001", NOW))
    assert await due(database) == []


async def test_events_that_were_dealt_with_long_ago_are_forgotten_and_no_others(database, record):
    for name, state in (("done", "done"), ("dead", "dead"), ("waiting", "waiting"), ("received", "received")):
        await record(Event(name, "00000001", "x"))
        row = next(row for row in await due(database) if row.dedup_key == name)
        await settle(database, row, state=state, due_at=NOW, detail=None)
    await record(Event("young", None, "x"), now=soon(60))
    assert await database.write(lambda connection: forget_old(connection, soon(60), 1)) == 1
    assert await database.write(lambda connection: forget_old(connection, soon(60), 10)) == 1
    assert {row.dedup_key for row in await rows(database)} == {"waiting", "received", "young"}


async def test_only_live_orders_whose_time_has_come_are_polled(database):
    for number, (state, due_at) in enumerate(
        [("submitted", NOW), ("submitted", soon(1)), ("submitted", None), ("held", NOW), ("completed", NOW)]
    ):
        await store_checkout(
            database, mapping=SALESFORCE, id=f"k{number}", cart_id=f"c{number}", state=state, track_due_at=due_at
        )
    found = await database.read(lambda connection: store.due_orders(connection, NOW, 10))
    assert [record.id for record in found] == ["k0"]


async def test_of_two_replicas_one_reads_the_order(database):
    record = await store_checkout(database, state="submitted", track_due_at=NOW)
    assert await database.write(lambda connection: store.put_off_order(connection, record, soon(60)))
    assert not await database.write(lambda connection: store.put_off_order(connection, record, soon(60)))


async def test_a_poll_is_not_set_for_a_checkout_that_ended_meanwhile(database):
    record = await store_checkout(database, state="completed", track_due_at=None)
    await database.write(lambda connection: store.set_poll(connection, record, {"track_due_at": NOW}))
    assert await database.read(lambda connection: store.due_orders(connection, soon(9), 10)) == []


# -- markers: an order that is not known here yet ----------------------------------------------------------------------------

MARKER = "gw1-abcdefghijklmnop-0"
NAMED = Event("e1", "00000077", "ProductOrderCreateEvent", marker=MARKER)


async def stored(database, **columns):
    """Store a checkout whose order was accepted without an id, due in a while."""
    waiting = {"step_state": "UNKNOWN", "awaiting": "order_id", "state": "drafting", "due_at": soon(600)}
    identity = {"cart_id": None, "cart_live": False}
    return await store_checkout(database, mapping=SALESFORCE, **{**identity, **waiting, **columns})


async def wake(database, marker=MARKER, tenant="default", upstream="shop"):
    return await database.write(lambda connection: store.wake_marked(connection, tenant, upstream, marker, NOW))


async def told(database, checkout):
    found = await database.read(lambda connection: submissions.notified_orders(connection, checkout))
    return [(order.id, order.marker) for order in found]


async def test_a_notification_names_the_order_of_the_checkout_whose_marker_it_carries(database, record):
    checkout = await stored(database)
    assert await told(database, checkout) == []
    await record(NAMED)
    await record(Event("e2", "00000077", "x", marker=MARKER), now=soon(1))
    await record(Event("e3", "00000078", "x", marker=MARKER), now=soon(2))
    await record(Event("e4", "00000079", "x", marker="gw1-abcdefghijklmnop-1"))
    await record(Event("e5", "00000080", "x"))
    await record(Event("e6", "../admin", "x", marker=MARKER))
    await record(Event("e7", "00000081", "x", marker=MARKER), tenant="other")
    await record(Event("e8", "00000082", "x", marker=MARKER), upstream="elsewhere")
    assert await told(database, checkout) == [("00000077", MARKER), ("00000078", MARKER)]


async def test_only_the_checkout_that_waits_with_this_marker_is_woken(database):
    await stored(database)
    for marker in ("gw1-abcdefghijklmnop-1", "gw1-zzzzzzzzzzzzzzzz-0", "no marker"):
        assert await wake(database, marker) == 0
    assert await wake(database, tenant="other") == 0
    assert await wake(database, upstream="elsewhere") == 0
    assert (await load_checkout(database)).due_at == soon(600)
    assert await wake(database) == 1
    assert (await load_checkout(database)).due_at == NOW
    assert await wake(database) == 0, "it is due"


@pytest.mark.parametrize(
    "columns",
    [
        {"step_state": "PLANNED", "awaiting": None},
        {"step_state": "SENDING", "awaiting": None},
        {"order_id": "00000001"},
        {"state": "held", "due_at": None},
    ],
    ids=["not sent", "being sent", "known", "held"],
)
async def test_nothing_else_is_woken_by_a_marker(database, columns):
    checkout = await stored(database, **columns)
    assert await wake(database) == 0
    assert (await load_checkout(database)).due_at == checkout.due_at


async def test_a_lost_answer_is_resolved_by_a_notification_as_well(database):
    await stored(database, awaiting=None)
    assert await wake(database) == 1


async def test_of_several_tenants_the_one_that_waits_for_the_marker_gets_the_notification(database):
    tenants = ("default", "other")

    async def concerned(event):
        return await database.read(lambda c: list(store.tenants_of_order(c, tenants, "shop", event)))

    assert await concerned(NAMED) == ["default", "other"], "nobody knows it yet"
    await stored(database)
    assert await concerned(NAMED) == ["default"]
    assert await concerned(Event("e2", "00000077", "x")) == ["default", "other"]
    assert await concerned(Event("e3", "00000077", "x", marker="gw1-zzzzzzzzzzzzzzzz-0")) == ["default", "other"]


async def test_of_notifications_and_orders_every_tenant_and_order_system_has_its_share(database, record):
    for number in range(6):
        order_id = f"1000000{number}"
        await record(Event(f"loud{number}", order_id, "x"), tenant="loud")
        await store_checkout(
            database,
            tenant="loud",
            mapping=SALESFORCE,
            id=f"k{number}",
            cart_id=None,
            cart_live=False,
            state="submitted",
            order_id=order_id,
            track_due_at=NOW,
        )
    # Of the same tenant in another order system, and of another tenant in the same one; each is due last.
    for tenant, upstream in (("loud", "elsewhere"), ("quiet", "shop")):
        await record(Event("e", "00000001", "x"), tenant=tenant, upstream=upstream, now=soon(1))
        await store_checkout(
            database,
            tenant=tenant,
            upstream=upstream,
            mapping=SALESFORCE,
            id="k",
            cart_id=None,
            cart_live=False,
            state="submitted",
            track_due_at=soon(1),
        )
    expected = [("loud", "shop"), ("loud", "elsewhere"), ("quiet", "shop"), ("loud", "shop")]
    for look in (due_events, store.due_orders):
        found = await database.read(lambda connection, look=look: look(connection, soon(2), 4))
        assert sorted(expected) == sorted((each.tenant, each.upstream) for each in found), look
        assert {(each.tenant, each.upstream) for each in found[:3]} == set(expected)
