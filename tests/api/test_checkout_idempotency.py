from __future__ import annotations

import asyncio

import pytest
from checkout_gateway import CHECKOUTS, assert_error, running, settings_of
from checkout_work import cart, request
from known_clients import known_clients

from gateway.settings import CheckoutSettings
from gateway.tmf.json import encode_json
from gateway.upstream.outcome import Rejected

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def with_checkout_settings(settings):
    return lambda **values: running(settings_of(settings.storage, checkout=CheckoutSettings(**values)))


async def test_a_key_is_asked_for_where_the_settings_say_so(with_checkout_settings):
    async with with_checkout_settings(idempotency_key_required=True, default_upstream="shop") as gateway:
        body = {**request(), "shoppingCart": cart()}
        assert_error(await gateway.post(body), 400, "Idempotency-Key is missing")
        assert (await gateway.post(body, Idempotency_Key="k1")).status_code == 202


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "schlüssel".encode("latin-1"), "a\x07b", '"open', 'in"side'])
async def test_a_malformed_key_is_refused(gateway, key):
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)]
    body = encode_json({**request(), "shoppingCart": cart()})
    error = assert_error(await gateway.client.post(CHECKOUTS, content=body, headers=headers), 400, "Idempotency-Key")
    assert [problem["path"] for problem in error["problem"]] == ["Idempotency-Key"]
    assert await gateway.rows() == 0


async def test_two_keys_are_one_too_many(gateway):
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    body = encode_json({**request(), "shoppingCart": cart()})
    assert_error(await gateway.client.post(CHECKOUTS, content=body, headers=headers), 400, "once")


async def test_the_same_key_and_request_give_the_same_checkout_in_every_state(gateway):
    body = {**request(), "shoppingCart": {"id": await gateway.new_cart()}}
    first = await gateway.post(body, Idempotency_Key='"k1"')
    for work in (False, True):
        if work:
            await gateway.work()
        again = await gateway.post(body, Idempotency_Key="k1")
        assert again.status_code == 202
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["location"] == first.headers["location"]
        assert again.json() == await gateway.get(first.json())
    assert again.json()["state"] == "submitted"
    assert len(gateway.shop.orders) == 1


@pytest.mark.parametrize("end", ["cancelled", "rejected"])
async def test_the_same_key_gives_the_same_checkout_also_after_its_end(gateway, end):

    body = {**request(), "shoppingCart": {"id": await gateway.new_cart()}, "submit": end == "rejected"}
    first = (await gateway.post(body, Idempotency_Key="k1")).json()
    if end == "rejected":
        gateway.shop.script([Rejected(422, "", "422 no")])
    else:
        await gateway.client.post(f"{CHECKOUTS}/{first['id']}/cancel")
    await gateway.work()
    again = await gateway.post(body, Idempotency_Key="k1")
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, first["id"], end)


async def test_the_same_json_written_otherwise_is_the_same_request(gateway):
    first = await gateway.post(
        b'{"shoppingCart": {"cartItem": [{"quantity": 1, "productOffering": {"id": "A"}}]}, "relatedParty": [{"id": "C"}],'
        b' "expectedTotalPrice": []}',
        Idempotency_Key="k1",
    )
    assert first.status_code == 202, first.text
    again = await gateway.post(
        b'{"expectedTotalPrice":[],"relatedParty":[{"id":"C"}],"shoppingCart":{"cartItem":[{"productOffering":{"id":"A"},'
        b'"quantity":1}]}}',
        Idempotency_Key="k1",
    )
    assert again.json()["id"] == first.json()["id"]


async def test_the_same_key_with_another_request_is_refused_and_names_the_first(gateway):
    first = await gateway.post({**request(), "shoppingCart": cart()}, Idempotency_Key="k1")
    other = await gateway.post({**request(), "shoppingCart": cart(), "externalId": "X"}, Idempotency_Key="k1")
    body = assert_error(other, 422, "Idempotency-Key")
    assert body["referenceError"] == first.json()["href"]


async def test_a_request_that_was_refused_leaves_its_key_free(gateway):
    assert_error(await gateway.post({**request(), "shoppingCart": {"id": "nope"}}, Idempotency_Key="k1"), 404)
    assert (await gateway.post({**request(), "shoppingCart": cart()}, Idempotency_Key="k1")).status_code == 202


async def test_fifty_at_once_with_one_key_are_one_checkout_on_both_databases(storage):
    async with running(settings_of(storage)) as gateway:
        body = {**request(), "shoppingCart": {"id": await gateway.new_cart()}}
        answers = await asyncio.gather(*(gateway.post(body, Idempotency_Key="k1") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
        await gateway.work()
        assert len(gateway.shop.orders) == 1


async def test_k2_keys_and_checkouts_are_the_tenants_own(settings, tmp_path):
    security = known_clients(tmp_path, {name: (name, ["channel"]) for name in ("acme", "umbrella")})
    async with running(settings_of(settings.storage, security=security)) as gateway:
        body = {**request(), "shoppingCart": cart()}
        acme = await gateway.post(body, Idempotency_Key="k1", Authorization="Bearer acme")
        umbrella = await gateway.post(body, Idempotency_Key="k1", Authorization="Bearer umbrella")
        assert acme.status_code == umbrella.status_code == 202
        assert acme.json()["id"] != umbrella.json()["id"]
        foreign = f"{CHECKOUTS}/{acme.json()['id']}"
        header = {"Authorization": "Bearer umbrella"}
        for method, path in (
            ("GET", foreign),
            ("POST", f"{foreign}/submit"),
            ("POST", f"{foreign}/cancel"),
            ("PATCH", foreign),
        ):
            content = b'{"description": "x"}' if method == "PATCH" else None
            answer = await gateway.client.request(
                method, path, content=content, headers={**header, "Content-Type": "application/json"}
            )
            assert_error(answer, 404)
        listed = await gateway.client.get(CHECKOUTS, headers=header)
        assert [found["id"] for found in listed.json()] == [umbrella.json()["id"]]
