"""Checkouts whose bundles are known from a TMF620 catalogue, which is asked over a real socket."""

from __future__ import annotations

import asyncio

import pytest
from checkout_gateway import CHECKOUTS, running, settings_of
from checkout_work import request
from upstream_server import Connection, answer, answering, serving

from gateway.settings import CatalogueSettings
from gateway.upstream.building import build_catalogue

PREVIEW = f"{CHECKOUTS}/preview"
PLAN = {
    "id": "PLAN",
    "bundledProductOffering": [
        {"id": "SIM", "bundledProductOfferingOption": {"numberRelOfferLowerLimit": 1}},
        {"id": "MUSIC", "bundledProductOfferingOption": {"numberRelOfferLowerLimit": 0}},
    ],
}


def item(number, offering, *children, **more):
    nested = {"cartItem": list(children)} if children else {}
    return {"id": number, "action": "add", "quantity": 1, "productOffering": {"id": offering}, **nested, **more}


def bundle_cart():
    return {"cartItem": [item("1", "PLAN", item("1.1", "SIM"), item("1.2", "MUSIC"))]}


def wanted(cart=None, **more):
    return {**request(), "shoppingCart": cart or bundle_cart(), **more}


@pytest.fixture
def gateway_at(settings):
    def build(url, **catalogue):
        configured = settings_of(settings.storage, catalogue=CatalogueSettings(base_url=url, **catalogue))
        return running(configured, catalogue=build_catalogue(configured))

    return build


async def close(gateway):
    await gateway.services.catalogue.close()


def actions(document):
    """Return the action of each order item by its offering, as it would be sent."""
    found, stack = {}, list(document["order"]["productOrderItem"])
    while stack:
        each = stack.pop()
        found[each["productOffering"]["id"]] = each["action"]
        stack += each.get("productOrderItem", [])
    return found


def codes(document):
    return {finding["code"] for finding in document["finding"] if finding["code"].startswith("catalogue")}


def plan_only(request):
    return answer(200, PLAN) if request.path.endswith("/PLAN") else answer(404)


async def test_a_child_that_the_catalogue_calls_mandatory_is_modified_and_the_others_are_added(gateway_at):
    async with serving(answering(plan_only)) as server, gateway_at(server.url) as gateway:
        shown = (await gateway.post(wanted(), PREVIEW)).json()
        assert actions(shown) == {"PLAN": "add", "SIM": "modify", "MUSIC": "add"}
        assert codes(shown) == set()
        accepted = await gateway.post(wanted())
        assert accepted.status_code == 202, accepted.text
        assert codes(await gateway.get(accepted.json()["id"])) == set()
        assert len(server.requests) == 1, "the answer is kept"
        await close(gateway)


async def test_only_bundles_that_nobody_else_knows_are_asked_for(gateway_at):
    own = {"id": "OWN", "bundledProductOffering": [{"id": "SIM"}]}
    cart = {
        "cartItem": [
            item("1", "PLAN", item("1.1", "SIM")),
            item("2", "OWN", item("2.1", "SIM"), productOffering=own),
            item("3", "ALONE"),
            item("4", "LATER", item("4.1", "SIM"), status="saveForLater"),
            item("5", "THERE", item("5.1", "SIM"), action="modify", product={"id": "a1"}),
        ]
    }
    async with serving(answering(plan_only)) as server, gateway_at(server.url) as gateway:
        answered = await gateway.post(wanted(cart), PREVIEW)
        assert answered.status_code in {200, 422}
        assert [request.path.rpartition("/")[2] for request in server.requests] == ["PLAN"]
        await close(gateway)


async def test_an_order_system_where_nothing_appears_by_itself_needs_no_catalogue(gateway_at):
    async with serving(answering(plan_only)) as server, gateway_at(server.url) as gateway:
        shown = (await gateway.post(wanted(upstream="plain"), PREVIEW)).json()
        assert set(actions(shown).values()) == {"add"}
        assert server.requests == []
        await close(gateway)


@pytest.mark.parametrize(
    ("reply", "code"),
    [(answer(404), "catalogue_unknown"), (answer(500), "catalogue_unavailable"), (answer(200, raw=b"{"), "catalogue_unavailable")],
)  # fmt: skip
async def test_a_catalogue_that_cannot_tell_is_a_finding_and_the_cart_is_sent_as_it_is(gateway_at, reply, code):
    async with serving(answering(lambda _request: reply)) as server, gateway_at(server.url) as gateway:
        shown = (await gateway.post(wanted(), PREVIEW)).json()
        assert actions(shown) == {"PLAN": "add", "SIM": "add", "MUSIC": "add"}
        assert codes(shown) == {code}
        (found,) = [finding for finding in shown["finding"] if finding["code"] == code]
        assert (found["severity"], found["path"]) == ("warning", "cartItem[0].productOffering")
        accepted = await gateway.post(wanted())
        assert accepted.status_code == 202, accepted.text
        assert codes(accepted.json()) == {code}
        await close(gateway)


async def test_a_draft_that_is_changed_asks_again(gateway_at):
    async with serving(answering(plan_only)) as server, gateway_at(server.url, fresh_seconds=0) as gateway:
        checkout = (await gateway.post(wanted(submit=False))).json()
        await gateway.work()
        assert (await gateway.get(checkout))["state"] == "draft"
        changed = await gateway.client.patch(
            f"{CHECKOUTS}/{checkout['id']}",
            content=b'{"description": "new"}',
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert changed.status_code == 200, changed.text
        # Once when it was accepted; then for the changed request, and for the one before that its calls are compared with.
        assert len(server.requests) == 3
        await close(gateway)


async def test_while_a_catalogue_keeps_one_waiting_everybody_else_is_served_and_may_write(gateway_at):
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection) -> None:
        await connection.request()
        asked.set()
        await release.wait()
        await connection.write(answer(200, PLAN))

    async with serving(slow) as server, gateway_at(server.url, deadline_seconds=60.0, checkout_seconds=60.0) as gateway:
        waiting = asyncio.create_task(gateway.post(wanted()))
        await asyncio.wait_for(asked.wait(), 10)
        for _ in range(20):
            await gateway.new_cart()  # a write: it would wait for a transaction that is open
            assert (await gateway.post(wanted(upstream="plain"), PREVIEW)).status_code == 200
        assert not waiting.done()
        release.set()
        answered = await waiting
        assert answered.status_code == 202
        assert codes(answered.json()) == set()
        await close(gateway)


async def test_one_bundle_many_times_is_one_finding(gateway_at):
    cart = {"cartItem": [item(str(n), "PLAN", item(f"{n}.1", "SIM")) for n in range(1, 30)]}
    async with serving(answering(lambda _request: answer(404))) as server, gateway_at(server.url) as gateway:
        shown = (await gateway.post(wanted(cart), PREVIEW)).json()
        assert len([finding for finding in shown["finding"] if finding["code"] == "catalogue_unknown"]) == 1
        await close(gateway)
