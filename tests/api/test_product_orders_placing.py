"""Placing product orders: what makes one the same order again, what is refused, and how placed ones are listed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from checkout_gateway import Gateway, assert_error
from official_cart_schemas import problems
from partner_orders import ORDERS, PATHS, V4, V5, order, order_v5, patched, placed, valid

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_who_says_draft_in_the_wrong_place_has_nothing_submitted(gateway: Gateway, version: str) -> None:
    answer = await gateway.post(ORDERS[version](state="draft"), PATHS[version])
    assert "requestedInitialState" in assert_error(answer, 400, "state")["message"]
    made = await placed(gateway, version, state="draft", requestedInitialState="draft")
    assert (await gateway.get(made["id"]))["state"] == "accepted"
    assert not (await gateway.get(made["id"]))["submit"]


async def test_what_the_order_system_does_not_take_is_refused_in_the_orders_own_words(gateway: Gateway) -> None:
    item = {"id": "1", "action": "modify", "productOffering": {"id": "P1"}}
    error = assert_error(await gateway.post(order(productOrderItem=[item], upstream="shop"), V4), 422)
    assert error["message"].startswith("The order cannot be ordered: productOrderItem[0]")
    assert "cart" not in json.dumps(error)
    assert (await gateway.client.get(V4)).json() == []


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_what_would_mean_two_things_is_refused_all_at_once_at_the_orders_own_paths(
    gateway: Gateway, version: str
) -> None:
    made = ORDERS[version]()
    [item, *_], [party] = made["productOrderItem"], made["relatedParty"]
    kind = {"@type": "OrderItemRelationship"} if version == "v5" else {}

    def related(item_id: str, *targets: str) -> dict[str, Any]:
        relations = [{**kind, "id": target, "relationshipType": "reliesOn"} for target in targets]
        return {**item, "id": item_id, "productOrderItem": [], "productOrderItemRelationship": relations}

    other = json.loads(json.dumps(party).replace("CD1", "CD2"))
    made |= {
        "productOrderItem": [related("1", "2"), related("2", "3"), related("3", "3", "1")],
        "relatedParty": [party, other],
        "requestedStartDate": "2999-02-01T00:00:00Z",
        "requestedCompletionDate": "2999-01-01T00:00:00Z",
    }
    error = assert_error(await gateway.post(made, PATHS[version]), 422)
    assert {each["path"] for each in error["problem"]} == {
        "requestedCompletionDate",
        "relatedParty[1]",
        "productOrderItem[2].productOrderItemRelationship[0]",
        "productOrderItem[2].productOrderItemRelationship[1]",
    }
    assert "cart" not in json.dumps(error)
    assert (await gateway.client.get(PATHS[version])).json() == []


async def test_a_draft_does_not_come_to_mean_two_things(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft", requestedStartDate="2999-02-01T00:00:00Z")
    change = {"requestedCompletionDate": "2999-01-01T00:00:00Z"}
    assert_error(await patched(gateway, made, change), 422, "requestedCompletionDate")
    party = {"id": "CD2", "role": "customer", "@referredType": "Customer"}
    assert_error(await patched(gateway, made, {"relatedParty": [*made["relatedParty"], party]}), 422, "relatedParty[1]")
    assert (await gateway.client.get(made["href"])).json() == made


async def test_the_parent_that_bundles_what_relies_on_it_is_no_circle(gateway: Gateway) -> None:
    def item(item_id: str, other: str, kind: str) -> dict[str, Any]:
        relation = {"id": other, "relationshipType": kind}
        offering = {"id": f"P{item_id}"}
        return {"id": item_id, "action": "add", "productOffering": offering, "productOrderItemRelationship": [relation]}

    await placed(gateway, productOrderItem=[item("1", "2", "bundles"), item("2", "1", "reliesOn")])


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
