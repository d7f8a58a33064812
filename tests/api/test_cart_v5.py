"""TMF663 v5: the official examples come back as they were sent, and every answer is valid by the official API file."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from official_cart_schemas import V5_FILE, needed, problems, v5_document

from gateway.app import GatewayApp

CARTS = "/tmf-api/shoppingCart/v5/shoppingCart"
V4 = "/tmf-api/shoppingCart/v4/shoppingCart"
V1 = "/shoppingCart/v1/shoppingCart"
TIME_OF_EXAMPLES = datetime(2021, 9, 1, tzinfo=UTC)
BY_SERVER = {"id", "href", "creationDate", "lastUpdate", "lastUpdateDate", "validFor", "checkoutState"}

CART: dict[str, Any] = {
    "@type": "ShoppingCart",
    "cartItem": [
        {
            "@type": "CartItem",
            "id": "1",
            "action": "add",
            "quantity": 2,
            "status": "active",
            "itemTerm": [{"@type": "CartTerm", "duration": {"amount": 12, "units": "month"}}],
            "note": [{"@type": "Note", "text": "with care", "vendor": [1]}],
            "itemPrice": [
                {
                    "@type": "CartPrice",
                    "priceType": "recurring",
                    "recurringChargePeriod": "month",
                    "price": {"@type": "Price", "dutyFreeAmount": {"unit": "EUR", "value": 9.90}},
                }
            ],
            "product": {
                "@type": "Product",
                "productCharacteristic": [
                    {"@type": "IntegerCharacteristic", "name": "size", "value": 128},
                    {"@type": "BooleanCharacteristic", "name": "fast", "value": True},
                    {"@type": "StringArrayCharacteristic", "name": "colours", "value": ["red", "blue"]},
                    {"@type": "FloatCharacteristic", "name": "width", "value": 1.5},
                ],
                "place": [
                    {
                        "@type": "RelatedPlaceRefOrValue",
                        "role": "delivery",
                        "place": {"@type": "GeographicAddress", "city": "Ghent", "streetName": "Veldstraat"},
                    }
                ],
                "productRelationship": [
                    {"@type": "ProductRelationship", "id": "p1", "href": "/p1", "relationshipType": "reliesOn"}
                ],
                "agreementItem": [{"@type": "AgreementItemRef", "agreementId": "a1", "agreementItemId": "1"}],
            },
            "productOffering": {"@type": "ProductOfferingRef", "id": "1", "version": "2.0"},
        },
        {
            "@type": "CartItem",
            "id": "2",
            "status": "saveForLater",
            "cartItemRelationship": [{"@type": "CartItemRelationship", "id": "1", "relationshipType": "dependsOn"}],
        },
    ],
    "contactMedium": [
        {"@type": "EmailContactMedium", "emailAddress": "a@example.com", "contactType": "work", "preferred": True},
        {"@type": "PhoneContactMedium", "phoneNumber": "+32 1", "id": "m2"},
        {"@type": "ContactMedium", "contactType": "other"},
    ],
    "relatedParty": [
        {
            "@type": "RelatedPartyOrPartyRole",
            "role": "prospect",
            "partyOrPartyRole": {"@type": "Individual", "givenName": "Jack", "familyName": "Smith"},
        },
        {
            "@type": "RelatedPartyOrPartyRole",
            "role": "customer",
            "partyOrPartyRole": {"@type": "PartyRoleRef", "id": "9", "@referredType": "Customer", "partyId": "7"},
        },
    ],
}


def without_server(cart: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in cart.items() if name not in BY_SERVER}


def valid(answer: httpx.Response, name: str = "ShoppingCart", version: str = "v5") -> Any:
    """Return the body, once it is valid by the official schema."""
    body = answer.json()
    found = [
        problem for entry in (body if isinstance(body, list) else [body]) for problem in problems(version, name, entry)
    ]
    assert not found
    return body


def official_examples() -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the cart of every official example that holds one, those of events too.

    Two parties of the list are mended: they have `PartyOrPartyRole` for `partyOrPartyRole`, by which they would have no party
    at all, and in it a reference without the id that is mandatory.
    """
    if not V5_FILE.exists():
        return []
    text = json.dumps(v5_document()["components"]["examples"])
    text = text.replace('"PartyOrPartyRole": {', '"partyOrPartyRole": {"id": "9177", ')
    found: list[tuple[str, dict[str, Any]]] = []
    for name, example in json.loads(text).items():
        values = example["value"] if isinstance(example["value"], list) else [example["value"]]
        carts = [value.get("event", {}).get("shoppingCart", value) for value in values]
        found += [(f"{name}-{at}", cart) for at, cart in enumerate(carts) if cart.get("@type") == "ShoppingCart"]
    assert len(found) == 17
    return found


