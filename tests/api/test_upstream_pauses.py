"""An order system is paused and resumed: what waits says so, and goes on."""

from __future__ import annotations

import pytest
from checkout_gateway import act, assert_error, live_orders
from operator_actions import WHY

from gateway.upstream.outcome import Unknown

pytestmark = pytest.mark.asyncio(loop_scope="module")


UPSTREAM = "/tmf-api/checkoutManagement/v1/upstream"


async def test_nothing_is_sent_to_a_paused_order_system_and_all_goes_on_when_it_is_resumed(gateway):
    answer = await gateway.post({"reason": "maintenance until six"}, f"{UPSTREAM}/shop/pause")
    assert (answer.status_code, answer.json()["state"]) == (200, "paused")
    waiting = [await gateway.check_out() for _ in range(3)]
    other = await gateway.check_out(upstream="plain")
    await gateway.work()
    assert not gateway.shop.calls
    assert (await gateway.get(other))["state"] == "submitted"
    for checkout in waiting:
        reason = (await gateway.get(checkout))["reason"]
        assert (reason["code"], "maintenance until six" in reason["message"]) == ("upstream_paused", True)
    listed = (await gateway.client.get(UPSTREAM)).json()
    assert {each["id"]: each["state"] for each in listed} == {"plain": "active", "shop": "paused"}

    assert (await gateway.post({}, f"{UPSTREAM}/shop/resume")).json()["state"] == "active"
    await gateway.work()
    assert {(await gateway.get(checkout))["state"] for checkout in waiting} == {"submitted"}
    assert len(live_orders(gateway.shop)) == 3


async def test_a_pause_stops_a_checkout_between_two_calls(gateway):
    sent = gateway.shop.send

    async def send(rendered, **options):
        await gateway.post({"reason": "stop"}, f"{UPSTREAM}/shop/pause")
        return await sent(rendered, **options)

    gateway.shop.send = send
    checkout = await gateway.check_out()
    await gateway.work()
    assert len(gateway.shop.calls) == 1
    found = await gateway.get(checkout)
    assert (found["state"], found["reason"]["code"]) == ("drafting", "upstream_paused")
    gateway.shop.send = sent
    await gateway.post({}, f"{UPSTREAM}/shop/resume")
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert len(live_orders(gateway.shop)) == 1


async def test_orders_of_a_paused_order_system_are_not_read_and_looked_at_when_it_is_resumed(gateway):
    checkout = await gateway.check_out()
    await gateway.work()
    gateway.shop.orders[(await gateway.get(checkout))["productOrder"]["id"]]["state"] = "Completed"
    await gateway.post({"reason": "maintenance"}, f"{UPSTREAM}/shop/pause")
    await gateway.look_at_orders()
    found = await gateway.get(checkout)
    assert (found["state"], found["reason"]["code"]) == ("submitted", "upstream_paused")
    await gateway.post({}, f"{UPSTREAM}/shop/resume")
    await gateway.tracker().once()
    assert (await gateway.get(checkout))["state"] == "completed"


async def test_what_a_pause_delays_is_cancelled_at_once_where_that_needs_no_call(gateway):
    before = await gateway.check_out()
    await gateway.post({"reason": "maintenance"}, f"{UPSTREAM}/shop/pause")
    await gateway.work()
    assert (await gateway.get(before))["reason"]["code"] == "upstream_paused"
    await act(gateway, before, "cancel")
    await gateway.work()
    assert (await gateway.get(before))["state"] == "cancelled"
    assert not gateway.shop.calls
    await gateway.post({}, f"{UPSTREAM}/shop/resume")


async def test_a_live_post_in_doubt_is_not_cancelled_during_a_pause(gateway):
    checkout = await gateway.check_out(upstream="plain")
    gateway.plain.script([Unknown("closed")], effect="applied")
    await gateway.work()
    await gateway.post({"reason": "maintenance"}, f"{UPSTREAM}/plain/pause")
    await act(gateway, checkout, "cancel")
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitting"
    assert len(gateway.plain.orders) == 1
    await gateway.post({}, f"{UPSTREAM}/plain/resume")


async def test_a_figure_tells_which_order_systems_are_paused(gateway):
    await gateway.post({"reason": "maintenance"}, f"{UPSTREAM}/plain/pause")
    gateway.services.metrics.set_upstreams({}, {})
    text = (await gateway.services.metrics.exposition()).decode()
    named = {line for line in text.splitlines() if line.startswith("gateway_upstream_paused{")}
    assert named == {'gateway_upstream_paused{upstream="plain"} 1.0', 'gateway_upstream_paused{upstream="shop"} 0.0'}
    await gateway.post({}, f"{UPSTREAM}/plain/resume")


async def test_pausing_twice_keeps_the_first_reason_and_an_unknown_one_is_not_found(gateway):
    await gateway.post({"reason": "first"}, f"{UPSTREAM}/plain/pause")
    again = await gateway.post({"reason": "second"}, f"{UPSTREAM}/plain/pause")
    assert again.json()["pause"]["reason"] == "first"
    await gateway.post({}, f"{UPSTREAM}/plain/resume")
    assert_error(await gateway.post(WHY, f"{UPSTREAM}/nothing/pause"), 404)
