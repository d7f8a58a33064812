"""PATCH in every media type, in every version: what it changes, what it refuses, and that it is all or nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

V1, V4, V5 = (
    "/shoppingCart/v1/shoppingCart",
    "/tmf-api/shoppingCart/v4/shoppingCart",
    "/tmf-api/shoppingCart/v5/shoppingCart",
)
PATCH = {"content-type": "application/json-patch+json"}
QUERY = {"content-type": "application/json-patch-query+json"}
PRICE = {"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 10.10}}}
ITEM = {"action": "add", "quantity": 1, "productOffering": {"id": "A"}, "itemPrice": [PRICE]}


@pytest.fixture
async def cart(client: httpx.AsyncClient) -> dict[str, Any]:
    created: dict[str, Any] = (await client.post(V4, json={"cartItem": [ITEM, ITEM]})).json()
    return created


def item_ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code in {200, 201}, answer.text
    return [item["id"] for item in answer.json()["cartItem"]]


async def test_a_json_patch_changes_items_and_totals_follow(client: httpx.AsyncClient, cart: dict[str, Any]) -> None:
    answer = await client.patch(
        f"{V4}/{cart['id']}",
        json=[
            {"op": "test", "path": "/cartItem/0/id", "value": "01"},
            {"op": "add", "path": "/cartItem/-", "value": ITEM},
            {"op": "replace", "path": "/cartItem/0/status", "value": "saveForLater"}
            if "status" in cart["cartItem"][0]
            else {"op": "add", "path": "/cartItem/0/status", "value": "saveForLater"},
        ],
        headers=PATCH,
    )

    assert item_ids(answer) == ["01", "02", "03"]
    assert answer.json()["cartTotalPrice"][0]["price"]["dutyFreeAmount"] == {"unit": "EUR", "value": 20.20}
    assert answer.headers["etag"] == '"2"'


@pytest.mark.parametrize("path", [V1, V4, V5])
async def test_a_cart_that_is_handed_back_as_it_was_read_is_stored_as_before(
    client: httpx.AsyncClient, path: str
) -> None:
    sent = {
        "cartItem": [ITEM],
        "relatedParty": [{"href": "/party/42"}],
        "validFor": {"endDateTime": "2099-01-01T00:00:00Z"},
    }
    before = (await client.post(V4, json=sent)).json()
    shown = (await client.get(f"{path}/{before['id']}")).json()
    del shown["validFor"]

    answer = await client.patch(f"{path}/{before['id']}", json=shown)

    assert answer.status_code in {200, 201}, answer.text
    assert (await client.get(f"{V4}/{before['id']}")).json() == before


async def test_a_json_patch_is_all_or_nothing(client: httpx.AsyncClient, cart: dict[str, Any]) -> None:
    path = f"{V4}/{cart['id']}"
    missing = await client.patch(
        path, json=[{"op": "remove", "path": "/cartItem/0"}, {"op": "remove", "path": "/cartItem/7"}], headers=PATCH
    )
    tested = await client.patch(
        path,
        json=[{"op": "remove", "path": "/cartItem"}, {"op": "test", "path": "/id", "value": "other"}],
        headers=PATCH,
    )

    assert (missing.status_code, missing.json()["problem"][0]["path"]) == (400, "[1].path")
    assert "/cartItem/7" in missing.json()["message"]
    assert (tested.status_code, tested.json()["problem"][0]["path"]) == (409, "[1].value")
    assert (await client.get(path)).json() == cart


async def test_an_empty_cart_takes_its_first_item(client: httpx.AsyncClient) -> None:
    for path in (V4, V5):
        body = {} if path == V4 else {"@type": "ShoppingCart"}
        empty = (await client.post(path, json=body)).json()
        added = {"action": "add", "@type": "CartItem"}
        answer = await client.patch(
            f"{path}/{empty['id']}", json=[{"op": "add", "path": "/cartItem/-", "value": added}], headers=PATCH
        )
        assert item_ids(answer) == ["01"]


async def test_the_official_examples_of_v5_append_and_remove(client: httpx.AsyncClient, cart: dict[str, Any]) -> None:
    path = f"{V5}/{cart['id']}"
    added = await client.patch(
        path,
        json=[{"op": "add", "path": "/cartItem", "value": {"@type": "CartItem", "id": "1203-100", "action": "add"}}],
        headers=PATCH,
    )
    removed = await client.patch(
        path, json=[{"op": "delete", "path": "/cartItem?cartItem.id=='1203-100' "}], headers=QUERY
    )

    assert item_ids(added) == ["01", "02", "1203-100"]
    assert item_ids(removed) == ["01", "02"]


async def test_a_patch_speaks_the_terms_of_its_version(client: httpx.AsyncClient, cart: dict[str, Any]) -> None:
    path = f"{cart['id']}"
    changed = await client.patch(
        f"{V1}/{path}",
        json=[{"op": "add", "path": "/cartItem/0/status", "value": "SavedForLater"}],
        headers=PATCH,
    )
    by_query = await client.patch(
        f"{V1}/{path}",
        json=[{"op": "remove", "path": "/cartItem?cartItem.status=SavedForLater"}],
        headers=QUERY,
    )

    assert changed.status_code == 201
    assert item_ids(by_query) == ["02"]


@pytest.mark.parametrize("headers", [PATCH, QUERY])
@pytest.mark.parametrize("name", ["id", "href", "validFor"])
async def test_what_the_server_gives_cannot_be_patched(
    client: httpx.AsyncClient, cart: dict[str, Any], headers: dict[str, str], name: str
) -> None:
    answer = await client.patch(
        f"{V4}/{cart['id']}", json=[{"op": "replace", "path": f"/{name}", "value": "x"}], headers=headers
    )

    assert (answer.status_code, answer.json()["problem"][0]["path"]) == (400, name)


async def test_what_only_the_server_writes_is_passed_over_in_v5(
    client: httpx.AsyncClient, cart: dict[str, Any]
) -> None:
    answer = await client.patch(
        f"{V5}/{cart['id']}",
        json=[
            {"op": "replace", "path": "/lastUpdate", "value": "2000-01-01T00:00:00Z"},
            {"op": "remove", "path": "/cartItem/0"},
        ],
        headers=PATCH,
    )

    assert item_ids(answer) == ["02"]
    assert not answer.json()["lastUpdate"].startswith("2000")


@pytest.mark.parametrize(
    "body", [[], [[]], [5], [{"op": "add"}], {"op": "add"}, "x", [{"op": "replace", "path": "", "value": []}]]
)
async def test_what_is_no_patch_is_a_400(client: httpx.AsyncClient, cart: dict[str, Any], body: Any) -> None:
    answer = await client.patch(f"{V4}/{cart['id']}", json=body, headers=PATCH)

    assert answer.status_code == (200 if body == [] else 400)


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/json-patch", ""])
async def test_other_media_types_are_answered_with_those_there_are(
    client: httpx.AsyncClient, cart: dict[str, Any], media_type: str
) -> None:
    answer = await client.patch(f"{V4}/{cart['id']}", content=b"[]", headers={"content-type": media_type})

    assert answer.status_code == 415
    assert answer.headers["accept-patch"] == (
        "application/json, application/merge-patch+json, application/json-patch+json, application/json-patch-query+json"
    )


async def test_with_if_match_only_the_version_that_was_read_is_patched(
    client: httpx.AsyncClient, cart: dict[str, Any]
) -> None:
    body = [{"op": "add", "path": "/cartItem/-", "value": ITEM}]
    path = f"{V4}/{cart['id']}"

    assert (await client.patch(path, json=body, headers={**PATCH, "if-match": '"1"'})).status_code == 200
    late = await client.patch(path, json=body, headers={**PATCH, "if-match": '"1"'})
    assert (late.status_code, late.headers["etag"]) == (412, '"2"')
