"""TMF622 for partners: orders that come ready, those that were made of carts, and what the official conformance kit asserts of both."""

from __future__ import annotations

from uuid import uuid4

import pytest
from checkout_gateway import Gateway, live_orders
from partner_orders import ORDERS, PATHS, V4, as_sent, placed, valid

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}


# -- what the official kit asserts ------------------------------------------------------------------------------------------


async def test_the_kits_assertions(gateway: Gateway) -> None:
    """POST with an item and a party, the list, one by its id, filters, selections, and what does not exist: CTK622 v4."""
    body = {
        "productOrderItem": [{"id": "100", "action": "add", "productOffering": {"id": "14277"}}],
        "relatedParty": [{"id": "456", "@referredType": "Individual"}],
        "upstream": "plain",
    }
    other = await placed(gateway)
    created = await gateway.post(body, V4)
    assert created.status_code == 201
    made = valid("v4", created)
    assert created.headers["location"] == made["href"] == f"http://gateway.test{V4}/{made['id']}"

    listed = await gateway.client.get(V4, headers=JSON)
    assert listed.status_code == 200
    for each in valid("v4", listed):
        assert all(each[name] for name in ("id", "href", "orderDate", "productOrderItem", "relatedParty", "state"))
        assert all(item["id"] and item["action"] for item in each["productOrderItem"])
        assert all(party["id"] and party["@referredType"] for party in each["relatedParty"])
    assert [each["id"] for each in listed.json()] == [made["id"], other["id"]]

    for address in (f"{V4}/{made['id']}", made["href"]):
        one = await gateway.client.get(address, headers=JSON)
        assert (one.status_code, one.json()) == (200, made)
    for name in ("id", "href", "orderDate"):
        # Raw, as the kit's runner sends it.
        found = await gateway.client.get(f"{V4}?{name}={made[name]}", headers=JSON)
        assert found.status_code == 200
        assert made in found.json()
    for name in ("id", "href", "orderDate", "state", "productOrderItem", "relatedParty"):
        chosen = await gateway.client.get(f"{V4}?fields={name}", headers=JSON)
        assert chosen.status_code == 200
        assert all(set(each) == {"id", "href", name} for each in chosen.json())
    missing = await gateway.client.get(f"{V4}/{uuid4()}", headers=JSON)
    assert (missing.status_code, missing.json()["code"]) == (404, "60")


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_an_order_is_shown_as_it_was_sent_in_both_versions_and_is_valid(gateway: Gateway, version: str) -> None:
    sent = ORDERS[version](
        externalId="P-1" if version == "v4" else [{"@type": "ExternalIdentifier", "id": "P-1"}], mine={"a": 1}
    )
    made = valid(version, await gateway.post(sent, PATHS[version]))
    assert sent.items() <= {**made, "productOrderItem": as_sent(made["productOrderItem"])}.items()
    await gateway.work()
    for other, path in PATHS.items():
        shown = valid(other, await gateway.client.get(f"{path}/{made['id']}"))
        valid(other, await gateway.client.get(path))
        assert shown["id"] == made["id"]
        assert shown["upstreamOrder"]["id"] == "00000001"
        if other == version:
            assert sent.items() <= {**shown, "productOrderItem": as_sent(shown["productOrderItem"])}.items()


# -- the way of an order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_a_ready_order_is_submitted_once_and_followed_to_its_end(gateway: Gateway, version: str) -> None:
    made = await placed(gateway, version)
    assert made["state"] == "acknowledged"
    await gateway.work()

    sent = live_orders(gateway.plain)
    assert len(sent) == 1
    assert [item["productOffering"]["id"] for item in sent[0]["productOrderItem"]] == ["P1"]
    checkout = await gateway.get(made["id"])
    assert (checkout["source"], checkout["shoppingCart"], checkout["state"]) == ("productOrder", None, "submitted")
    assert checkout["productOrder"]["id"] == "00000001"
    assert not [each for each in checkout["finding"] if "cart" in each["path"] or "cart" in each["message"]]

    for state in ("inProgress", "completed"):
        sent[0]["state"] = state
        await gateway.look_at_orders()
        shown = valid(version, await gateway.client.get(f"{PATHS[version]}/{made['id']}"))
        assert shown["state"] == state
        assert shown["id"] == made["id"]
    assert shown["completionDate"]


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_who_asks_for_an_order_under_way_is_told_when_to_ask_again(gateway: Gateway, version: str) -> None:
    path = f"{PATHS[version]}/{(await placed(gateway, version))['id']}"
    assert int((await gateway.client.get(path)).headers["retry-after"]) >= 1
    await gateway.work()
    assert int((await gateway.client.get(path)).headers["retry-after"]) >= 1
    live_orders(gateway.plain)[0]["state"] = "completed"
    await gateway.look_at_orders()
    assert "retry-after" not in (await gateway.client.get(path)).headers


async def test_nothing_that_is_not_sent_is_lost_without_a_word(gateway: Gateway) -> None:
    made = await placed(
        gateway,
        state="completed",
        mine=5,
        productOrderItem=[
            {"id": "1", "action": "add", "state": "held", "productOffering": {"id": "P1", "version": "3"}},
        ],
    )
    found = {(each["code"], each["path"]) for each in (await gateway.get(made["id"]))["finding"]}
    assert {("dropped", "state"), ("dropped", "productOrderItem[0].state")} <= found
    assert ("dropped", "productOrderItem[0].productOffering.version") in found


async def test_an_order_of_a_cart_is_there_as_well(gateway: Gateway) -> None:
    checkout = await gateway.check_out(upstream="plain", externalId="WEB-1", description="of a cart")
    await gateway.work()
    for version, path in PATHS.items():
        shown = valid(version, await gateway.client.get(f"{path}/{checkout['id']}"))
        assert [item["id"] for item in shown["productOrderItem"]] == ["1", "2", "3", "4", "5"]
        assert shown["description"] == "of a cart"
        assert shown["state"] == "acknowledged"
        assert {item.get("@type") for item in shown["productOrderItem"]} == {"ProductOrderItem"}
        [found] = valid(
            version, await gateway.client.get(f"{path}?productOrderItem.productOffering.id=P3&externalId=WEB-1")
        )
        assert found == shown
        assert (await gateway.client.get(f"{path}?description=other")).json() == []