EXAMPLES = official_examples()


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
async def test_every_official_example_comes_back(
    app: GatewayApp, client: httpx.AsyncClient, name: str, example: dict[str, Any]
) -> None:
    app.services = replace(app.services, clock=lambda: TIME_OF_EXAMPLES)
    body = copy.deepcopy(example)
    # One example leaves out a type that the standard demands.
    for item in body.get("cartItem", []):
        item["product"].setdefault("@type", "Product")

    created = await client.post(CARTS, json=body)

    assert created.status_code == 201, (name, created.text)
    stored = (await client.get(f"{CARTS}/{created.json()['id']}")).json()
    expected = without_server(body)
    if "cartTotalPrice" not in body or "itemTotalPrice" not in str(body):
        # What a request does not carry is computed, and equals the official answer to it.
        assert stored.pop("cartTotalPrice", None) is None or stored["cartItem"][0]["itemTotalPrice"]
        expected.pop("cartTotalPrice", None)
        for item in [*stored.get("cartItem", []), *expected.get("cartItem", [])]:
            item.pop("itemTotalPrice", None)
    for item, sent in zip(stored.get("cartItem", []), expected.get("cartItem", []), strict=True):
        sent.setdefault("id", item["id"])
    assert without_server(stored) == expected
    if "validFor" in body:
        assert stored["validFor"] == body["validFor"]


async def test_the_totals_of_the_official_request_are_those_of_the_official_answer(client: httpx.AsyncClient) -> None:
    needed(V5_FILE)
    examples = v5_document()["components"]["examples"]
    request = examples["ShoppingCart_create_example_for_prospect_customer_request"]["value"]
    answer = examples["ShoppingCart_create_example_for_prospect_customer_response"]["value"]

    cart = (await client.post(CARTS, json=request)).json()

    expected = answer["cartItem"][0]["itemTotalPrice"]
    assert cart["cartItem"][0]["itemTotalPrice"] == expected
    assert cart["cartTotalPrice"] == expected


@pytest.mark.parametrize("kind", ["application_json", "merge_patch_json"])
async def test_the_official_patches_work(client: httpx.AsyncClient, kind: str) -> None:
    needed(V5_FILE)
    patch = v5_document()["components"]["examples"][f"ShoppingCart_partialupdate_example_{kind}_request"]["value"]
    path = f"{CARTS}/{(await client.post(CARTS, json=CART)).json()['id']}"
    media_type = "application/json" if kind == "application_json" else "application/merge-patch+json"

    answer = await client.patch(path, content=json.dumps(patch).encode(), headers={"content-type": media_type})

    assert answer.status_code == 200, answer.text
    assert valid(answer)["cartItem"] == patch["cartItem"]


async def test_every_answer_of_v5_is_valid_by_the_official_file(client: httpx.AsyncClient) -> None:
    created = await client.post(CARTS, json=CART)
    cart = valid(created)
    path = f"{CARTS}/{cart['id']}"

    assert created.status_code == 201
    assert created.headers["location"] == cart["href"] == f"http://gateway.test{path}"
    assert valid(await client.get(path)) == cart
    assert valid(await client.get(CARTS)) == [cart]
    assert valid(await client.get(f"{CARTS}?href={cart['href']}")) == [cart]
    assert valid(await client.get(f"{path}?fields=cartItem"))["cartItem"] == cart["cartItem"]
    assert set(valid(await client.get(f"{path}?fields=none"))) == {"@type", "id", "href"}
    changed = valid(await client.patch(path, json={"@type": "ShoppingCart", "contactMedium": []}))
    assert changed["lastUpdate"] >= cart["lastUpdate"]
    assert changed["creationDate"] == cart["creationDate"]
    assert changed["cartItem"] == cart["cartItem"]
    for answer, status in (
        (await client.post(CARTS, json={"relatedParty": [{}]}), 400),
        (await client.get(f"{CARTS}/unknown"), 404),
        (await client.put(path, json={}), 405),
        (await client.patch(path, json={"x": 1}, headers={"If-Match": '"9"'}), 412),
        (await client.patch(path, content=b"{}", headers={"content-type": "text/plain"}), 415),
    ):
        assert answer.status_code == status
        assert valid(answer, "Error")["status"] == str(status)
    assert (await client.delete(path)).status_code == 204


