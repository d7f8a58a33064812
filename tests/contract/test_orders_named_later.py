"""An order system accepts orders with 202 and no id, and names them later: by notification or in its list, or never."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace as with_options
from datetime import timedelta

import httpx
import pytest
from checkout_gateway import CHECKOUTS
from msgspec.structs import replace
from ordering_gateway import GatewayPlayer
from ordering_play import sandbox_options, shipped
from sqlalchemy import select
from worker_runs import clocked, run, work_once

from gateway.ordering import NO_MARKER
from gateway.sandbox import parse_fault, serving
from gateway.storage.tables import inbox
from gateway.upstream.evidence import FindResult, incomplete
from gateway.upstream.outcome import Accepted, Unknown

UPSTREAMS = {"plain": "tmf622-v4", "shop": "salesforce-v4"}
ORDER = "00000001"


class Late:
    """A gateway in front of an order system in memory that names no order in its answers, and one checkout of it."""

    def __init__(self, gateway, upstream, source, find):
        self.gateway, self.upstream = gateway, upstream
        self.fake = getattr(gateway, upstream)
        mapping = gateway.services.mappings[UPSTREAMS[upstream]]
        mapping = replace(
            mapping,
            api=replace(mapping.api, created_id_from=source),
            recovery=replace(mapping.recovery, find=find),
        )
        gateway.services.mappings[UPSTREAMS[upstream]] = self.fake.mapping = mapping
        if find == "none":
            self.fake.find = self._no_search

    async def _no_search(self, _marker, **_how):
        return FindResult((), incomplete("no_search"))

    async def accepted(self, *, effect="applied"):
        """Check a cart out; its POST is answered with 202 and nothing else."""
        self.fake.script([Accepted(202)], effect=effect)
        self.checkout = await self.gateway.check_out(upstream=self.upstream)
        await work_once(self.gateway)
        return await self.shown()

    async def shown(self):
        return await self.gateway.get(self.checkout)

    async def marker(self):
        return (await self.gateway.record(self.checkout["id"])).marker

    async def notify(self, *, order=ORDER, key="e1", marker=None):
        about = {"id": order, "state": "acknowledged", "externalId": marker or await self.marker()}
        event = {"eventId": key, "eventType": "ProductOrderCreateEvent", "event": {"productOrder": about}}
        answer = await self.gateway.client.post(f"/notifications/{self.upstream}", json=event)
        assert answer.is_success, answer.text

    async def go_on(self):
        """Look at the notifications, then work on what is due because of them; no time passes."""
        await self.gateway.tracker().once()
        await work_once(self.gateway)
        return await self.shown()

    async def pass_time(self, seconds):
        """Let time pass, and whatever is due meanwhile be done."""
        ends_at = self.gateway.clock.moment + timedelta(seconds=seconds)
        while (due_at := await self.gateway.next_due()) is not None and due_at < ends_at:
            self.gateway.clock.advance(max(0.0, (due_at - self.gateway.clock.moment).total_seconds()) + 0.001)
            await work_once(self.gateway)
        self.gateway.clock.advance((ends_at - self.gateway.clock.moment).total_seconds())
        return await self.shown()

    async def run(self):
        return await run(self.gateway, self.checkout)

    async def events(self):
        rows = await self.gateway.services.database.read(lambda c: list(c.execute(select(inbox))))
        return {row.dedup_key: row.state for row in rows}

    def posts(self):
        return [call.kind for call in self.fake.calls].count("create")


@asynccontextmanager
async def late(folder, upstream="plain", source="event", find="none"):
    async with clocked(folder) as gateway:
        yield Late(gateway, upstream, source, find)


def waits(shown):
    return shown["reason"]["code"] == "waiting_order_id" and bool(shown["reason"]["nextAttemptAt"])


@pytest.mark.parametrize("upstream", ["plain", "shop"])
async def test_told_once_the_order_goes_on_at_once(tmp_path, upstream):
    async with late(tmp_path, upstream) as system:
        assert waits(await system.accepted())
        assert waits(await system.pass_time(3 * 3600))
        await system.notify()
        shown = await system.go_on()
        assert (shown["state"], shown["productOrder"]["id"]) == ("submitted", ORDER)
        assert "reason" not in shown or shown["reason"]["code"] == "following_order"
        await system.gateway.tracker().once()
        assert await system.events() == {"e1": "done"}
        assert system.posts() == 1


@pytest.mark.parametrize("keys", [("e1",) * 4, ("e1", "e2", "e3", "e4")], ids=["repeated", "four events"])
async def test_told_four_times_it_is_one_order(tmp_path, keys):
    async with late(tmp_path) as system:
        await system.accepted()
        for key in keys:
            await system.notify(key=key)
        assert (await system.go_on())["productOrder"]["id"] == ORDER
        for key in keys:
            await system.notify(key=key)
        assert (await system.go_on())["state"] == "submitted"
        assert (system.posts(), len(system.fake.orders)) == (1, 1)


@pytest.mark.parametrize("looked_at", [True, False])
async def test_told_before_the_answer_the_order_goes_on_with_the_first_look(tmp_path, looked_at):
    async with late(tmp_path) as system:
        send = system.fake.send

        async def told_first(*arguments, **options):
            outcome = await send(*arguments, **options)
            (order,) = system.fake.orders.values()
            await system.notify(marker=order["externalId"])
            if looked_at:
                await system.gateway.tracker().once()
            return outcome

        system.fake.send = told_first
        assert waits(await system.accepted())
        shown = await system.pass_time(2)
        assert (shown["state"], shown["productOrder"]["id"]) == ("submitted", ORDER)
        assert system.posts() == 1


async def test_told_before_the_order_can_be_read_it_is_waited_for(tmp_path):
    async with late(tmp_path) as system:
        await system.accepted(effect="later")
        await system.notify()
        assert waits(await system.go_on())
        assert waits(await system.pass_time(600))
        system.fake.apply_late()
        shown = await system.pass_time(900)
        assert (shown["state"], shown["productOrder"]["id"]) == ("submitted", ORDER)
        assert system.posts() == 1


@pytest.mark.parametrize("upstream", ["plain", "shop"])
@pytest.mark.parametrize("find", ["none", "filter"])
async def test_never_told_the_checkout_is_held_after_the_setting_and_never_sent_again(tmp_path, upstream, find):
    async with late(tmp_path, upstream, find=find) as system:
        await system.accepted(effect="later")
        assert waits(await system.pass_time(23.9 * 3600))
        record = await system.run()
        assert (record.state, record.reason_code) == ("held", "waiting_order_id")
        assert "no notification with our marker came" in record.status_reason
        again = {"reason": "look again"}
        for state in ("held", "submitted"):
            answer = await system.gateway.post(again, f"{CHECKOUTS}/{record.id}/retry")
            assert answer.status_code == 202, answer.text
            await work_once(system.gateway)
            assert (await system.shown())["state"] == state
            system.fake.apply_late()
            await system.notify()
        assert system.posts() == 1


@pytest.mark.parametrize("upstream", ["plain", "shop"])
async def test_told_when_it_is_held_already_the_checkout_goes_on_by_itself(tmp_path, upstream):
    async with late(tmp_path, upstream) as system:
        await system.accepted(effect="later")
        await system.pass_time(23.9 * 3600)
        assert (await system.run()).state == "held"
        system.fake.apply_late()
        await system.notify(order="00009999", key="e0", marker="gw1-zzzzzzzzzzzzzzzz-0")
        assert (await system.go_on())["state"] == "held", "another's order"
        await system.notify()
        shown = await system.go_on()
        assert (shown["state"], shown["productOrder"]["id"]) == ("submitted", ORDER)
        assert system.posts() == 1


async def test_told_of_an_order_that_is_not_there_it_is_held_again_and_nothing_is_sent(tmp_path):
    async with late(tmp_path) as system:
        await system.accepted(effect="later")
        await system.pass_time(23.9 * 3600)
        assert (await system.run()).state == "held"
        await system.notify()
        shown = await system.go_on()
        assert (shown["state"], shown["reason"]["code"]) == ("held", "waiting_order_id")
        assert f"a notification with our marker named order {ORDER}" in shown["statusReason"]
        assert system.posts() == 1


async def test_notifications_of_other_orders_change_nothing(tmp_path):
    async with late(tmp_path) as system:
        await system.accepted()
        ours = system.fake.orders[ORDER]
        ours_marker = await system.marker()
        system.fake.orders["00000077"] = {**ours, "id": "00000077", "externalId": "gw1-zzzzzzzzzzzzzzzz-0"}
        system.fake.orders["00000078"] = {**ours, "id": "00000078", "externalId": f"{ours_marker[:-1]}1"}
        system.fake.orders["00000079"] = {**ours, "id": "00000079", "externalId": None, "productOrderItem": []}
        await system.notify(key="a stranger's", order="00000077", marker="gw1-zzzzzzzzzzzzzzzz-0")
        await system.notify(key="another attempt's", order="00000078", marker=f"{ours_marker[:-1]}1")
        before = await system.gateway.record(system.checkout["id"])
        assert await system.go_on() == await system.shown()
        assert (await system.gateway.record(before.id)).due_at == before.due_at, "it is not even looked at"
        for order in ("00000077", "00000078", "00000079", "00000080"):
            await system.notify(key=f"lies {order}", order=order)
        assert waits(await system.go_on())
        assert (await system.gateway.record(before.id)).order_id is None
        await system.notify(key="ours")
        assert (await system.go_on())["productOrder"]["id"] == ORDER
        assert system.posts() == 1


async def test_an_order_that_shows_no_marker_is_known_by_the_notification_and_what_it_holds(tmp_path):
    async with late(tmp_path) as system:
        await system.accepted()
        get_order = system.fake.get_order

        async def unmarked(order_id):
            order = await get_order(order_id)
            return None if order is None else replace(order, marker=NO_MARKER)

        system.fake.get_order = unmarked
        await system.notify()
        assert (await system.go_on())["productOrder"]["id"] == ORDER
        await system.gateway.look_at_orders()
        shown = await system.shown()
        assert shown["state"] == "submitted"
        assert shown.get("reason", {}).get("code") in {None, "following_order"}


@pytest.mark.parametrize("upstream", ["plain", "shop"])
async def test_where_the_order_is_searched_for_no_notification_is_needed(tmp_path, upstream):
    async with late(tmp_path, upstream, source="search", find="filter") as system:
        await system.accepted(effect="later")
        assert waits(await system.pass_time(5 * 3600))
        system.fake.apply_late()
        shown = await system.pass_time(901)
        assert (shown["state"], shown["productOrder"]["id"]) == ("submitted", ORDER)
        assert system.posts() == 1


async def test_an_answer_that_was_lost_is_made_up_for_by_a_notification(tmp_path):
    async with late(tmp_path) as system:
        system.fake.script([Unknown("504")], effect="applied")
        system.checkout = await system.gateway.check_out(upstream="plain")
        await work_once(system.gateway)
        assert (await system.shown())["reason"]["code"] == "outcome_unknown"
        await system.notify()
        assert (await system.go_on())["state"] == "submitted"
        assert system.posts() == 1


@pytest.mark.parametrize("name", ["tmf622-v4", "tmf622-v5"])
async def test_a_sandbox_that_tells_ids_by_event_only_ends_in_one_live_order(tmp_path, name):
    """Over sockets; the order system cannot be searched, so that only the notification can name the order."""
    options = sandbox_options(tmp_path, name)
    options = with_options(options, faults=(parse_fault("id-by-event=1"),), notify_url="http://gateway.test/told")
    mapping = shipped(name)
    mapping = replace(
        mapping,
        api=replace(mapping.api, created_id_from="event"),
        recovery=replace(mapping.recovery, find="none"),
    )
    told = []
    async with serving(options) as server:

        async def keep(event):
            told.append(event.document)

        server.application.notifier._deliver = keep
        player = GatewayPlayer(name, server.address, options.ledger_path)
        async with player.gateway(mapping) as (gateway, client), httpx.AsyncClient() as shop:
            checkout = await gateway.check_out()
            await gateway.work()
            assert waits(await gateway.get(checkout))
            assert told, "the order system told of its order"
            for document in told:
                answer = await gateway.client.post("/notifications/shop", json=document)
                assert answer.status_code == mapping.api.notification_status
            await gateway.tracker().once()
            await gateway.work()
            shown = await gateway.get(checkout)
            assert shown["state"] == "submitted", shown["statusReason"]
            order = (await shop.get(f"{player.root}/{mapping.api.resource}/{shown['productOrder']['id']}")).json()
            assert (await gateway.record(checkout["id"])).marker in json.dumps(order["externalId"])
    assert [call.kind for call in client.calls].count("create") == 1
    entries = [json.loads(line) for line in options.ledger_path.read_text("utf-8").splitlines()]
    assert [entry["effect"] for entry in entries if entry["effect"] in {"created", "submitted"}].count("created") == 1
