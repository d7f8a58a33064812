"""Carts that lack what v4 makes mandatory, from R17 or from before: shown whole, changed in peace."""

from __future__ import annotations

import copy
import json

import httpx
import pytest
from v4_carts import OF_R17, PARTY, PRICE, V1, V4, V5, valid

from gateway.app import GatewayApp
from gateway.carts import store


async def test_what_r17_leaves_out_is_shown_empty(client: httpx.AsyncClient) -> None:
    sent = (await client.post(V1, json=OF_R17)).json()
    path = f"{V4}/{sent['id']}"

    cart = valid(await client.get(path))

    assert cart["relatedParty"] == [
        {"id": "", "name": "A Customer", "role": "customer", "@referredType": "Party"},
        {"id": "9", "href": "https://crm.example/party/9", "role": "seller", "@referredType": "Party"},
    ]
    item = cart["cartItem"][0]
    assert item["productOffering"]["id"] == "7"
    assert item["itemPrice"][0]["priceAlteration"] == [
        {"name": "off", "priceType": "discount", "price": {}},
        {"name": "on", "price": {}, "priceType": "recurring"},
    ]
    assert item["product"]["productCharacteristic"] == [{"name": "color", "value": None}]
    assert item["product"]["productRelationship"] == [{"relationshipType": "bundled", "product": {}}]
    assert item["product"]["productSpecification"] == {"href": "/spec/5", "id": "5"}
    assert valid(await client.get(V4)) == [cart]
    assert valid(await client.get(f"{V4}?fields=relatedParty"))[0]["relatedParty"] == cart["relatedParty"]


async def test_a_change_is_not_blamed_for_what_r17_left_out(client: httpx.AsyncClient) -> None:
    sent = (await client.post(V1, json=OF_R17)).json()
    path = f"{V4}/{sent['id']}"
    cart = valid(await client.get(path))

    # Another attribute; an entry by JSON patch and by query, in and beside what is incomplete; the whole list with one more.
    valid(await client.patch(path, json={"vendor": 1}))
    as_patch = {"content-type": "application/json-patch+json"}
    operations = [
        {"op": "add", "path": "/cartItem/-", "value": {"id": "2", "action": "add"}},
        {"op": "replace", "path": "/relatedParty/0/role", "value": "buyer"},
        {"op": "test", "path": "/relatedParty/1/id", "value": "9"},
    ]
    valid(await client.patch(path, content=json.dumps(operations), headers=as_patch))
    by_query = [{"op": "replace", "path": "/relatedParty/role?relatedParty.id=9", "value": "partner"}]
    headers = {"content-type": "application/json-patch-query+json"}
    changed = valid(await client.patch(path, content=json.dumps(by_query), headers=headers))
    assert [party.get("role") for party in changed["relatedParty"]] == ["buyer", "partner"]
    valid(await client.patch(path, json={"relatedParty": [PARTY, *changed["relatedParty"]]}))
    # The first of two goes: the other is still what it was.
    removed = valid(
        await client.patch(path, content=json.dumps([{"op": "remove", "path": "/relatedParty/0"}]), headers=as_patch)
    )

    assert removed["relatedParty"] == changed["relatedParty"]
    r17 = (await client.get(f"{V1}/{sent['id']}")).json()
    assert r17["cartItem"][0] == sent["cartItem"][0]
    assert r17["relatedParty"][0] == {"name": "A Customer", "role": "buyer"}
    assert removed["cartItem"][0] == cart["cartItem"][0]


async def test_what_a_change_brings_is_asked_for_beside_what_was_there(client: httpx.AsyncClient) -> None:
    sent = (await client.post(V1, json=OF_R17)).json()
    parties = copy.deepcopy(OF_R17["relatedParty"])

    answer = await client.patch(f"{V4}/{sent['id']}", json={"relatedParty": [*parties, {"name": "Another"}]})

    assert [problem["path"] for problem in answer.json()["problem"]] == ["relatedParty[2].id"]


async def test_an_empty_id_is_no_id_for_a_new_cart(client: httpx.AsyncClient) -> None:
    sent = (await client.post(V1, json=OF_R17)).json()
    cart = valid(await client.get(f"{V4}/{sent['id']}"))

    answer = await client.post(V4, json={"relatedParty": cart["relatedParty"]})

    assert [problem["path"] for problem in answer.json()["problem"]] == ["relatedParty[0].id"]
    assert "is empty" in answer.json()["problem"][0]["message"]


@pytest.mark.parametrize("base", [V1, V4, V5])
async def test_a_merge_and_what_comes_of_it_are_valid(client: httpx.AsyncClient, base: str) -> None:
    saved = (await client.post(V4, json={"relatedParty": [PARTY]})).json()
    guest = (await client.post(V1, json=OF_R17)).json()

    answer = await client.post(f"{base}/{saved['id']}/merge", json={"shoppingCart": {"id": guest["id"]}})

    assert answer.status_code == 200, answer.text
    cart = valid(answer) if base == V4 else valid(await client.get(f"{V4}/{saved['id']}"))
    assert [party["id"] for party in cart["relatedParty"]] == ["42", "", "9"]


async def test_a_filter_looks_at_what_is_stored(client: httpx.AsyncClient) -> None:
    valid(await client.post(V4, json={"relatedParty": [{"id": "42"}]}), 201)

    assert len(valid(await client.get(f"{V4}?relatedParty.id=42"))) == 1
    assert valid(await client.get(f"{V4}?relatedParty.@referredType=Party")) == []


async def test_a_cart_of_an_earlier_release_is_looked_at(app: GatewayApp, client: httpx.AsyncClient) -> None:
    document = {"id": "old", "href": f"{V4}/old", "relatedParty": [{"name": "x"}], "cartItem": [{"product": {}}]}
    document["cartItem"][0]["product"] = {"place": [{}], "agreement": [{"id": None, "name": None}]}  # type: ignore[index]
    await app.services.database.write(
        lambda connection: store.insert(
            connection, "default", "old", store.CartContent(json.dumps(document)), app.services.clock()
        )
    )

    cart = valid(await client.get(f"{V4}/old"))

    assert valid(await client.get(V4)) == [cart]
    assert cart["cartItem"][0]["product"] == {"place": [{"role": ""}], "agreement": [{"id": ""}]}
    assert valid(await client.patch(f"{V4}/old", json={"vendor": 1}))["relatedParty"] == cart["relatedParty"]


async def test_many_old_omissions_hide_no_new_one_and_are_never_blamed(client: httpx.AsyncClient) -> None:
    nameless = [{"id": str(number), "action": "add", "product": {"name": "x"}} for number in range(150)]
    for item in nameless:
        item["itemPrice"] = [{**PRICE, "priceAlteration": [{"name": item["id"]}]}]
    cart = (await client.post(V1, json={"cartItem": nameless})).json()
    path = f"{V4}/{cart['id']}"
    first, *rest = valid(await client.get(path))["cartItem"]
    incomplete = {"id": "new", "product": {"place": [{}]}}

    answer = await client.patch(path, json={"cartItem": [first, *rest, incomplete]})
    assert [problem["path"] for problem in answer.json()["problem"]] == ["cartItem[150].product.place[0].role"]
    # In other places, and one of them changed, which keeps its place in the item of its id.
    moved = valid(await client.patch(path, json={"cartItem": [*rest[70:], {**first, "quantity": 2}, *rest[:70]]}))

    assert len(moved["cartItem"]) == 150
    r17 = (await client.get(f"{V1}/{cart['id']}")).json()["cartItem"]
    assert all(item["itemPrice"][0]["priceAlteration"] == [{"name": item["id"]}] for item in r17)
