"""TMF622 for partners: orders that come ready, those that were made of carts, and what the official conformance kit asserts of both."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from checkout_gateway import Gateway, assert_error, live_orders
from official_cart_schemas import problems
from partner_orders import ORDERS, PATHS, V4, V5, order, order_v5, valid

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}


async def placed(gateway: Gateway, version: str = "v4", **attributes: Any) -> dict[str, Any]:
    answer = await gateway.post(ORDERS[version](**attributes), PATHS[version])
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


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
    assert sent.items() <= {**made, "productOrderItem": _as_sent(made["productOrderItem"])}.items()
    await gateway.work()
    for other, path in PATHS.items():
        shown = valid(other, await gateway.client.get(f"{path}/{made['id']}"))
        valid(other, await gateway.client.get(path))
        assert shown["id"] == made["id"]
        assert shown["upstreamOrder"]["id"] == "00000001"
        if other == version:
            assert sent.items() <= {**shown, "productOrderItem": _as_sent(shown["productOrderItem"])}.items()


def _as_sent(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items without what only the server says of them."""
    kept = [{name: value for name, value in item.items() if name not in {"state", "orderLineItemId"}} for item in items]
    return [
        {**item, "productOrderItem": _as_sent(item["productOrderItem"])} if "productOrderItem" in item else item
        for item in kept
    ]


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


# -- the same order again ---------------------------------------------------------------------------------------------------


async def test_the_same_external_id_is_the_same_order_again(gateway: Gateway) -> None:
    first = await placed(gateway, externalId="P-1")
    again = await gateway.post(order(externalId="P-1"), V4)
    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert again.headers["idempotent-replayed"] == "true"
    other = await gateway.post(order(externalId="P-1", description="another"), V4)
    assert_error(other, 409, "externalId", first["id"])
    assert len((await gateway.client.get(V4)).json()) == 1


async def test_the_same_key_is_the_same_order_again(gateway: Gateway) -> None:
    first = await gateway.post(order(), V4, idempotency_key="k")
    again = await gateway.post(order(), V4, idempotency_key="k")
    assert again.json()["id"] == first.json()["id"]
    other = await gateway.post(order(description="another"), V4, idempotency_key="k")
    assert_error(other, 409, "Idempotency-Key")


async def test_an_external_id_of_v5_is_found_by_its_id(gateway: Gateway) -> None:
    external = [{"@type": "ExternalIdentifier", "owner": "us", "externalIdentifierType": "po", "id": "X-1"}]
    first = await placed(gateway, "v5", externalId=external)
    again = await gateway.post(order_v5(externalId=external), V5)
    assert again.json()["id"] == first["id"]
    for path in (f"{V5}?externalId.id=X-1", f"{V4}?externalId=X-1"):
        assert [each["id"] for each in (await gateway.client.get(path)).json()] == [first["id"]]


# -- what is refused --------------------------------------------------------------------------------------------------------


async def test_everything_that_is_wrong_is_told_at_once_at_the_orders_own_paths(gateway: Gateway) -> None:
    wrong = order(
        submit=True,
        priority="9",
        productOrderItem=[
            {"id": "1", "action": "buy", "quantity": 0, "status": "active"},
            {"id": "1", "action": "add", "productOrderItemRelationship": [{"id": "9", "relationshipType": "bundles"}]},
        ],
        relatedParty=[{"name": "nobody"}],
    )
    answer = await gateway.post(wrong, V4)
    error = assert_error(answer, 400)
    assert problems("v4", "Error", error, "tmf622") == []
    told = {each["path"] for each in error["problem"]}
    assert told == {
        "submit",
        "priority",
        "productOrderItem[0].action",
        "productOrderItem[0].quantity",
        "productOrderItem[0].status",
        "productOrderItem[1].id",
        "productOrderItem[1].productOrderItemRelationship[0].id",
        "relatedParty[0].id",
    }
    assert "cart" not in json.dumps(error)
    for nothing in ({}, {"productOrderItem": []}, {"productOrderItem": [1]}, {"productOrderItem": {}}):
        assert_error(await gateway.post(nothing, V4), 400, "productOrderItem")


async def test_what_the_order_system_does_not_take_is_refused_in_the_orders_own_words(gateway: Gateway) -> None:
    item = {"id": "1", "action": "modify", "productOffering": {"id": "P1"}}
    error = assert_error(await gateway.post(order(productOrderItem=[item], upstream="shop"), V4), 422)
    assert error["message"].startswith("The order cannot be ordered: productOrderItem[0]")
    assert "cart" not in json.dumps(error)
    assert (await gateway.client.get(V4)).json() == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("state=acknowledged", 200),
        ("state=nothing", 400),
        ("state=draft", 400),  # v4 knows none
        ("productOrderItem.state=held", 400),
        ("sort=-orderDate,externalId", 200),
        ("sort=productOrderItem.id", 400),
        ("orderDate.gt=2020-01-01", 200),
        ("orderDate.gt=never", 400),
        ("limit=1", 206),
        ("upstreamOrder.id=00000001", 200),
        ("checkout.state.regex=x", 400),
        ("productOrderItem.productOrderItem.productOffering.id=P2", 200),
        ("relatedParty.id=CD1&relatedParty.role=customer", 200),
    ],
)
async def test_the_list_has_the_query_language_of_tmf630(gateway: Gateway, query: str, status: int) -> None:
    await placed(gateway, externalId="B")
    await placed(gateway, externalId="A")
    await gateway.work()
    answer = await gateway.client.get(f"{V4}?{query}")
    assert answer.status_code == status, answer.text
    if status != 400:
        assert len(answer.json()) == (1 if "limit" in query or "upstreamOrder" in query else 2)
        valid("v4", answer)
