"""What v4 makes mandatory: asked for where nothing tells it, supplied where something does, and never in the way of others."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import pytest

from gateway.app import GatewayApp
from gateway.carts import store
from tests.official_cart_schemas import V4_FILE, needed, problems

V1 = "/shoppingCart/v1/shoppingCart"
V4 = "/tmf-api/shoppingCart/v4/shoppingCart"
V5 = "/tmf-api/shoppingCart/v5/shoppingCart"
PARTY = {"id": "42", "role": "customer", "@referredType": "Individual"}
PRICE = {"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 10}}}


def product(**attributes: Any) -> dict[str, Any]:
    return {"cartItem": [{"action": "add", "product": attributes}]}


def price(**attributes: Any) -> dict[str, Any]:
    return {"cartItem": [{"action": "add", "itemPrice": [{**PRICE, **attributes}]}]}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"relatedParty": [{"name": "A Customer", "role": "customer"}]}, "relatedParty[0].id"),
    ({"relatedParty": [PARTY, {"href": "/", "@referredType": "x"}]}, "relatedParty[1].id"),
    ({"relatedParty": [{**PARTY, "id": ""}]}, "relatedParty[0].id"),
    ({"relatedParty": [{"href": "/party/ "}]}, "relatedParty[0].id"),
    ({"cartItem": [{"productOffering": {"href": "/" + "x" * 256}}]}, "cartItem[0].productOffering.id"),
    ({"cartItem": [{"productOffering": {"name": "Tariff"}}]}, "cartItem[0].productOffering.id"),
    (price(productOfferingPrice={"name": "x"}), "cartItem[0].itemPrice[0].productOfferingPrice.id"),
    (price(priceAlteration=[{"priceType": "discount"}]), "cartItem[0].itemPrice[0].priceAlteration[0].price"),
    (
        {"cartItem": [{"itemPrice": [{"price": {}, "priceAlteration": [{"price": {"percentage": 10}}]}]}]},
        "cartItem[0].itemPrice[0].priceAlteration[0].priceType",
    ),
    (
        {"cartItem": [{"cartItem": [price(priceAlteration=[{}])["cartItem"][0]]}]},
        "cartItem[0].cartItem[0].itemPrice[0].priceAlteration[0].price",
    ),
    (product(productCharacteristic=[{"value": "red"}]), "cartItem[0].product.productCharacteristic[0].name"),
    (product(productCharacteristic=[{"name": "color"}]), "cartItem[0].product.productCharacteristic[0].value"),
    (product(place=[{"id": "1"}]), "cartItem[0].product.place[0].role"),
    (product(agreement=[{"name": "x"}]), "cartItem[0].product.agreement[0].id"),
    (product(status="lost"), "cartItem[0].product.status"),
    (
        product(productTerm=[{"validFor": {"endDateTime": "soon"}}]),
        "cartItem[0].product.productTerm[0].validFor.endDateTime",
    ),
    (product(agreement=[{"id": 5}]), "cartItem[0].product.agreement[0].id"),
    (product(billingAccount={"name": "x"}), "cartItem[0].product.billingAccount.id"),
    (product(productSpecification={"name": "x"}), "cartItem[0].product.productSpecification.id"),
    (
        product(productSpecification={"id": "1", "targetProductSchema": {}}),
        "cartItem[0].product.productSpecification.targetProductSchema.@schemaLocation",
    ),
    (product(realizingResource=[{}]), "cartItem[0].product.realizingResource[0].id"),
    (product(realizingService=[{}]), "cartItem[0].product.realizingService[0].id"),
    (product(productOrderItem=[{"orderItemId": "1"}]), "cartItem[0].product.productOrderItem[0].productOrderId"),
    (product(productOrderItem=[{"productOrderId": "1"}]), "cartItem[0].product.productOrderItem[0].orderItemId"),
    (product(productPrice=[{"priceType": "x"}]), "cartItem[0].product.productPrice[0].price"),
    (product(productPrice=[{"price": {}}]), "cartItem[0].product.productPrice[0].priceType"),
    (
        product(productPrice=[{**PRICE, "productPriceAlteration": [{}]}]),
        "cartItem[0].product.productPrice[0].productPriceAlteration[0].price",
    ),
    (
        product(productRelationship=[{"product": {}}]),
        "cartItem[0].product.productRelationship[0].relationshipType",
    ),
    (
        product(productRelationship=[{"relationshipType": "reliesOn"}]),
        "cartItem[0].product.productRelationship[0].product",
    ),
    (
        product(productRelationship=[{"relationshipType": "x", "product": {"relatedParty": [{"name": "y"}]}}]),
        "cartItem[0].product.productRelationship[0].product.relatedParty[0].id",
    ),
]
# What a client leaves out, and what it is shown.
TOLERATED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"relatedParty": [{"id": "42"}]}, {"relatedParty": [{"id": "42", "@referredType": "Party"}]}),
    (
        {"relatedParty": [{"href": "https://crm.example/party/42/", "@type": "Organization"}]},
        {
            "relatedParty": [
                {
                    "id": "42",
                    "href": "https://crm.example/party/42/",
                    "@type": "Organization",
                    "@referredType": "Organization",
                }
            ]
        },
    ),
    (
        {"cartItem": [{"id": "a", "productOffering": {"href": "/offering/7"}}]},
        {"cartItem": [{"id": "a", "productOffering": {"href": "/offering/7", "id": "7"}}]},
    ),
    (
        {"cartItem": [{"id": "a", "itemPrice": [{"priceType": "p", "priceAlteration": [{"price": {}}]}]}]},
        {
            "cartItem": [
                {"id": "a", "itemPrice": [{"priceType": "p", "priceAlteration": [{"price": {}, "priceType": "p"}]}]}
            ]
        },
    ),
    (
        {"cartItem": [{"id": "a", "product": {"billingAccount": {"href": "/b/1"}, "agreement": [{"href": "/a/2"}]}}]},
        {
            "cartItem": [
                {
                    "id": "a",
                    "product": {
                        "billingAccount": {"href": "/b/1", "id": "1"},
                        "agreement": [{"href": "/a/2", "id": "2"}],
                    },
                }
            ]
        },
    ),
]
# What is in other words than the file's, and how it is shown.
TOLERATED += [
    (
        {"cartItem": [{"id": "a", "status": "savedForLater", "note": [{"date": "2026-12-01T08:30"}]}]},
        {"cartItem": [{"id": "a", "status": "saveForLater", "note": [{"date": "2026-12-01T08:30:00Z"}]}]},
    ),
    (
        {"cartItem": [{"id": "a", "product": {"startDate": "2026-12-01", "productTerm": [{"validFor": {}}]}}]},
        {
            "cartItem": [
                {"id": "a", "product": {"startDate": "2026-12-01T00:00:00Z", "productTerm": [{"validFor": {}}]}}
            ]
        },
    ),
    (
        {
            "contactMedium": [
                {"validFor": {"startDateTime": "2026-12-01", "endDateTime": "2027-12-01T00:00:00.5+01:00"}}
            ]
        },
        {
            "contactMedium": [
                {"validFor": {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2027-12-01T00:00:00.5+01:00"}}
            ]
        },
    ),
]
# Whatever R17 may leave out.
OF_R17: dict[str, Any] = {
    "cartItem": [
        {
            "id": "1",
            "action": "add",
            "quantity": 2,
            "productOffering": {"href": "https://shop.example/offering/7"},
            "itemPrice": [{**PRICE, "priceAlteration": [{"name": "off", "priceType": "discount"}, {"name": "on"}]}],
            "product": {
                "place": [{"id": "p", "role": "delivery"}],
                "characteristic": [{"name": "color"}],
                "productRelationship": [{"type": "bundled"}],
                "relatedParty": [{"name": "A User"}],
                "productSpecification": {"href": "/spec/5"},
            },
        }
    ],
    "relatedParty": [
        {"name": "A Customer", "role": "customer"},
        {"href": "https://crm.example/party/9", "role": "seller"},
    ],
}


def valid(answer: httpx.Response, status: int = 200) -> Any:
    """Return the body, once it is valid by the official file."""
    needed(V4_FILE)
    assert answer.status_code == status, answer.text
    body = answer.json()
    for cart in body if isinstance(body, list) else [body]:
        assert not problems("v4", "ShoppingCart", cart)
    return body


async def document_of(app: GatewayApp, cart_id: str) -> dict[str, Any]:
    """Return the cart as it is stored."""
    row = await app.services.database.read(lambda connection: store.get(connection, "default", cart_id))
    assert row is not None
    found: dict[str, Any] = json.loads(row.document)
    return found


@pytest.mark.parametrize(("cart", "path"), REFUSED, ids=[path for _, path in REFUSED])
async def test_what_nothing_tells_is_asked_for(client: httpx.AsyncClient, cart: dict[str, Any], path: str) -> None:
    there = f"{V4}/{(await client.post(V4, json={'relatedParty': [PARTY]})).json()['id']}"

    for answer in (await client.post(V4, json=cart), await client.patch(there, json=cart)):
        assert answer.status_code == 400
        found = answer.json()["problem"]
        assert path in [problem["path"] for problem in found], found
        assert all(";" in problem["message"] or "must be" in problem["message"] for problem in found)
    assert (await client.get(there)).headers["etag"] == '"1"'


async def test_all_findings_come_at_once_and_each_once(client: httpx.AsyncClient) -> None:
    cart = {
        "relatedParty": [{}, {"name": 5}],
        "cartItem": [
            {
                "quantity": 0,
                "productOffering": {},
                "product": {"place": [{}], "productCharacteristic": [{}]},
                "itemPrice": [{"priceAlteration": [{}]}],
            }
        ],
    }

    answer = await client.post(V4, json=cart)

    paths = [problem["path"] for problem in answer.json()["problem"]]
    assert sorted(paths) == [
        "cartItem[0].itemPrice[0].priceAlteration[0].price",
        "cartItem[0].itemPrice[0].priceAlteration[0].priceType",
        "cartItem[0].product.place[0].role",
        "cartItem[0].product.productCharacteristic[0].name",
        "cartItem[0].product.productCharacteristic[0].value",
        "cartItem[0].productOffering.id",
        "cartItem[0].quantity",
        "relatedParty[0].id",
        "relatedParty[1].id",
        "relatedParty[1].name",
    ]


@pytest.mark.parametrize(("sent", "shown"), TOLERATED)
async def test_what_the_cart_tells_is_stored_as_it_was_sent_and_shown_whole(
    app: GatewayApp, client: httpx.AsyncClient, sent: dict[str, Any], shown: dict[str, Any]
) -> None:
    (name,) = sent
    created = valid(await client.post(V4, json=sent), 201)
    path = f"{V4}/{created['id']}"

    assert created[name] == shown[name]
    assert (await document_of(app, created["id"]))[name] == sent[name]
    assert valid(await client.get(path)) == created
    assert valid(await client.get(V4)) == [created]
    assert valid(await client.get(f"{path}?fields={name}"))[name] == shown[name]
    assert valid(await client.get(f"{V4}?fields={name}"))[0][name] == shown[name]
    answers = [(await client.get(f"{base}/{created['id']}")).json() for base in (V1, V5)]
    changed = valid(await client.patch(path, json={"vendor": 1}))
    assert changed[name] == shown[name]
    # Back as it was shown, it is as it was.
    valid(await client.patch(path, json={name: shown[name]}))
    assert (await document_of(app, created["id"]))[name] == sent[name]
    for base, before in zip((V1, V5), answers, strict=True):
        assert (await client.get(f"{base}/{created['id']}")).json()[name] == before[name]


async def test_a_validity_is_shown_as_rfc_3339_wants_it(client: httpx.AsyncClient) -> None:
    created = valid(await client.post(V4, json={"validFor": {"endDateTime": "2999-12-31"}}), 201)
    path = f"{V4}/{created['id']}"

    assert created["validFor"] == {"endDateTime": "2999-12-31T00:00:00Z"}
    # It is the server's from now on, and may come back as it was shown.
    changed = valid(await client.patch(path, json={"validFor": created["validFor"], "vendor": 1}))
    assert changed["validFor"] == created["validFor"]


async def test_a_complete_cart_is_answered_with_the_stored_bytes(app: GatewayApp, client: httpx.AsyncClient) -> None:
    body = b'{"relatedParty":[{"@referredType":"Party", "id":"1"}],"cartItem":[{"id":"a","quantity":1}],"x":1.50}'
    answer = await client.post(V4, content=body, headers={"content-type": "application/json"})
    cart_id = answer.json()["id"]

    row = await app.services.database.read(lambda connection: store.get(connection, "default", cart_id))

    assert row is not None
    assert row.v4_complete is True
    assert answer.content == (await client.get(f"{V4}/{cart_id}")).content == row.document.encode()


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
        lambda connection: store.insert(connection, "default", "old", json.dumps(document), app.services.clock())
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


@pytest.mark.parametrize("base", [V4, V5])
@pytest.mark.parametrize("address", ["my cart", "/schemas/cart.json", "https://shop.example/a b", "", 7])
async def test_a_schema_location_is_a_whole_uri(client, base, address):
    body = {"@type": "ShoppingCart", "cartItem": [{"@type": "CartItem", "action": "add", "@schemaLocation": address}]}
    answer = await client.post(base, json=body)
    assert answer.status_code == 400
    assert [problem["path"] for problem in answer.json()["problem"]] == ["cartItem[0].@schemaLocation"]
    assert "https://example.com/schemas/cart.json" in answer.text
    body["cartItem"][0]["@schemaLocation"] = "urn:shop:schemas:item"
    assert (await client.post(base, json=body)).status_code == 201
