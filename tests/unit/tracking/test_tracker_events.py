"""Notifications: hints that an order has changed, kept until the order is read, or dead."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from checkout_work import SALESFORCE, load_checkout, store_checkout
from sqlalchemy import update
from tracker_runs import events, notify, set_columns, show, submitted, told_dead

from gateway.checkouts.stored import store as checkouts
from gateway.clock import utc_now
from gateway.errors import UnavailableError
from gateway.storage.tables import inbox
from gateway.tracking import store
from gateway.upstream.port import ReadFailed


async def test_an_event_is_a_hint_and_the_order_decides(database, tracker, fake):
    await submitted(database)
    show(fake, "In Progress")
    await notify(database)
    assert await tracker.once() == 1
    record = await load_checkout(database)
    assert (record.state, record.order_state, record.upstream_state) == ("submitted", "inProgress", "In Progress")
    assert (await events(database))["e1"].state == "done"
    assert await tracker.once() == 0


async def test_e6_a_forged_end_changes_nothing_because_the_order_says_otherwise(database, tracker, fake):
    await submitted(database)
    show(fake, "Submitted")
    await notify(database)
    await tracker.once()
    assert (await load_checkout(database)).state == "submitted"


async def test_g6_events_in_any_order_doubled_and_early_end_where_the_order_ends(database, tracker, fake, clock):
    show(fake, "Completed")
    for number in range(20):
        await notify(database, f"e{number % 14}")
    await tracker.once()
    assert {row.state for row in (await events(database)).values()} == {"waiting"}
    await submitted(database)
    await database.write(
        lambda connection: store.wake_waiting(connection, "default", "shop", "00000001", database.now(connection))
    )
    await tracker.once()
    assert (await load_checkout(database)).state == "completed"
    assert fake.reads == 1
    assert {row.state for row in (await events(database)).values()} == {"done"}
    show(fake, "In Progress")
    clock.now += 60
    await notify(database, "late")
    await tracker.once()
    assert (await load_checkout(database)).state == "completed"
    assert fake.reads == 1


@pytest.mark.parametrize("seed", range(3))
async def test_g6_a_storm_of_events_ends_where_the_orders_end(database, tracker, fake, clock, seed):
    """30 % doubled, shuffled, some early, unknown or forged: each checkout has its order's state, and none another's."""
    draw = random.Random(seed)
    ends = {
        f"{number:08d}": draw.choice(["Completed", "Cancelled", "In Progress", "failed"]) for number in range(1, 21)
    }
    for order_id, state in ends.items():
        show(fake, state, order_id, externalId=f"gw1-root{order_id}-0")
    late = set(draw.sample(sorted(ends), 4))

    async def store_order(order_id):
        identity = {"id": f"k{order_id}", "marker_root": f"root{order_id}", "order_id": order_id}
        await submitted(database, cart_id=None, cart_live=False, **identity)

    for order_id in ends.keys() - late:
        await store_order(order_id)
    notices = [(f"e{n}", draw.choice(sorted(ends))) for n in range(300)]
    notices += [(f"first {order_id}", order_id) for order_id in ends]  # each order has one at least
    notices += [(f"stranger {n}", f"unknown {n}") for n in range(15)]
    notices += draw.sample(notices, len(notices) // 3)
    draw.shuffle(notices)
    for count, (key, order_id) in enumerate(notices):
        await notify(database, key, order_id)
        if count % 60 == 0:
            await tracker.once()
    for order_id in late:
        await store_order(order_id)
        await database.write(
            lambda connection, order_id=order_id: store.wake_waiting(
                connection, "default", "shop", order_id, database.now(connection)
            )
        )
    looked_at = 1
    while looked_at:  # those that wait because their order was read a moment ago are due, and that moment has passed
        clock.now += 60
        received = update(inbox).where(inbox.c.state == "received").values(due_at=utc_now())
        await database.write(lambda connection, received=received: connection.execute(received))
        looked_at = await tracker.once()
    words = {"Completed": "completed", "Cancelled": "cancelled", "In Progress": "submitted", "failed": "failed"}
    for order_id, state in ends.items():
        record = await load_checkout(database, f"k{order_id}")
        assert (record.state, record.upstream_state) == (words[state], state)
    rows = await events(database)
    assert len(rows) == len(set(notices))
    assert {row.state for key, row in rows.items() if not key.startswith("stranger")} == {"done"}
    assert {row.state for key, row in rows.items() if key.startswith("stranger")} == {"waiting"}


async def test_many_events_of_one_order_cost_one_reading(database, tracker, fake, clock):
    await submitted(database)
    show(fake, "In Progress")
    for number in range(10):
        await notify(database, f"e{number}")
    await tracker.once()
    await notify(database, "soon after")
    await tracker.once()
    assert fake.reads == 1
    row = (await events(database))["soon after"]
    assert (row.state, row.attempts) == ("received", 0)
    assert row.due_at > utc_now()
    clock.now += 2
    await set_columns(database, inbox, due_at=utc_now() - timedelta(seconds=1))
    await tracker.once()
    assert fake.reads == 2
    assert (await events(database))["soon after"].state == "done"


@pytest.mark.parametrize("state", ["accepted", "drafting", "draft", "submitting"])
async def test_e3_an_event_before_the_order_is_live_is_kept(database, tracker, fake, state):
    await store_checkout(database, mapping=SALESFORCE, step="submit", state=state)
    await notify(database)
    await tracker.once()
    assert fake.reads == 0
    row = (await events(database))["e1"]
    assert (row.state, row.attempts, row.detail) == ("waiting", 0, f"the checkout is {state}")
    assert row.due_at > utc_now()


async def test_an_order_that_becomes_known_while_its_event_is_put_aside_is_looked_at_at_once(database, tracker, fake):
    show(fake, "Completed")
    await notify(database)
    write = database.write

    async def known_meanwhile(function):
        database.write = write
        await submitted(database)
        return await write(function)

    database.write = known_meanwhile
    await tracker.once()
    assert (await events(database))["e1"].state == "waiting"
    await tracker.once()
    assert (await events(database))["e1"].state == "done"
    assert (await load_checkout(database)).state == "completed"


async def test_an_event_that_comes_again_when_it_is_about_to_be_dead_is_not_told_as_dead(database, tracker, log):
    await notify(database, order_id="no such order")
    await set_columns(database, inbox, received_at=utc_now() - timedelta(hours=2), due_at=utc_now())
    write = database.write

    async def again(function):
        database.write = write
        await set_columns(database, inbox, received_at=utc_now(), due_at=utc_now())
        return await write(function)

    database.write = again
    await tracker.once()
    assert (await events(database))["e1"].state == "received"
    assert told_dead(log) == []


async def test_e4_an_event_of_an_unknown_order_is_kept_looked_at_less_and_less_often_and_then_dead(
    database, tracker, fake, log
):
    await notify(database, order_id="no such order")
    await tracker.once()
    first = (await events(database))["e1"]
    assert timedelta(seconds=3) < first.due_at - utc_now() <= timedelta(seconds=5)
    for age, wait in ((600, 600), (3000, 900)):
        await set_columns(database, inbox, received_at=utc_now() - timedelta(seconds=age), due_at=utc_now())
        await tracker.once()
        row = (await events(database))["e1"]
        assert row.state == "waiting"
        assert abs((row.due_at - utc_now()).total_seconds() - wait) < 30
    assert told_dead(log) == []
    await set_columns(database, inbox, received_at=utc_now() - timedelta(hours=2), due_at=utc_now())
    await tracker.once()
    dead = (await events(database))["e1"]
    assert (dead.state, dead.due_at) == ("dead", None)
    assert "not known" in dead.detail
    assert fake.reads == 0
    await tracker.once()
    why = "could not be matched with its order for 1 hours"
    assert told_dead(log) == [("default", "shop", "e1", "no such order", why)]


async def test_an_event_of_another_tenant_moves_no_checkout(database, tracker, fake):
    await submitted(database)
    show(fake, "Completed")
    await notify(database, tenant="other")
    await tracker.once()
    assert (await load_checkout(database)).state == "submitted"
    assert fake.reads == 0


@pytest.mark.parametrize(("state", "reads"), [("held", 0), ("completed", 0), ("failed", 0), ("partial", 0)])
async def test_an_event_of_a_checkout_that_nobody_follows_costs_nothing(database, tracker, fake, state, reads):
    await submitted(database, state=state)
    show(fake, "In Progress")
    await notify(database)
    await tracker.once()
    assert fake.reads == reads
    assert (await events(database))["e1"].state == "done"


@pytest.mark.parametrize("state", ["rejected", "cancelled"])
async def test_an_order_that_is_live_after_its_checkout_was_told_as_ended_makes_it_held(database, tracker, fake, state):
    await submitted(database, state=state, cart_live=False)
    show(fake, "In Progress")
    await notify(database)
    await tracker.once()
    record = await load_checkout(database)
    assert (record.state, record.reason_code, record.upstream_state) == ("held", "live_after_end", "In Progress")
    assert f"told as {state}, and its order 00000001 is live" in record.status_reason
    assert "it is held" in (await events(database))["e1"].detail


@pytest.mark.parametrize(
    "shown", [{"state": "Draft"}, {"state": "Cancelled"}, {"state": "In Progress", "externalId": "WEB-1"}, None]
)
async def test_an_order_that_is_not_live_or_not_ours_leaves_an_ended_checkout_as_it_is(database, tracker, fake, shown):
    await submitted(database, state="rejected", cart_live=False)
    if shown is not None:
        show(fake, **shown)
    await notify(database)
    await tracker.once()
    assert (await load_checkout(database)).state == "rejected"
    assert (await events(database))["e1"].state == "done"


async def test_events_are_kept_while_the_order_system_is_away(database, tracker, fake, clock):
    await submitted(database)
    show(fake, "Completed")
    await notify(database)
    for _ in range(30):  # far more than attempts_max
        fake.script_reads([ReadFailed("503", status=503)])
        clock.now += 60
        await set_columns(database, inbox, due_at=utc_now() - timedelta(seconds=1))
        await tracker.once()
    row = (await events(database))["e1"]
    assert (row.state, row.attempts, row.detail) == ("received", 0, "503")
    clock.now += 60
    await set_columns(database, inbox, due_at=utc_now() - timedelta(seconds=1))
    await tracker.once()
    assert (await load_checkout(database)).state == "completed"


async def test_an_event_waits_as_long_as_the_order_system_asks(database, tracker, fake):
    await submitted(database)
    fake.script_reads([ReadFailed("429", status=429, retry_after_seconds=500.0)])
    await notify(database)
    await tracker.once()
    assert (await events(database))["e1"].due_at > utc_now() + timedelta(seconds=400)


async def test_e8_an_event_that_breaks_its_processing_is_put_off_and_then_dead(database, tracker, fake, clock, log):
    await submitted(database)

    async def broken(_order_id):
        raise RuntimeError("a defect")

    fake.get_order = broken
    await notify(database)
    for attempts, state in ((1, "received"), (2, "received"), (3, "dead")):
        clock.now += 60
        await set_columns(database, inbox, due_at=utc_now() - timedelta(seconds=1))
        await tracker.once()
        row = (await events(database))["e1"]
        assert (row.attempts, row.state) == (attempts, state)
    assert await tracker.once() == 0
    assert told_dead(log) == [("default", "shop", "e1", "00000001", "processing it failed 3 times")]


async def test_a_database_that_cannot_be_written_is_told_once_a_minute_whatever_waits_for_it(
    database, tracker, fake, clock, monkeypatch, log
):
    await submitted(database)
    show(fake, "Completed")
    for number in range(3):
        await notify(database, f"e{number}", f"unknown-{number}")

    async def away(_function):
        raise UnavailableError("away")

    monkeypatch.setattr(database, "write", away)
    for _ in range(5):
        assert await tracker.once() == 0
    clock.now += 61
    assert await tracker.once() == 0
    told = [json.loads(line) for line in log.getvalue().splitlines() if "tracking.put_off" in line]
    assert [(line["waiting"], line["reason"]) for line in told] == [(3, "away")] * 2


# -- what is known already costs no reading ------------------------------------------------------------------------------------

SAYS_KNOWN = {"event_type": "ProductOrderStateChangeEvent", "state": "Submitted"}


async def with_lines(database, **states):
    await submitted(database)
    lines = {item_id: {"line_id": f"802-{item_id}", "state": state} for item_id, state in states.items()}
    await database.write(lambda c: checkouts.put_documents(c, "default", "k1", {"lines": json.dumps(lines).encode()}))


@pytest.mark.parametrize(
    ("said", "reads"),
    [
        (SAYS_KNOWN, 0),
        ({**SAYS_KNOWN, "state": "SUBMITTED"}, 0),
        ({**SAYS_KNOWN, "event_type": "ProductOrderCreationNotification"}, 0),
        ({**SAYS_KNOWN, "items": {"1": "In Progress", "802-2": "Completed"}}, 0),
        ({**SAYS_KNOWN, "items": {"1": "In Progress", "802-2": "Rejected"}}, 1),
        ({**SAYS_KNOWN, "items": {"1": "In Progress", "9": "Completed"}}, 1),
        ({**SAYS_KNOWN, "state": "In Progress"}, 1),
        ({**SAYS_KNOWN, "state": None}, 1),
        ({**SAYS_KNOWN, "event_type": "ProductOrderAttributeValueChangeEvent"}, 1),
        ({**SAYS_KNOWN, "event_type": "CancelProductOrderStateChangeEvent"}, 1),
        ({**SAYS_KNOWN, "event_type": "ProductOrderMilestoneEvent"}, 1),
    ],
)
async def test_a_notification_of_what_is_known_costs_no_reading(database, tracker, fake, said, reads):
    await with_lines(database, **{"1": "inProgress", "2": "completed"})
    show(fake, "In Progress")
    await notify(database, said=said)
    await tracker.once()
    assert fake.reads == reads
    assert (await events(database))["e1"].state == "done"


async def test_a_known_state_is_read_all_the_same_while_something_is_in_doubt(database, tracker, fake):
    await submitted(database, awaiting="own_order", awaiting_since=utc_now())
    show(fake, "Submitted")
    await notify(database, said=SAYS_KNOWN)
    await tracker.once()
    assert fake.reads == 1


async def test_one_look_is_for_all_notifications_of_an_order_due_or_not(database, tracker, fake):
    await submitted(database)
    show(fake, "In Progress")
    for number in range(150):
        await notify(database, f"e{number}")
    await set_columns(database, inbox, due_at=utc_now() + timedelta(hours=1))
    await notify(database, "due")
    assert await tracker.once() == 1
    assert fake.reads == 1
    assert {row.state for row in (await events(database)).values()} == {"done"}
