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


def both_versions(**attributes: Any) -> dict[str, dict[str, Any]]:
    """Return one order as a partner writes it in v4 and in v5."""
    amount = {"taxIncludedAmount": {"unit": "EUR", "value": 10.0}}
    item: dict[str, Any] = {
        "id": "1",
        "action": "add",
        "productOffering": {"id": "P1"},
        "itemPrice": [{"priceType": "recurring", "recurringChargePeriod": "month", "price": amount}],
        "itemTerm": [{"name": "minimum", "duration": {"amount": 12, "units": "month"}}],
    }
    common = {"upstream": "plain", "note": [{"text": "ring twice"}], "requestedStartDate": "2999-02-01T00:00:00Z"}
    colour = {"name": "colour", "value": "red"}
    v4 = {
        **common,
        "externalId": "P-1",
        "channel": [{"id": "web", "role": "sales"}],
        "relatedParty": [{"id": "CD1", "role": "customer", "@referredType": "Customer"}],
        "productOrderItem": [{**item, "product": {"productCharacteristic": [colour]}}],
        **attributes,
    }
    typed = {"@type": "StringCharacteristic", **colour}
    price = {**item["itemPrice"][0], "@type": "OrderPrice", "price": {"@type": "Price", **amount}}
    v5 = {
        **common,
        "@type": "ProductOrder",
        "note": [{"@type": "Note", "text": "ring twice"}],
        "externalId": [{"@type": "ExternalIdentifier", "owner": "us", "externalIdentifierType": "po", "id": "P-1"}],
        "channel": [{"@type": "RelatedChannel", "role": "sales", "channel": {"@type": "ChannelRef", "id": "web"}}],
        "relatedParty": [
            {
                "@type": "RelatedPartyRefOrPartyRoleRef",
                "role": "customer",
                "partyOrPartyRole": {"@type": "PartyRef", "id": "CD1", "@referredType": "Customer"},
            }
        ],
        "requestedInitialState": "acknowledged",
        "productOrderItem": [
            {
                **item,
                "@type": "ProductOrderItem",
                "productOffering": {"@type": "ProductOfferingRef", "id": "P1"},
                "itemPrice": [price],
                "itemTerm": [{**item["itemTerm"][0], "@type": "OrderTerm"}],
                "product": {"@type": "Product", "productCharacteristic": [typed]},
            }
        ],
        **attributes,
    }
    return {"v4": v4, "v5": v5}


@pytest.mark.parametrize("first", ["v4", "v5"])
async def test_the_same_order_in_the_other_version_is_the_same_order_again(gateway: Gateway, first: str) -> None:
    second = "v5" if first == "v4" else "v4"
    made = await gateway.post(both_versions()[first], PATHS[first])
    assert made.status_code == 201, made.text
    again = await gateway.post(both_versions()[second], PATHS[second])
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"]), again.text
    assert again.headers["idempotent-replayed"] == "true"
    assert f"/{second}/" in again.headers["location"]
    other = await gateway.post(both_versions(description="another")[second], PATHS[second])
    assert_error(other, 409, "externalId", made.json()["id"])
    assert len((await gateway.client.get(V4)).json()) == 1


async def test_of_several_external_ids_of_v5_the_first_is_the_partners_own(gateway: Gateway) -> None:
    """TMF622 v5 lists the most recent system first: what follows came before it, and may be shared by many orders."""

    def ids(*given: str) -> list[dict[str, str]]:
        return [{"@type": "ExternalIdentifier", "id": each} for each in given]

    first = await placed(gateway, "v5", externalId=ids("X-1", "SHOP-7"))
    other = await placed(gateway, "v5", externalId=ids("X-2", "SHOP-7"))
    assert other["id"] != first["id"]
    assert [each["id"] for each in other["externalId"]] == ["X-2", "SHOP-7"]
    assert_error(await gateway.post(order_v5(externalId=ids("X-1", "SHOP-8")), V5), 409, "externalId")


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
        "relatedParty[1]",
        "productOrderItem[2].productOrderItemRelationship[0]",
        "productOrderItem[2].productOrderItemRelationship[1]",
    }
    assert "cart" not in json.dumps(error)
    assert (await gateway.client.get(PATHS[version])).json() == []


async def test_a_draft_does_not_come_to_mean_two_things(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft")
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
        ("filter=x", 501),
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
    if status < 400:
        assert len(answer.json()) == (1 if "limit" in query or "upstreamOrder" in query else 2)
        valid("v4", answer)
