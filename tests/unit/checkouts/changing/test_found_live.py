"""A live order of a checkout that ended, or gave it up, is found: what that makes of it, of its cart and of who has the cart now."""

from __future__ import annotations

import json

import pytest
from checkout_work import MARKER_ROOT, NOW, PLAIN, SALESFORCE, load_checkout, store_checkout
from hub_dispatch import subscribed
from sqlalchemy import select

from gateway.carts import holding
from gateway.carts import store as carts
from gateway.checkouts.changing.found_live import found_live, tell
from gateway.checkouts.states import CART_RELEASED, FINAL
from gateway.checkouts.stored import store as checkouts
from gateway.errors import StaleLeaseError
from gateway.lanes import Lane
from gateway.metrics import Metrics
from gateway.ordering import Marker, ObservedOrder
from gateway.settings import SubmissionSettings
from gateway.storage.leases import Lease
from gateway.storage.tables import cart, hub_event
from gateway.submission import claims
from gateway.submission import store as submission
from gateway.submission.decisions.actions import Save

ORDER = ObservedOrder(
    id="00000009", href="/o/9", state="In Progress", marker=Marker((f"gw1-{MARKER_ROOT}-0",)), lines=()
)


@pytest.fixture
async def stored(database):
    await subscribed(database, "one", tenant="default", resource="checkout")
    await database.write(lambda connection: carts.insert(connection, "default", "c1", carts.CartContent("{}"), NOW))
    return database


async def ended(database, state="rejected", **columns):
    return await store_checkout(
        database,
        mapping=PLAIN,
        **{
            "state": state,
            "cart_live": False,
            "due_at": None,
            "status_reason": "no",
            "reason_code": "refused",
            **columns,
        },
    )


async def second(database, **columns):
    record = await store_checkout(
        database, mapping=PLAIN, **{"id": "k2", "marker_root": "qrstuvwxyzabcdef", "state": "accepted", **columns}
    )
    await database.write(lambda connection: holding.lock(connection, "default", "c1", "k2"))
    return record


async def find(database, order=ORDER, checkout_id="k1"):
    return await database.write(
        lambda connection: found_live(connection, "default", checkout_id, order, SALESFORCE, NOW)
    )


async def holder(database):
    return await database.read(lambda connection: connection.execute(select(cart.c.checkout_id)).scalar_one())


async def findings(database, checkout_id="k1"):
    found = await database.read(
        lambda connection: checkouts.documents(connection, "default", checkout_id, ("findings",))
    )
    return [(one["code"], one["message"]) for one in json.loads(found["findings"]) if one["severity"] == "error"]


async def events(database):
    rows = await database.read(lambda connection: list(connection.execute(select(hub_event))))
    documents = [json.loads(row.document) for row in rows if row.event_type == "CheckoutStateChangeEvent"]
    return [(document["id"], document["state"], document["reason"]["code"]) for document in documents]


@pytest.mark.parametrize("state", sorted(CART_RELEASED))
async def test_a_checkout_that_was_told_as_ended_is_held_says_so_and_takes_its_cart_back(stored, state):
    await ended(stored, state)
    found = await find(stored)
    record = await load_checkout(stored)
    assert (record.state, record.reason_code, record.order_id) == ("held", "live_after_end", "00000009")
    assert (record.order_state, record.upstream_state, record.order_href) == ("inProgress", "In Progress", "/o/9")
    assert f"told as {state}, and its order 00000009 is live" in record.status_reason
    assert (record.cart_live, await holder(stored)) == (True, "k1")
    assert [code for code, _ in await findings(stored)] == ["live_after_end"]
    assert await events(stored) == [("k1", "held", "live_after_end")]
    assert (found.orders, found.rival, found.news) == ((), None, True)


async def test_a_cart_by_value_needs_no_lock(stored):
    await ended(stored, cart_id=None)
    await find(stored)
    record = await load_checkout(stored)
    assert (record.state, record.cart_live) == ("held", False)


@pytest.mark.parametrize("step_state", ["PLANNED", "SENDING", "UNKNOWN"])
@pytest.mark.parametrize("state", ["accepted", "submitting"])
async def test_a_second_checkout_of_the_cart_is_held_before_its_own_order_and_each_names_the_other(
    stored, state, step_state
):
    await ended(stored)
    await second(stored, state=state, step_state=step_state)
    await find(stored)
    first, other = await load_checkout(stored), await load_checkout(stored, "k2")
    assert (first.state, other.state) == ("held", "held")
    assert "checkout k2" in first.status_reason
    assert "checkout k1" in other.status_reason
    assert "00000009" in other.status_reason
    assert other.reason_code == "duplicate_orders"
    assert (first.cart_live, other.cart_live, await holder(stored)) == (False, True, "k2")
    assert [code for code, _ in await findings(stored, "k2")] == ["ordered_twice"]
    assert {event[:2] for event in await events(stored)} == {("k1", "held"), ("k2", "held")}


