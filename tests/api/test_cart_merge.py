"""Saved carts: a guest's cart is taken over by the customer, or merged into the cart the customer has."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.settings import CartSettings

V1, V4, V5 = (
    "/shoppingCart/v1/shoppingCart",
    "/tmf-api/shoppingCart/v4/shoppingCart",
    "/tmf-api/shoppingCart/v5/shoppingCart",
)
PARTY = {"id": "42", "role": "customer", "@referredType": "Individual"}
EMAIL = {"mediumType": "email", "characteristic": {"emailAddress": "guest@example.org"}}


def item(item_id: str, amount: float, **more: Any) -> dict[str, Any]:
    price = {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": amount}}}
    return {"id": item_id, "action": "add", "quantity": 1, "itemPrice": [price], **more}


async def created(client: httpx.AsyncClient, **cart: Any) -> dict[str, Any]:
    answer = await client.post(V4, json=cart)
    assert answer.status_code == 201
    return answer.json()


def merge_of(guest: dict[str, Any]) -> dict[str, Any]:
    return {"shoppingCart": {"id": guest["id"]}}


async def test_a_guests_cart_is_taken_over_by_the_customer_who_enrols(client: httpx.AsyncClient) -> None:
    guest = await created(client, contactMedium=[EMAIL], cartItem=[item("1", 5)])

    taken = await client.patch(f"{V4}/{guest['id']}", json={"relatedParty": [PARTY]})

    assert taken.json()["contactMedium"] == [EMAIL]
    found = (await client.get(f"{V5}?relatedParty.partyOrPartyRole.id=42")).json()
    assert [cart["id"] for cart in found] == [guest["id"]]


async def test_two_carts_become_one(client: httpx.AsyncClient) -> None:
    saved = await created(
        client, relatedParty=[PARTY], cartItem=[item("1", 10), item("01", 1)], color="red", contactMedium=[EMAIL]
    )
    guest = await created(
        client,
        contactMedium=[EMAIL, {"mediumType": "phone", "characteristic": {"phoneNumber": "1"}}],
        cartItem=[
            item("1", 2, cartItem=[item("01", 3, note=[{"text": "inner"}])], color="blue"),
            item(
                "2",
                4,
                cartItemRelationship=[{"id": "1", "relationshipType": "reliesOn"}, {"id": "2"}],
                status="saveForLater",
            ),
        ],
        color="green",
        campaign="spring",
    )

    answer = await client.post(f"{V4}/{saved['id']}/merge", json=merge_of(guest))

    assert answer.status_code == 200
    merged = answer.json()
    assert (merged["id"], merged["color"], merged["campaign"]) == (saved["id"], "red", "spring")
    assert merged["relatedParty"] == [PARTY]
    assert [medium["mediumType"] for medium in merged["contactMedium"]] == ["email", "phone"]
    assert merged["cartItem"][:2] == saved["cartItem"]
    first, second = merged["cartItem"][2:]
    assert (first["id"], first["color"], first["cartItem"][0]["id"]) == ("04", "blue", "03")
    assert first["cartItem"][0]["note"] == [{"text": "inner"}]
    assert (second["id"], second["status"]) == ("2", "saveForLater")
    assert [entry["id"] for entry in second["cartItemRelationship"]] == ["04", "2"]
    assert merged["cartTotalPrice"][0]["price"]["dutyFreeAmount"]["value"] == 16
    assert answer.headers["etag"] == '"2"'
    assert (await client.get(f"{V4}/{saved['id']}")).json() == merged
    assert (await client.get(f"{V4}/{guest['id']}")).status_code == 404


@pytest.mark.parametrize("path", [V1, V4, V5])
async def test_every_version_merges_and_answers_in_its_own_terms(client: httpx.AsyncClient, path: str) -> None:
    saved, guest = await created(client, cartItem=[item("1", 1)]), await created(client, cartItem=[item("1", 2)])

    answer = await client.post(f"{path}/{saved['id']}/merge", json=merge_of(guest))

    assert answer.status_code == 200
    assert answer.json() == (await client.get(f"{path}/{saved['id']}")).json()
    assert [entry["id"] for entry in answer.json()["cartItem"]] == ["1", "02"]


async def test_a_merge_that_cannot_be_done_changes_nothing(client: httpx.AsyncClient) -> None:
    saved, guest = await created(client, cartItem=[item("1", 1)]), await created(client, cartItem=[item("1", 2)])
    path = f"{V4}/{saved['id']}/merge"

    assert (await client.post(f"{V4}/none/merge", json=merge_of(guest))).status_code == 404
    assert (await client.post(path, json=merge_of({"id": "none"}))).status_code == 422
    assert (await client.post(path, json=merge_of(saved))).status_code == 422
    stale = await client.post(path, json=merge_of(guest), headers={"if-match": '"7"'})
    assert stale.status_code == 412
    for body in ({}, {"shoppingCart": "x"}, {"shoppingCart": {"id": 5}}, {"shoppingCart": {"id": ""}}):
        refused = await client.post(path, json=body)
        assert (refused.status_code, refused.json()["problem"][0]["path"]) == (400, "shoppingCart.id")
    assert (await client.get(f"{V4}/{saved['id']}")).json() == saved
    assert (await client.get(f"{V4}/{guest['id']}")).json() == guest


async def test_an_expired_cart_is_not_merged(client: httpx.AsyncClient) -> None:
    saved = await created(client)
    old = await created(client, validFor={"endDateTime": "2020-01-01T00:00:00Z"})

    for target, guest in ((saved, old), (old, saved)):
        answer = await client.post(f"{V4}/{target['id']}/merge", json=merge_of(guest))
        assert answer.status_code == 409
        assert "expired" in answer.json()["message"]


async def test_limits_hold_for_both_carts_together(make_client: Any) -> None:
    async with make_client(cart=CartSettings(items_max=3)) as client:
        saved = await created(client, cartItem=[item("1", 1), item("2", 1)])
        guest = await created(client, cartItem=[item("1", 1), item("2", 1)])

        answer = await client.post(f"{V4}/{saved['id']}/merge", json=merge_of(guest))

        assert answer.status_code == 422
        assert "more than 3 items" in answer.json()["message"]
        assert (await client.get(f"{V4}/{guest['id']}")).status_code == 200
