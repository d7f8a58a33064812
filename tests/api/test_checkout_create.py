from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from checkout_gateway import CARTS, CHECKOUTS, assert_error, running, set_columns, settings_of
from checkout_work import cart, request
from msgspec.structs import replace

from gateway.checkouts.states import CART_RELEASED, MEANING
from gateway.settings import CheckoutSettings
from gateway.tmf.json import encode_json

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def with_checkout_settings(settings):
    return lambda **values: running(settings_of(settings.storage, checkout=CheckoutSettings(**values)))


# -- accepted ---------------------------------------------------------------------------------------------------------------


async def test_a_stored_cart_is_checked_out_by_reference(gateway):
    cart_id = await gateway.new_cart()
    answer = await gateway.post({**request(), "shoppingCart": {"id": cart_id}, "externalId": "WEB-1"})
    assert answer.status_code == 202
    document = answer.json()
    assert document["correlationId"] == answer.headers["x-correlation-id"]
    assert answer.headers["location"] == document["href"] == f"http://gateway.test{CHECKOUTS}/{document['id']}"
    assert answer.headers["etag"] == '"1"'
    assert "idempotent-replayed" not in answer.headers
    told = {"id": "", "href": "", "creationDate": "", "lastUpdate": "", "correlationId": "", "finding": []}
    assert document | told == {
        "history": [],
        "abandonedOrder": [],
        "actions": ["cancel", "retry"],
        "cancelRequested": False,
        "correlationId": "",
        "traceparent": None,
        "relatedParty": request()["relatedParty"],
        "upstreamCapability": None,
        "@type": "Checkout",
        "id": "",
        "href": "",
        "state": "accepted",
        "statusReason": None,
        "reason": {
            "code": "queued",
            "message": "accepted; it is worked on as soon as there is room",
            "nextAttemptAt": document["creationDate"],
        },
        "creationDate": "",
        "lastUpdate": "",
        "externalId": "WEB-1",
        "submit": True,
        "upstream": "shop",
        "mapping": "salesforce-v4",
        "mappingHash": None,  # it was built, not read from a file
        "source": "shoppingCart",
        "shoppingCart": {"id": cart_id, "href": f"http://gateway.test{CARTS}/{cart_id}", "version": 1},
        "productOrder": None,
        "item": [
            {"cartItemId": str(n), "productOrderItemId": str(n), "orderLineItemId": None, "state": None}
            for n in range(1, 6)
        ],
        "progress": {"stepsTotal": 5, "stepsDone": 0},
        "step": [
            {
                "sequence": sequence,
                "generation": 1,
                "kind": kind,
                "state": "planned",
                "attempts": 0,
                "itemCount": count,
                "byteCount": None,
                "startedAt": None,
                "endedAt": None,
                "detail": None,
                "mappingHash": None,
            }
            for sequence, (kind, count) in enumerate(
                [("create", 2), ("add", 2), ("add", 1), ("price", 1), ("submit", 0)], 1
            )
        ],
        "finding": [],
    }
    assert document["finding"]
    assert await gateway.get(document) == document


async def test_the_whole_way_to_the_live_order(gateway):
    checkout = await gateway.check_out()
    assert await gateway.work() == 1
    done = await gateway.get(checkout)
    assert done["state"] == "submitted"
    assert done["progress"] == {"stepsTotal": 5, "stepsDone": 5}
    assert {step["state"] for step in done["step"]} == {"done"}
    assert all(step["byteCount"] and step["startedAt"] and step["endedAt"] for step in done["step"])
    assert done["productOrder"]["id"] == "00000001"
    assert done["productOrder"]["externalId"] == gateway.shop.orders["00000001"]["externalId"]
    assert (done["productOrder"]["state"], done["productOrder"]["upstreamState"]) == ("pending", "Draft")
    gateway.shop.orders["00000001"]["state"] = "In Progress"
    await gateway.look_at_orders()
    done = await gateway.get(checkout)
    assert (done["productOrder"]["state"], done["productOrder"]["upstreamState"]) == ("inProgress", "In Progress")
    lines = {item["productOrderItemId"]: item["orderLineItemId"] for item in done["item"]}
    assert lines == {
        line["id"]: line["orderLineItemId"] for line in gateway.shop.orders["00000001"]["productOrderItem"]
    }


