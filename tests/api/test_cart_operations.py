"""TMF663 v4 carts through the whole application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.app import GatewayApp
from gateway.carts import holding
from gateway.settings import CartSettings, ServerSettings

MakeClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"


async def created(client: httpx.AsyncClient, body: dict[str, Any] | None = None) -> httpx.Response:
    answer = await client.post(CARTS, json=body or {})
    assert answer.status_code == 201, answer.text
    return answer


async def test_an_empty_object_is_a_cart(client: httpx.AsyncClient) -> None:
    answer = await created(client)
    cart = answer.json()

    assert set(cart) - {"validFor"} == {"id", "href", "checkoutState"}
    assert cart["href"] == f"http://gateway.test{CARTS}/{cart['id']}"
    assert answer.headers["location"] == cart["href"]
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["content-type"] == "application/json"
    assert (await client.get(cart["href"])).content == answer.content


async def test_a_document_keeps_every_attribute_and_every_digit(client: httpx.AsyncClient) -> None:
    body = (
        '{"@schemaLocation":"https://example.com/x.json","vendor":{"null":null,"deep":[1,[2.50,{"x":1e2}]]},'
        '"cartItem":[{"id":"a","note":[{"text":"Grüße 🛒"}],"quantity":2,'
        '"product":{"productPrice":[{"priceType":"x","price":{},"amount":{"unit":"EUR","value":19.90},'
        '"taxRate":0.100000000000000000001}]}}],'
        '"big":123456789012345678901234567890,"negative":-0.0,'
        '"validFor":{"endDateTime":"2999-12-31T00:00:00+01:00"}}'
    )

    answer = await client.post(CARTS, content=body.encode(), headers={"content-type": "application/json"})
    stored = await client.get(answer.headers["location"])

    head = json.dumps({"id": answer.json()["id"], "href": answer.json()["href"]}, separators=(",", ":"))
    assert stored.text == head[:-1] + "," + body[1:-1].replace("1e2", "1E+2") + ',"checkoutState":"open"}'


async def test_id_and_href_of_the_client_are_ignored(client: httpx.AsyncClient) -> None:
    cart = (await created(client, {"id": "mine", "href": "http://elsewhere/mine"})).json()

    assert cart["id"] != "mine"
    assert cart["href"].endswith(cart["id"])
    assert (await client.get(f"{CARTS}/mine")).status_code == 404


async def test_items_get_ids(client: httpx.AsyncClient) -> None:
    cart = (await created(client, {"cartItem": [{"quantity": 1}, {"id": "01", "cartItem": [{}]}]})).json()

    assert cart["cartItem"] == [{"id": "02", "quantity": 1}, {"id": "01", "cartItem": [{"id": "03"}]}]


async def test_a_cart_is_gone_after_delete(client: httpx.AsyncClient) -> None:
    href = (await created(client)).headers["location"]

    deleted = await client.delete(href)

    assert (deleted.status_code, deleted.content) == (204, b"")
    for answer in (await client.get(href), await client.delete(href), await client.patch(href, json={})):
        assert answer.status_code == 404
        assert answer.json()["code"] == "60"


async def test_an_unknown_cart_is_a_404(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{CARTS}/{uuid4()}")

    assert answer.status_code == 404
    assert answer.json() == {
        "@type": "Error",
        "code": "60",
        "reason": "Resource not found",
        "message": "There is no such shopping cart.",
        "status": "404",
        "problem": [{"path": "id", "message": "names no shopping cart"}],
    }


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json"])
async def test_patch_is_a_merge_patch(client: httpx.AsyncClient, media_type: str) -> None:
    answer = await created(client, {"a": {"b": 1, "c": 2}, "gone": 1, "cartItem": [{"id": "1"}, {"id": "2"}]})
    patch = {"a": {"b": 3}, "gone": None, "cartItem": [{"quantity": 5}]}

    changed = await client.patch(
        answer.headers["location"], content=json.dumps(patch), headers={"content-type": media_type}
    )

    assert changed.status_code == 200
    assert changed.headers["etag"] == '"2"'
    expected = {"a": {"b": 3, "c": 2}, "cartItem": [{"id": "03", "quantity": 5}]}
    assert {name: value for name, value in changed.json().items() if name not in {"id", "href", "validFor"}} == {
        **expected,
        "checkoutState": "open",
    }
    assert (await client.get(answer.headers["location"])).content == changed.content


async def test_ids_of_replaced_items_are_not_given_again(client: httpx.AsyncClient) -> None:
    href = (await created(client, {"cartItem": [{}, {}]})).headers["location"]

    changed = await client.patch(href, json={"cartItem": [{"quantity": 7}]})

    assert [item["id"] for item in changed.json()["cartItem"]] == ["03"]


async def test_id_and_href_may_be_repeated_in_a_patch_but_not_changed(client: httpx.AsyncClient) -> None:
    cart = (await created(client)).json()

    same = await client.patch(cart["href"], json={**cart, "x": 1})
    assert same.status_code == 200

    other = await client.patch(cart["href"], json={"id": "other", "href": None})
    assert other.status_code == 400
    assert [problem["path"] for problem in other.json()["problem"]] == ["id", "href"]
    assert (await client.get(cart["href"])).headers["etag"] == '"2"'


async def test_a_patch_whose_result_is_no_cart_changes_nothing(client: httpx.AsyncClient) -> None:
    answer = await created(client, {"cartItem": [{"id": "1", "quantity": 1}]})

    refused = await client.patch(answer.headers["location"], json={"cartItem": [{"quantity": 0}, {"action": "buy"}]})

    assert refused.status_code == 400
    assert [problem["path"] for problem in refused.json()["problem"]] == ["cartItem[0].quantity", "cartItem[1].action"]
    assert (await client.get(answer.headers["location"])).content == answer.content


async def test_a_cart_cannot_grow_beyond_the_body_limit_by_patches(make_client: MakeClient) -> None:
    async with make_client(server=ServerSettings(body_bytes_max=4096)) as client:
        href = (await created(client)).headers["location"]
        statuses = [(await client.patch(href, json={f"a{n}": "x" * 1000})).status_code for n in range(6)]

    assert statuses == [200, 200, 200, 413, 413, 413]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ('"7", "1"', 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ('"abc"', 412),
        ('"01"', 412),
        ("1", 400),
        ("", 400),
        ('"1', 400),
        ('"1",,"2"', 400),
        ('"' + "1" * 3000 + '"', 400),
    ],
)
async def test_if_match(client: httpx.AsyncClient, if_match: str, status: int) -> None:
    href = (await created(client)).headers["location"]

    answer = await client.patch(href, json={"x": 1}, headers={"if-match": if_match})

    assert answer.status_code == status
    if status == 412:
        assert answer.headers["etag"] == '"1"'
    if status >= 400:
        assert [problem["path"] for problem in answer.json()["problem"]] == ["If-Match"]
    deleted = await client.delete(href, headers={"if-match": if_match.replace('"1"', '"2"')})
    assert deleted.status_code == {200: 204}.get(status, status)


async def test_if_match_can_be_required(make_client: MakeClient) -> None:
    async with make_client(cart=CartSettings(if_match_required=True)) as client:
        href = (await created(client)).headers["location"]

        for answer in (await client.patch(href, json={}), await client.delete(href)):
            assert answer.status_code == 428
            assert [problem["path"] for problem in answer.json()["problem"]] == ["If-Match"]
        assert (await client.patch(href, json={}, headers={"if-match": "*"})).status_code == 200
        assert (await client.delete(href, headers={"if-match": '"2"'})).status_code == 204


async def test_if_none_match_saves_the_body(client: httpx.AsyncClient) -> None:
    href = (await created(client)).headers["location"]

    unchanged = await client.get(href, headers={"if-none-match": '"0", W/"1"'})
    changed = await client.get(href, headers={"if-none-match": '"2"'})

    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", '"1"')
    assert changed.status_code == 200


async def test_no_update_is_lost_however_many_change_a_cart_at_once(client: httpx.AsyncClient) -> None:
    """Everybody reads, adds one attribute and repeats when somebody was faster; in the end all are there."""
    href = (await created(client)).headers["location"]

    async def add(name: str) -> None:
        while True:
            read = await client.get(href)
            wanted = {"names": [*read.json().get("names", []), name]}
            answer = await client.patch(href, json=wanted, headers={"if-match": read.headers["etag"]})
            if answer.status_code == 200:
                return
            assert answer.status_code == 412

    async with asyncio.timeout(60):
        await asyncio.gather(*(add(f"n{index}") for index in range(12)))

    final = await client.get(href)
    assert sorted(final.json()["names"]) == sorted(f"n{index}" for index in range(12))
    assert final.headers["etag"] == '"13"'


async def test_a_cart_in_a_checkout_does_not_change(app: GatewayApp, client: httpx.AsyncClient) -> None:
    answer = await created(client)
    cart_id, href = answer.json()["id"], answer.headers["location"]
    await app.services.database.write(lambda c: holding.lock(c, "default", cart_id, "the-checkout"))

    for refused in (
        await client.patch(href, json={"x": 1}, headers={"if-match": '"9"'}),
        await client.delete(href),
    ):
        assert refused.status_code == 409
        expected = "http://gateway.test/tmf-api/checkoutManagement/v1/checkout/the-checkout"
        assert refused.json()["referenceError"] == expected
        assert refused.json()["checkout"] == {"id": "the-checkout", "href": expected}
    held = {"checkoutState": "inCheckout", "checkout": {"id": "the-checkout", "href": expected}}
    assert (await client.get(href)).json() == {**answer.json(), **held}

    await app.services.database.write(lambda c: holding.release(c, "default", cart_id, "the-checkout"))
    assert (await client.patch(href, json={"x": 1})).status_code == 200


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    href = (await created(client, {"x": "y"})).headers["location"]

    for path in (href, CARTS, f"{CARTS}/unknown"):
        full, head = await client.get(path), await client.head(path)
        assert head.status_code == full.status_code
        assert head.content == b""
        for name in ("content-length", "content-type", "etag", "x-total-count"):
            assert head.headers.get(name) == full.headers.get(name)


async def test_fields_select_on_every_answer(client: httpx.AsyncClient) -> None:
    body = {"@type": "ShoppingCart", "cartItem": [{"id": "1", "quantity": 19}], "x": 1.50}
    answer = await client.post(f"{CARTS}?fields=none", json=body)
    href = answer.headers["location"]

    assert set(answer.json()) == {"id", "href"}
    assert set((await client.get(f"{href}?fields=x")).json()) == {"id", "href", "x"}
    assert b'"x":1.5}' in (await client.get(f"{href}?fields=x")).content
    assert (await client.get(f"{href}?fields=cartItem.quantity")).json()["cartItem"] == [{"quantity": 19}]
    assert set((await client.patch(f"{href}?fields=@type", json={})).json()) == {"id", "href", "@type"}
    assert set((await client.get(f"{CARTS}?fields=href")).json()[0]) == {"id", "href"}


async def test_the_public_url_goes_before_the_paths(make_client: MakeClient) -> None:
    async with make_client(server=ServerSettings(public_url="https://shop.example/api/")) as client:
        answer = await created(client)

    assert answer.headers["location"] == f"https://shop.example/api{CARTS}/{answer.json()['id']}"