async def test_every_answer_of_v4_is_valid_by_the_official_file(client: httpx.AsyncClient) -> None:
    cart_id = (await client.post(CARTS, json=CART)).json()["id"]
    path = f"{V4}/{cart_id}"

    cart = valid(await client.get(path), version="v4")
    assert valid(await client.get(V4), version="v4") == [cart]
    assert valid(await client.get(f"{path}?fields=relatedParty"), version="v4")["relatedParty"] == cart["relatedParty"]
    # The first party is a prospect, whose id nobody knows: v4 clients have to name one.
    body = {name: value for name, value in cart.items() if name not in {"id", "href"}}
    assert [problem["path"] for problem in (await client.post(V4, json=body)).json()["problem"]] == [
        "relatedParty[0].id"
    ]
    body["relatedParty"][0]["id"] = "prospect-1"
    assert valid(await client.post(V4, json=body), version="v4")["cartItem"] == cart["cartItem"]
    changed = await client.patch(path, json={"cartItem": []})
    assert "cartTotalPrice" not in valid(changed, version="v4")
    assert valid(await client.get(f"{V4}/unknown"), "Error", version="v4")["code"] == "60"


async def test_a_cart_of_v5_reads_rightly_in_v4_and_v1(client: httpx.AsyncClient) -> None:
    answer = (await client.post(CARTS, json=CART)).json()
    v4 = (await client.get(f"{V4}/{answer['id']}")).json()
    v1 = (await client.get(f"{V1}/{answer['id']}")).json()

    assert v4["relatedParty"][0]["name"] == v1["relatedParty"][0]["name"] == "Jack Smith"
    assert v4["relatedParty"][1] == {
        "role": "customer",
        "id": "9",
        "@referredType": "Customer",
        "partyId": "7",
        "@type": "RelatedParty",
    }
    assert v4["contactMedium"][0]["characteristic"] == {"contactType": "work", "emailAddress": "a@example.com"}
    assert [medium["type"] for medium in v1["contactMedium"][:2]] == ["email", "phone"]
    product = v4["cartItem"][0]["product"]
    assert product["place"] == [
        {"role": "delivery", "city": "Ghent", "streetName": "Veldstraat", "@type": "RelatedPlaceRefOrValue"}
    ]
    assert product["productRelationship"][0]["product"] == {"id": "p1", "href": "/p1"}
    assert product["agreement"][0]["id"] == "a1"
    assert v1["cartItem"][0]["product"]["characteristic"][0]["name"] == "size"
    assert v1["cartItem"][0]["totalItemPrice"][0]["price"] == {
        "dutyFreeAmount": {"money": {"unit": "EUR", "value": 19.8}}
    }
    assert v1["cartItem"][1]["status"] == "SavedForLater"


async def test_a_change_in_v4_leaves_the_rest_of_a_v5_cart_as_it_was_sent(client: httpx.AsyncClient) -> None:
    answer = (await client.post(CARTS, json=CART)).json()

    await client.patch(f"{V4}/{answer['id']}", json={"contactMedium": [{"mediumType": "phone"}]})

    cart = (await client.get(f"{CARTS}/{answer['id']}")).json()
    assert cart["contactMedium"] == [{"@type": "PhoneContactMedium"}]
    assert (cart["cartItem"], cart["relatedParty"]) == (answer["cartItem"], answer["relatedParty"])
    assert cart["relatedParty"] == CART["relatedParty"]