async def test_a_cart_by_value_needs_no_store_and_keeps_every_digit(gateway):
    document = cart(2, priced=0)
    document["cartItem"][0]["product"]["productCharacteristic"][0]["value"] = Decimal("19.90")
    answer = await gateway.post({**request(), "shoppingCart": document, "upstream": "plain"})
    assert answer.status_code == 202
    assert answer.json()["shoppingCart"] == {"id": "c1"}
    await gateway.work()
    (order,) = gateway.plain.orders.values()
    value = order["productOrderItem"][0]["product"]["productCharacteristic"][0]["value"]
    assert encode_json(value) == b"19.90"


async def test_a_cart_by_value_may_do_without_ids(gateway):
    document = cart(2)
    del document["id"]
    for item in document["cartItem"]:
        del item["id"]
    answer = await gateway.post({**request(), "shoppingCart": document})
    assert answer.status_code == 202
    assert answer.json()["shoppingCart"] == {"id": None}
    assert [item["cartItemId"] for item in answer.json()["item"]] == ["01", "02"]


async def test_a_cart_by_value_that_is_stored_too_is_held_like_it(gateway):
    cart_id = await gateway.new_cart()
    answer = await gateway.post({**request(), "shoppingCart": {**cart(), "id": cart_id}})
    assert answer.status_code == 202
    again = await gateway.post({**request(), "shoppingCart": {"id": cart_id}})
    assert_error(again, 409, answer.json()["id"])
    deleted = await gateway.client.delete(f"{CARTS}/{cart_id}")
    assert_error(deleted, 409, answer.json()["id"])
    await gateway.client.post(f"{CHECKOUTS}/{answer.json()['id']}/cancel")
    await gateway.work()
    assert (await gateway.client.delete(f"{CARTS}/{cart_id}")).status_code == 204


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (None, {}),
        (b"", {"Content-Type": "application/json"}),
        (b"{}", {"Content-Type": "application/json"}),
        (b'{"shoppingCart": null}', {"Content-Type": "application/json"}),
    ],
    ids=["no body", "empty body with a type", "empty object", "null"],
)
async def test_under_the_carts_own_path_a_body_is_not_needed(gateway, content, headers):
    body = {"cartItem": cart()["cartItem"], "relatedParty": [{"id": "CD1", "role": "customer"}]}
    cart_id = await gateway.new_cart(body)
    answer = await gateway.client.post(f"{CARTS}/{cart_id}/checkout", content=content, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.json()["shoppingCart"]["id"] == cart_id
    assert answer.headers["location"].endswith(f"{CHECKOUTS}/{answer.json()['id']}")


async def test_under_the_carts_own_path_the_body_counts(gateway):
    cart_id = await gateway.new_cart()
    path = f"{CARTS}/{cart_id}/checkout"
    for given in ({"id": cart_id}, {"id": cart_id, "href": "/x"}):
        answer = await gateway.post(
            {**request(), "shoppingCart": given, "externalId": "WEB-7"}, path, Idempotency_Key="k"
        )
        assert answer.status_code == 202, answer.text
        assert answer.json()["externalId"] == "WEB-7"


@pytest.mark.parametrize("given", [{"id": "another"}, [], "text", {"cartItem": []}])
async def test_under_the_carts_own_path_another_cart_is_refused(gateway, given):
    cart_id = await gateway.new_cart()
    answer = await gateway.post({**request(), "shoppingCart": given}, f"{CARTS}/{cart_id}/checkout")
    assert_error(answer, 400, "shoppingCart")
    assert await gateway.rows() == 0


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json; charset=latin-1", None])
async def test_a_body_of_another_type_is_never_ignored(gateway, content_type):
    cart_id = await gateway.new_cart()
    headers = {"Content-Type": content_type} if content_type else {}
    for path in (CHECKOUTS, f"{CARTS}/{cart_id}/checkout", f"{CHECKOUTS}/preview"):
        answer = await gateway.client.post(path, content=b'{"externalId": "WEB-1"}', headers=headers)
        assert_error(answer, 415)
    assert await gateway.rows() == 0


# -- If-Match ---------------------------------------------------------------------------------------------------------------


async def test_if_match_is_the_version_of_the_cart(gateway):
    cart_id = await gateway.new_cart()
    body = {**request(), "shoppingCart": {"id": cart_id}}
    stale = await gateway.post(body, If_Match='"2"')
    assert_error(stale, 412)
    assert stale.headers["etag"] == '"1"'
    assert await gateway.rows() == 0
    assert_error(await gateway.post(body, If_Match="nonsense"), 400)
    assert_error(await gateway.post(body, f"{CHECKOUTS}/preview", If_Match='"2"'), 412)
    assert (await gateway.post(body, If_Match='"2", "1"')).status_code == 202


async def test_if_match_star_takes_any_version(gateway):
    cart_id = await gateway.new_cart()
    assert (await gateway.post({**request(), "shoppingCart": {"id": cart_id}}, If_Match="*")).status_code == 202


async def test_a_condition_on_a_cart_by_value_cannot_be_met(gateway):
    assert_error(await gateway.post({**request(), "shoppingCart": cart()}, If_Match='"1"'), 412, "leave the header out")


# -- one live checkout per cart ----------------------------------------------------------------------------------------------


async def test_a_cart_has_one_live_checkout_and_does_not_change_while_it_lives(gateway):
    checkout = await gateway.check_out()
    cart_id = checkout["shoppingCart"]["id"]
    again = await gateway.post({**request(), "shoppingCart": {"id": cart_id}})
    body = assert_error(again, 409, checkout["id"], "accepted")
    assert body["referenceError"] == checkout["href"]
    headers = {"Content-Type": "application/merge-patch+json"}
    patched = await gateway.client.patch(f"{CARTS}/{cart_id}", content=b"{}", headers=headers)
    assert assert_error(patched, 409)["referenceError"] == checkout["href"]
    assert_error(await gateway.client.delete(f"{CARTS}/{cart_id}"), 409)
    await gateway.work()
    assert_error(await gateway.post({**request(), "shoppingCart": {"id": cart_id}}), 409, "submitted")
    assert len(gateway.shop.orders) == 1


@pytest.mark.parametrize("state", sorted(MEANING.keys() - CART_RELEASED))
async def test_the_owner_of_a_held_cart_is_told_what_to_do(gateway, state):
    checkout = await gateway.check_out()
    cart_path = f"{CARTS}/{checkout['shoppingCart']['id']}"
    await set_columns(gateway, checkout, state=state)
    words = "cancel the checkout to change the cart"
    if state in {"completed", "partial", "failed"}:
        words = "has been ordered and does not change any more; it is neither merged nor deleted. Make a new cart."
    elif state == "submitted":
        words = "has been ordered, and its order is live"
    headers = {"Content-Type": "application/merge-patch+json"}
    patched = await gateway.client.patch(cart_path, content=b"{}", headers=headers)
    merged = await gateway.post(
        {"shoppingCart": {"id": cart_path.rpartition("/")[2]}}, f"{CARTS}/{await gateway.new_cart()}/merge"
    )
    for answer in (patched, merged, await gateway.client.delete(cart_path)):
        body = assert_error(answer, 409, words)
        assert body["checkout"] == {"id": checkout["id"], "href": checkout["href"]}
    assert (await gateway.client.get(cart_path)).headers["etag"].startswith('"1-')


async def test_fifty_at_once_of_one_cart_are_one_checkout(gateway):
    cart_id = await gateway.new_cart()
    body = {**request(), "shoppingCart": {"id": cart_id}}
    answers = await asyncio.gather(*(gateway.post(body) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 49


# -- limits -----------------------------------------------------------------------------------------------------------------


async def test_too_many_open_checkouts_are_turned_away_before_anything_is_stored(with_checkout_settings):
    async with with_checkout_settings(open_max=2, default_upstream="shop") as gateway:
        first, _ = await gateway.check_out(), await gateway.check_out()
        cart_id, rows = await gateway.new_cart(), await gateway.rows()
        answer = await gateway.post({**request(), "shoppingCart": {"id": cart_id}})
        assert_error(answer, 429)
        assert int(answer.headers["retry-after"]) > 0
        assert await gateway.rows() == rows
        assert (await gateway.client.delete(f"{CARTS}/{cart_id}")).status_code == 204
        assert (await gateway.get(first))["state"] == "accepted"


async def test_a_replay_is_answered_although_too_many_are_open(with_checkout_settings):
    async with with_checkout_settings(open_max=1, default_upstream="shop") as gateway:
        body = {**request(), "shoppingCart": cart()}
        first = await gateway.post(body, Idempotency_Key="k1")
        again = await gateway.post(body, Idempotency_Key="k1")
        assert again.json()["id"] == first.json()["id"]


async def test_the_default_upstream_is_the_one_of_the_settings(settings):
    given = settings_of(settings.storage)
    none = replace(given, checkout=CheckoutSettings())
    async with running(none) as gateway:
        answer = await gateway.post({**request(), "shoppingCart": cart()})
        assert_error(answer, 400, "upstream", "must be given")