async def test_the_worker_of_the_second_checkout_cannot_commit_its_intent_any_more(stored):
    await ended(stored)
    await second(stored)

    def claimed(connection):
        now = stored.now(connection)
        return claims.claim(connection, Lane("default", "shop"), Lease("w", now, 60), 1)

    (record,) = await stored.write(claimed)
    await find(stored)
    intent = Save(changes={"state": "submitting", "step_state": "SENDING"})

    def commit(connection):
        submission.save(
            connection, record, intent, NOW, plan=None, known={}, settings=SubmissionSettings(lease_seconds=60)
        )

    with pytest.raises(StaleLeaseError):
        await stored.write(commit)
    assert (await load_checkout(stored, "k2")).state == "held"


@pytest.mark.parametrize("state", ["submitted", "completed", "held"])
async def test_a_second_checkout_that_has_its_order_says_that_there_are_two(stored, state):
    await ended(stored)
    await second(stored, state=state, order_id="00000010", due_at=None)
    found = await find(stored)
    assert found.orders == ("00000009", "00000010")
    other = await load_checkout(stored, "k2")
    assert other.state == state
    assert "order 00000010" in (await load_checkout(stored)).status_reason
    assert "checkout k1" in (await findings(stored, "k2"))[0][1]


async def test_the_cart_of_a_checkout_that_is_held_without_it_is_not_free_for_a_third(stored):
    await ended(stored)
    await second(stored)
    await find(stored)
    live = await stored.read(lambda connection: checkouts.live_of_cart(connection, "default", "c1"))
    assert live.id == "k2"

    def close(connection):
        record = checkouts.get_for_update(connection, "default", "k2")
        checkouts.change(connection, record, {"state": "cancelled"}, NOW)

    await stored.write(close)
    assert await holder(stored) is None
    live = await stored.read(lambda connection: checkouts.live_of_cart(connection, "default", "c1"))
    assert live.id == "k1"


async def test_a_draft_that_was_given_up_and_is_live_holds_a_checkout_that_would_make_another(stored):
    await store_checkout(stored, mapping=SALESFORCE, generation=1, state="drafting", order_id="00000002")
    found = await find(stored)
    record = await load_checkout(stored)
    assert (record.state, record.reason_code) == ("held", "duplicate_orders")
    assert "00000009" in record.status_reason
    assert found.orders == ()


async def test_a_draft_that_was_given_up_and_is_live_beside_the_submitted_order_are_two(stored):
    await store_checkout(stored, mapping=SALESFORCE, generation=1, state="submitted", order_id="00000002", due_at=None)
    found = await find(stored)
    record = await load_checkout(stored)
    assert (record.state, record.order_id) == ("held", "00000002")
    assert found.orders == ("00000002", "00000009")
    assert "00000002" in record.status_reason
    assert "00000009" in record.status_reason


@pytest.mark.parametrize("state", sorted(FINAL - CART_RELEASED))
async def test_what_was_ordered_stays_ordered_and_says_once_that_there_is_another(stored, state):
    await store_checkout(stored, mapping=SALESFORCE, generation=1, state=state, order_id="00000002", due_at=None)
    found = await find(stored)
    assert (await load_checkout(stored)).state == state
    assert (found.orders, found.news) == (("00000002", "00000009"), True)
    assert [code for code, _ in await findings(stored)] == ["abandoned_live"]
    assert not (await find(stored)).news
    assert len(await findings(stored)) == 1


async def test_it_is_told_in_the_log_and_two_orders_are_an_alarm(stored, log):
    metrics = Metrics()
    await ended(stored)
    await second(stored, state="submitted", order_id="00000010", due_at=None)
    tell(await find(stored), ORDER, metrics)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("order.found_live", "error"),
        ("checkout.held", "warning"),
        ("order.duplicates", "error"),
    ]
    assert lines[2]["orders"] == ["00000009", "00000010"]
    assert 'gateway_duplicate_orders_total{upstream="shop"} 1.0' in (await metrics.exposition()).decode()
    tell(None, ORDER, metrics)


async def test_no_such_checkout(stored):
    assert await find(stored, checkout_id="none") is None
