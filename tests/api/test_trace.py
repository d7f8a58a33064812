"""From every kind of id one request leads to everything around it, and never to what is another's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started
from checkout_gateway import CARTS, CHECKOUTS, Gateway, assert_error, running, settings_of
from checkout_work import cart, request
from known_clients import known_clients
from sqlalchemy import delete, func, select

from gateway.app import create_app
from gateway.resources import load_mappings
from gateway.settings import Settings, StorageSettings, UpstreamSettings
from gateway.storage.tables import checkout, checkout_key

TRACE = "/tmf-api/checkoutManagement/v1/trace"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


@pytest.fixture
async def gateway(storage: StorageSettings) -> AsyncIterator[Gateway]:
    """A gateway on a database of each kind."""
    async with running(settings_of(storage)) as started_gateway:
        yield started_gateway


async def traced(gateway: Gateway, **query: str) -> dict[str, Any]:
    """Return the trace of an id, which must be known."""
    answer = await gateway.client.get(TRACE, params={name.replace("_", "."): value for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert document["@type"] == "Trace"
    return document


async def ordered(gateway: Gateway, headers: dict[str, str] | None = None, **attributes: Any) -> dict[str, Any]:
    """Check a stored cart out and let the worker submit it; return the checkout."""
    body = {**request(), "shoppingCart": {"id": await gateway.new_cart()}, **attributes}
    answer = await gateway.post(body, **(headers or {}))
    assert answer.status_code == 202, answer.text
    await gateway.work()
    return await gateway.get(answer.json())


async def test_from_every_kind_of_id_to_everything_around_it(gateway):
    asked = {"X_Correlation_ID": "shop-123", "traceparent": PARENT}
    of_customer = {"relatedParty": [{"id": "CD 77/ä?&", "role": "customer", "@referredType": "Account"}]}
    made = await ordered(gateway, asked, externalId="WEB-1", **of_customer)
    other = await ordered(gateway, externalId="WEB-2")
    order = made["productOrder"]
    line = made["item"][0]["orderLineItemId"]
    event = {"eventId": "e-1", "eventType": "ProductOrderStateChangeEvent", "productOrder": {"id": order["id"]}}
    assert (await gateway.post(event, "/notifications/shop")).is_success
    ids = {
        "checkout": made["id"],
        "shoppingCart": made["shoppingCart"]["id"],
        "productOrder": order["id"],
        "marker": order["externalId"],
        "externalId": "WEB-1",
        "orderLine": line,
        "party": "CD 77/ä?&",
        "correlationId": "shop-123",
        "traceId": TRACE_ID,
    }

    for kind, asked_id in ids.items():
        found = await traced(gateway, id=asked_id)

        assert kind in found["foundBy"]
        assert [each["id"] for each in found["checkout"]] == [made["id"]], kind
        assert [each["id"] for each in found["shoppingCart"]] == [made["shoppingCart"]["id"]]
        assert [(each["id"], each["checkout"]["id"]) for each in found["productOrder"]] == [(order["id"], made["id"])]
        assert [each["id"] for each in found["event"]] == ["e-1"]
        shown = found["checkout"][0]
        assert {name: shown[name] for name in ("step", "item", "finding", "actions", "reason")} == {
            name: made[name] for name in ("step", "item", "finding", "actions", "reason")
        }
        assert (shown["correlationId"], shown["traceparent"]) == ("shop-123", PARENT)
    assert (await traced(gateway, id=line))["item"][0]["cartItemId"] == made["item"][0]["cartItemId"]
    assert other["correlationId"], "a request without an id is found by the one it was answered with"
    assert (await traced(gateway, id=other["correlationId"]))["checkout"][0]["id"] == other["id"]


async def test_an_item_of_a_cart_is_named_with_its_cart(gateway):
    made = await ordered(gateway)
    cart_id, item = made["shoppingCart"]["id"], made["item"][0]
    open_cart = await gateway.new_cart()

    for query in ({"id": cart_id, "cartItem_id": item["cartItemId"]}, {"id": f"{cart_id}/{item['cartItemId']}"}):
        found = await traced(gateway, **query)
        assert (found["id"], found["foundBy"]) == (cart_id, ["cartItem", "shoppingCart"])
        assert [each["orderLineItemId"] for each in found["item"]] == [item["orderLineItemId"]]
        assert found["checkout"][0]["id"] == made["id"]
    not_ordered = await traced(gateway, id=open_cart, cartItem_id=cart()["cartItem"][0]["id"])
    assert (not_ordered["checkout"], not_ordered["item"][0]["shoppingCart"]["id"]) == ([], open_cart)
    assert_error(await gateway.client.get(TRACE, params={"id": cart_id, "cartItem.id": "none"}), 404)
    assert_error(await gateway.client.get(TRACE, params={"id": f"{cart_id}/none"}), 404)


async def test_a_draft_that_was_given_up_leads_to_its_checkout_and_a_customer_who_was_replaced_does_not(gateway):
    made = await ordered(gateway, submit=False)
    order, line = made["productOrder"]["id"], made["item"][0]["orderLineItemId"]
    change = {"relatedParty": [{"id": "CD000002", "role": "customer", "@referredType": "Account"}]}
    answer = await gateway.client.patch(f"{CHECKOUTS}/{made['id']}", json=change)
    assert answer.status_code == 200, answer.text
    await gateway.work()
    redrafted = await gateway.get(made)
    assert redrafted["productOrder"]["id"] != order

    for asked_id in (order, line, redrafted["productOrder"]["id"], redrafted["productOrder"]["externalId"], "CD000002"):
        found = await traced(gateway, id=asked_id)
        assert [each["id"] for each in found["checkout"]] == [made["id"]], asked_id
        assert [each["id"] for each in found["abandonedOrder"]] == [order]
    assert_error(await gateway.client.get(TRACE, params={"id": "CD000001"}), 404)


async def test_an_order_that_came_ready_is_found_by_its_ids_as_well(gateway):
    order = {
        "externalId": "PARTNER-1",
        "upstream": "shop",
        "relatedParty": [{"id": "CD5", "role": "customer", "@referredType": "Customer"}],
        "productOrderItem": [{"id": "1", "action": "add", "productOffering": {"id": "X"}}],
    }
    answer = await gateway.post(order, "/tmf-api/productOrderingManagement/v4/productOrder")
    assert answer.is_success, answer.text
    made = answer.json()["id"]
    await gateway.work()
    there = (await gateway.get(made))["productOrder"]["id"]

    for asked_id in (made, "PARTNER-1", "CD5", there):
        found = await traced(gateway, id=asked_id)
        assert [each["id"] for each in found["checkout"]] == [made], asked_id
        assert (found["shoppingCart"], found["checkout"][0]["source"]) == ([], "productOrder")


async def test_every_external_id_of_v5_leads_to_the_order_those_of_earlier_systems_too(gateway):
    order = {
        "@type": "ProductOrder",
        "externalId": [
            {"@type": "ExternalIdentifier", "owner": owner, "id": owner + "-7"} for owner in ("P", "SHOP", "APP")
        ],
        "relatedParty": [
            {
                "@type": "RelatedPartyOrPartyRole",
                "role": "customer",
                "partyOrPartyRole": {"@type": "PartyRef", "@referredType": "Account", "id": "CD5"},
            }
        ],
        "productOrderItem": [
            {
                "@type": "ProductOrderItem",
                "id": "1",
                "action": "add",
                "productOffering": {"@type": "ProductOfferingRef", "id": "X"},
            }
        ],
    }
    answer = await gateway.post({**order, "upstream": "shop"}, "/tmf-api/productOrderingManagement/v5/productOrder")
    assert answer.is_success, answer.text

    for asked_id in ("P-7", "SHOP-7", "APP-7"):
        found = await traced(gateway, id=asked_id)
        assert ([each["id"] for each in found["checkout"]], found["foundBy"]) == ([answer.json()["id"]], ["externalId"])


async def test_where_an_order_has_a_number_the_id_of_its_record_leads_to_it_as_well(gateway):
    made = await ordered(gateway)
    number, record_id = made["productOrder"]["id"], "801D200000004kYIAQ"
    gateway.shop.orders[number]["href"] = f"/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1/Order/{record_id}"
    await gateway.look_at_orders()

    found = await traced(gateway, id=record_id)

    assert ([each["id"] for each in found["checkout"]], found["foundBy"]) == ([made["id"]], ["productOrder"])


async def test_of_an_order_that_nobody_has_what_the_order_system_told_is_shown(gateway):
    event = {"eventId": "e-1", "eventType": "ProductOrderStateChangeEvent", "productOrder": {"id": "00099999"}}
    assert (await gateway.post(event, "/notifications/shop")).is_success
    await gateway.look_at_orders()

    found = await traced(gateway, id="00099999")

    assert (found["foundBy"], found["checkout"], found["productOrder"]) == (["productOrder"], [], [])
    told = [(each["id"], each["upstream"], each["state"], each["detail"]) for each in found["event"]]
    assert told == [("e-1", "shop", "waiting", "the order is not known")]
    assert_error(await gateway.client.get(TRACE, params={"id": "00099999", "cartItem.id": "1"}), 404)
    assert_error(await gateway.client.get(TRACE, params={"id": "e-2"}), 404)


async def test_what_many_share_is_answered_a_page_at_a_time(gateway):
    party = {"relatedParty": [{"id": "CD9", "role": "customer", "@referredType": "Account"}]}
    made = [(await gateway.check_out(**party))["id"] for _ in range(5)]
    open_cart = await gateway.new_cart({**cart(), **party})

    seen: list[str] = []
    for offset in range(0, 6, 2):
        answer = await gateway.client.get(TRACE, params={"id": "CD9", "limit": "2", "offset": str(offset)})
        assert answer.status_code == (206 if offset < 4 else 200)
        assert answer.headers["x-total-count"] == "6"
        found = answer.json()
        seen += [each["id"] for each in found["checkout"]]
        carts = [each["id"] for each in found["shoppingCart"]]
        assert (open_cart in carts) is (offset == 0)
        assert len(found["checkout"]) == (1 if offset == 0 else 2)
    assert seen == made[::-1]
    whole = await traced(gateway, id="CD9")
    assert len(whole["checkout"]) == 5


async def test_what_very_many_share_is_counted_and_paged_as_well(gateway):
    party = {"relatedParty": [{"id": "CD9", "role": "customer", "@referredType": "Account"}]}
    made = (await gateway.check_out(**party))["id"]

    def copies(connection: Any) -> None:
        row = dict(connection.execute(select(checkout).where(checkout.c.tenant == "default")).mappings().one())
        for number in range(100):
            fresh = {"id": f"{number:032x}", "cart_live": False, "idempotency_key": None}
            connection.execute(checkout.insert().values({**row, **fresh}))
            for kind in ("party", "externalId"):
                key = {"tenant": "default", "value": "CD9", "checkout_id": fresh["id"], "kind": kind}
                connection.execute(checkout_key.insert().values(key))

    await gateway.services.database.write(copies)

    for asked_id in ("CD9", "default", "anonymous"):
        answer = await gateway.client.get(TRACE, params={"id": asked_id, "limit": "3", "offset": "1"})
        if answer.status_code == 404:
            continue
        assert answer.headers["x-total-count"] == "101"
        assert [each["id"] for each in answer.json()["checkout"]] == [f"{n:032x}" for n in (99, 98, 97)]
        assert (await gateway.client.get(TRACE, params={"id": asked_id, "limit": "1"})).json()["checkout"][0][
            "id"
        ] == made


async def test_an_id_may_hold_any_character(gateway):
    strange = ["' OR 1=1 --", "%", "_", "ÄÖ 漢字/../?#&=+", "x" * 4000, "1;2,3", '"', "\\", "%s", "?"]
    for asked_id in strange:
        assert_error(await gateway.client.get(TRACE, params={"id": asked_id}), 404)
    for asked_id in strange:
        party = asked_id[:255]
        made = await gateway.check_out(relatedParty=[{"id": party, "role": "customer", "@referredType": "Account"}])

        assert [each["id"] for each in (await traced(gateway, id=party))["checkout"]] == [made["id"]]


WRONG = ["", "id=", "id=a&id=b", "id=a&cartItem.id=", "id=a&x=1", "id=a&limit=0", "id=%00", "id=%ff"]


async def test_a_question_that_is_wrong_is_told_why(gateway):
    for query in WRONG:
        assert_error(await gateway.client.get(f"{TRACE}?{query}"), 400)


async def test_keys_go_with_their_checkout(gateway):
    made = await ordered(gateway)

    def forget(connection: Any) -> int:
        connection.execute(delete(checkout).where(checkout.c.tenant == "default", checkout.c.id == made["id"]))
        return int(connection.execute(select(func.count()).select_from(checkout_key)).scalar_one())

    assert await gateway.services.database.write(forget) == 0


CLIENTS = {
    "shop": ("acme", ["channel"]),
    "partner-a": ("acme", ["partner"]),
    "partner-b": ("acme", ["partner"]),
    "desk": ("acme", ["support"]),
    "stranger": ("other", ["operator"]),
    "notifier": ("acme", ["notifier"]),
}


async def test_each_finds_what_is_its_own_and_a_partner_never_anothers(sqlite_url: str, tmp_path: Path):
    security = known_clients(tmp_path, CLIENTS)
    settings = Settings(
        storage=StorageSettings(url=sqlite_url),
        security=security,
        upstreams={"crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
    )
    app = create_app(settings, mappings=load_mappings(settings.mappings))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "X"}}
    party = {"relatedParty": [{"id": "CD1", "role": "customer"}]}
    async with started(app), httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:

        async def ask(who: str, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {who}", "X-Correlation-ID": f"of-{who}"}
            return await client.request(method, path, json=body, params=query, headers=headers)

        made: dict[str, dict[str, str]] = {}
        for who in ("shop", "partner-a", "partner-b"):
            cart_id = (await ask(who, "POST", CARTS, {"cartItem": [item], **party})).json()["id"]
            open_cart = (await ask(who, "POST", CARTS, {"cartItem": [item], **party})).json()["id"]
            body = {"shoppingCart": {"id": cart_id}, "upstream": "crm", "externalId": "WEB", **party, "submit": False}
            checkout_id = (await ask(who, "POST", CHECKOUTS, body)).json()["id"]
            made[who] = {
                "cart": cart_id,
                "checkout": checkout_id,
                "correlation": f"of-{who}",
                "name": who,
                "open": open_cart,
            }
        sees_all = {"shop", "desk"}
        for who in CLIENTS:
            for owner, ids in made.items():
                for asked_id in ids.values():
                    answer = await ask(who, "GET", TRACE, id=asked_id)
                    if who == "notifier":
                        assert_error(answer, 403)
                    elif who in sees_all or who == owner:
                        assert answer.status_code == 200, (who, owner, asked_id)
                    else:
                        assert_error(answer, 404)
            for shared in ("CD1", "WEB"):
                answer = await ask(who, "GET", TRACE, id=shared)
                if who in {"notifier", "stranger"}:
                    assert answer.status_code in {403, 404}
                    continue
                found = answer.json()
                expected = set(made) if who in sees_all else {who}
                assert {each["id"] for each in found["checkout"]} == {made[each]["checkout"] for each in expected}
                if shared == "CD1":
                    mine = {made[each][name] for each in expected for name in ("cart", "open")}
                    assert {each["id"] for each in found["shoppingCart"]} == mine
                    assert answer.headers["x-total-count"] == str(2 * len(expected))


async def test_an_order_that_ended_is_not_told_as_one_that_was_given_up(gateway):
    """It is looked for again, because another may have taken its place; it is still the checkout's own."""
    checkout = await gateway.check_out()
    await gateway.work()
    order_id = (await gateway.get(checkout))["productOrder"]["id"]
    gateway.shop.orders[order_id]["state"] = "Rejected"
    await gateway.look_at_orders()
    ended = await gateway.get(checkout)
    assert (ended["state"], ended["productOrder"]["id"], ended["abandonedOrder"]) == ("rejected", order_id, [])
    traced = (await gateway.client.get(TRACE, params={"id": order_id})).json()
    assert ([order["id"] for order in traced["productOrder"]], traced["abandonedOrder"]) == ([order_id], [])
    for query in ({"abandonedOrder.state": "abandoned"}, {"abandonedOrder.id": order_id}):
        assert (await gateway.client.get(CHECKOUTS, params=query)).json() == []
    found = (await gateway.client.get(CHECKOUTS, params={"productOrder.id": order_id})).json()
    assert [each["id"] for each in found] == [checkout["id"]]