async def test_date_times_are_answered_as_rfc_3339_wants_them(client: httpx.AsyncClient) -> None:
    period = {"startDateTime": "2026-12-01T08:30", "endDateTime": "2999-12-31"}
    shown = {"startDateTime": "2026-12-01T08:30:00Z", "endDateTime": "2999-12-31T00:00:00Z"}
    term = {"@type": "ProductTerm", "validFor": period}
    item = {
        **product(orderDate="2026-12-01", productTerm=[term])["cartItem"][0],
        "note": [{"@type": "Note", "date": "2026-12-01T08:30+01:00"}],
    }
    media = [{"@type": "EmailContactMedium", "emailAddress": "a@example.com", "validFor": period}]

    answer = await client.post(
        CARTS, json={"@type": "ShoppingCart", "cartItem": [item], "contactMedium": media, "validFor": period}
    )

    cart = valid(answer)
    assert cart["validFor"] == cart["contactMedium"][0]["validFor"] == shown
    assert cart["cartItem"][0]["note"][0]["date"] == "2026-12-01T07:30:00Z"
    assert cart["cartItem"][0]["product"]["orderDate"] == "2026-12-01T00:00:00Z"
    assert cart["cartItem"][0]["product"]["productTerm"][0]["validFor"] == shown
    v4 = valid(await client.get(f"{V4}/{cart['id']}"), version="v4")
    assert v4["validFor"] == shown
    assert valid(await client.patch(f"{CARTS}/{cart['id']}", json={"validFor": shown}))["validFor"] == shown


def product(**attributes: Any) -> dict[str, Any]:
    return {"cartItem": [{"@type": "CartItem", "product": {"@type": "Product", **attributes}}]}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"@type": None}, "@type"),
    ({"cartItem": [{}]}, "cartItem[0].@type"),
    ({"cartItem": [{"@type": "CartItem", "status": "savedForLater"}]}, "cartItem[0].status"),
    ({"cartItem": [{"@type": "CartItem", "productOffering": {"@type": "x"}}]}, "cartItem[0].productOffering.id"),
    (
        {"cartItem": [{"@type": "CartItem", "itemPrice": [{"@type": "x", "price": {"@type": "y"}}]}]},
        "cartItem[0].itemPrice[0].priceType",
    ),
    ({"relatedParty": [{"@type": "x", "partyOrPartyRole": {"@type": "Individual"}}]}, "relatedParty[0].role"),
    (
        {"relatedParty": [{"@type": "x", "role": "r", "partyOrPartyRole": {"@type": "PartyRef"}}]},
        "relatedParty[0].partyOrPartyRole.id",
    ),
    ({"cartItem": [{"@type": "CartItem", "product": {"@type": []}}]}, "cartItem[0].product.@type"),
    (
        {"relatedParty": [{"@type": "x", "role": "r", "partyOrPartyRole": {"@type": {}}}]},
        "relatedParty[0].partyOrPartyRole.@type",
    ),
    (product(status="lost"), "cartItem[0].product.status"),
    (
        product(place=[{"@type": "x", "role": "r", "place": {"@type": "y", "name": 1}}]),
        "cartItem[0].product.place[0].place.name",
    ),
    (
        product(agreementItem=[{"@type": "x", "agreementId": 5.5, "agreementItemId": "1"}]),
        "cartItem[0].product.agreementItem[0].agreementId",
    ),
    (
        product(productPrice=[{"@type": "x", "priceType": "y", "price": {"@type": "z", "taxRate": "high"}}]),
        "cartItem[0].product.productPrice[0].price.taxRate",
    ),
    ({"contactMedium": [{"@type": "EmailContactMedium", "emailAddress": 1}]}, "contactMedium[0].emailAddress"),
    (
        {"cartItem": [{"@type": "CartItem", "itemTerm": [{"@type": "t", "duration": {"amount": 1.5}}]}]},
        "cartItem[0].itemTerm[0].duration.amount",
    ),
]


@pytest.mark.parametrize(("change", "path"), BAD)
async def test_what_is_mandatory_is_named_by_its_path(
    client: httpx.AsyncClient, change: dict[str, Any], path: str
) -> None:
    answer = await client.post(CARTS, json={"@type": "ShoppingCart", **change})

    assert answer.status_code == 400
    assert path in [problem["path"] for problem in answer.json()["problem"]]
