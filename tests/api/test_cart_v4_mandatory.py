"""What v4 makes mandatory: asked for where nothing tells it, supplied where something does, and never in the way of others."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from v4_carts import PARTY, PRICE, V1, V4, V5, document_of, product, valid

from gateway.app import GatewayApp
from gateway.carts import store


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
    (product(agreement=[{"id": 5.5}]), "cartItem[0].product.agreement[0].id"),
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
    state = b',"checkoutState":"open"}'
    assert answer.content == (await client.get(f"{V4}/{cart_id}")).content == row.document.encode()[:-1] + state


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
