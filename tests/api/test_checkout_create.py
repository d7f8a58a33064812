from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest
import pytest_asyncio
from checkout_gateway import CARTS, CHECKOUTS, running, settings_of
from checkout_work import cart, request
from msgspec.structs import replace

from gateway.settings import CheckoutSettings, SecuritySettings, StorageSettings
from gateway.tmf.json import decode_json, encode_json

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(tmp_path_factory):
    storage = StorageSettings(url=f"sqlite:///{tmp_path_factory.mktemp('gateway') / 'gateway.db'}", readers_max=2)
    async with running(settings_of(storage)) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(application):
    return await application.make_empty()


@pytest.fixture
def with_checkout_settings(settings):
    return lambda **values: running(settings_of(settings.storage, checkout=CheckoutSettings(**values)))


def assert_error(answer, status, *words):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["@type"], body["status"]) == ("Error", str(status))
    assert body["code"]
    assert body["reason"]
    for word in words:
        assert word in answer.text
    return body


# -- accepted ---------------------------------------------------------------------------------------------------------------


async def test_a_stored_cart_is_checked_out_by_reference(gateway):
    cart_id = await gateway.new_cart()
    answer = await gateway.post({**request(), "shoppingCart": {"id": cart_id}, "externalId": "WEB-1"})
    assert answer.status_code == 202
    document = answer.json()
    assert answer.headers["location"] == document["href"] == f"http://gateway.test{CHECKOUTS}/{document['id']}"
    assert answer.headers["etag"] == '"1"'
    assert "idempotent-replayed" not in answer.headers
    assert document | {"id": "", "href": "", "creationDate": "", "lastUpdate": "", "finding": []} == {
        "@type": "Checkout",
        "id": "",
        "href": "",
        "state": "accepted",
        "statusReason": None,
        "creationDate": "",
        "lastUpdate": "",
        "externalId": "WEB-1",
        "submit": True,
        "upstream": "shop",
        "mapping": "salesforce-v4",
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


# -- refused ----------------------------------------------------------------------------------------------------------------


async def test_an_unknown_cart_is_not_found(gateway):
    assert_error(await gateway.post({**request(), "shoppingCart": {"id": "nope"}}), 404, "shoppingCart.id")
    assert_error(await gateway.post(request(), f"{CARTS}/nope/checkout"), 400)
    body = {key: value for key, value in request().items() if key != "shoppingCart"}
    assert_error(await gateway.post(body, f"{CARTS}/nope/checkout"), 404)


async def test_an_unknown_upstream_names_those_there_are(gateway):
    cart_id = await gateway.new_cart()
    answer = await gateway.post({**request(), "shoppingCart": {"id": cart_id}, "upstream": "elsewhere"})
    assert_error(answer, 400, "upstream", "plain, shop")
    assert await gateway.rows() == 0


async def test_a_cart_with_nothing_to_order_is_refused_with_the_reason(gateway):
    for document in ({"cartItem": []}, {"cartItem": [{**cart(1)["cartItem"][0], "status": "saveForLater"}]}):
        cart_id = await gateway.new_cart(document)
        body = assert_error(await gateway.post({**request(), "shoppingCart": {"id": cart_id}}), 422, "cartItem")
        assert any(finding["severity"] == "error" for finding in body["finding"])
    assert await gateway.rows() == 0


async def test_a_party_that_cannot_be_mapped_is_refused_with_every_finding(gateway):
    document = cart(2)
    del document["cartItem"][0]["itemPrice"][0]["priceAlteration"][0]["applicationDuration"]
    given = {"shoppingCart": document, "relatedParty": [{"name": "N. N.", "role": "admirer"}]}
    body = assert_error(await gateway.post(given), 422, "relatedParty", "cartItem[0].itemPrice")
    assert len(body["problem"]) >= 2
    assert "N. N." not in json.dumps(body)
    assert await gateway.rows() == 0


async def test_every_wrong_attribute_is_named_at_once(gateway):
    document = {
        "shoppingCart": 7,
        "upstream": [],
        "submit": "yes",
        "externalId": "",
        "relatedParty": {"id": "1"},
        "requestedStartDate": "tomorrow",
        "channel": [{}],
        "note": [{}],
        "billingAccount": "x",
        "payment": [7],
        "place": 1,
        "priority": 1,
        "expectedTotalPrice": [
            {"priceType": "recurring"},
            {"price": {}},
            {"price": {"dutyFreeAmount": {"unit": "EUR"}}},
        ],
        "relatedPartys": [],
    }
    body = assert_error(await gateway.post(document), 400)
    assert {problem["path"] for problem in body["problem"]} == {
        "shoppingCart",
        "upstream",
        "submit",
        "externalId",
        "relatedParty",
        "requestedStartDate",
        "channel[0]",
        "note[0].text",
        "billingAccount",
        "payment[0]",
        "place",
        "priority",
        "expectedTotalPrice[0].price",
        "expectedTotalPrice[1].price",
        "expectedTotalPrice[2].price.dutyFreeAmount.value",
        "relatedPartys",
    }
    suggestion = next(problem for problem in body["problem"] if problem["path"] == "relatedPartys")
    assert "did you mean relatedParty?" in suggestion["message"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (None, "shoppingCart"),
        ({}, "shoppingCart.id"),
        ({"id": ""}, "shoppingCart.id"),
        ({"id": 7}, "shoppingCart.id"),
        ({"id": "a\nb"}, "shoppingCart.id"),
        ({"id": "x" * 256}, "shoppingCart.id"),
        ({"href": "/x/7"}, "shoppingCart.id"),
        ({"cartItem": {}}, "shoppingCart.cartItem"),
        ({"cartItem": [{"quantity": "two"}]}, "shoppingCart.cartItem[0].quantity"),
        ({"cartItem": [{"note": [{"text": "x" * 5000}]}]}, "shoppingCart.cartItem[0].note[0].text"),
        ({"cartItem": [{"id": "1"}, {"id": "1"}]}, "shoppingCart.cartItem[1].id"),
    ],
)
async def test_what_is_wrong_with_a_cart_is_said_under_its_path(gateway, given, path):
    body = assert_error(await gateway.post({**request(), "shoppingCart": given}), 400)
    assert [problem["path"] for problem in body["problem"]] == [path]
    assert await gateway.rows() == 0


HOSTILE = {
    "empty": (b"", 400),
    "not JSON": (b"{", 400),
    "a list": (b"[]", 400),
    "text": (b'"x"', 400),
    "trailing bytes": (b"{} {}", 400),
    "invalid UTF-8": (b'{"externalId": "\xff"}', 400),
    "lone surrogate": (b'{"externalId": "\\ud800"}', 400),
    "U+0000": (b'{"externalId": "a\\u0000b"}', 400),
    "U+0000 in a name": (b'{"a\\u0000b": 1}', 400),
    "NaN": (b'{"priority": NaN}', 400),
    "Infinity": (b'{"priority": -Infinity}', 400),
    "1e999999": (b'{"priority": 1e999999}', 400),
    "a number of 5000 digits": (b'{"priority": ' + b"9" * 5000 + b"}", 400),
    "depth 100000": (b'{"note": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "a deep cart": (b'{"shoppingCart": ' + b'{"cartItem": [' * 40 + b"]}" * 40 + b"}", 400),
    "a huge string": (json.dumps({"description": "x" * 100_000}).encode(), 400),
    "a huge name": (json.dumps({"x" * 100_000: 1}).encode(), 400),
    "over the limit": (b'{"description": "' + b"x" * 1_100_000 + b'"}', 413),
    "many unknown names": (json.dumps({f"relatedPart{n}": n for n in range(30_000)}).encode(), 400),
    "many entries": (json.dumps({"relatedParty": [{}] * 40_000}).encode(), 400),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_bodies_are_refused_quickly_and_leave_nothing(gateway, name):
    content, status = HOSTILE[name]
    cart_id = await gateway.new_cart()
    clock = asyncio.get_running_loop().time
    for path in (CHECKOUTS, f"{CHECKOUTS}/preview", f"{CARTS}/{cart_id}/checkout"):
        if name == "empty" and path.startswith(CARTS):
            continue
        began = clock()
        answer = await gateway.post(content, path)
        assert clock() - began < 5.0
        assert_error(answer, status)
        assert len(answer.content) < 50_000
    assert await gateway.rows() == 0
    assert not gateway.shop.calls


async def test_an_encoded_body_is_refused(gateway):
    assert_error(await gateway.post({}, Content_Encoding="gzip"), 415)


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
    assert body["referenceError"].endswith(checkout["id"])
    headers = {"Content-Type": "application/merge-patch+json"}
    patched = await gateway.client.patch(f"{CARTS}/{cart_id}", content=b"{}", headers=headers)
    assert assert_error(patched, 409)["referenceError"] == checkout["href"]
    assert_error(await gateway.client.delete(f"{CARTS}/{cart_id}"), 409)
    await gateway.work()
    assert_error(await gateway.post({**request(), "shoppingCart": {"id": cart_id}}), 409, "submitted")
    assert len(gateway.shop.orders) == 1


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


# -- Idempotency-Key --------------------------------------------------------------------------------------------------------


async def test_a_key_is_asked_for_where_the_settings_say_so(with_checkout_settings):
    async with with_checkout_settings(idempotency_key_required=True, default_upstream="shop") as gateway:
        body = {**request(), "shoppingCart": cart()}
        assert_error(await gateway.post(body), 400, "Idempotency-Key is missing")
        assert (await gateway.post(body, Idempotency_Key="k1")).status_code == 202


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "schlüssel".encode("latin-1"), "a\x07b", '"open', 'in"side'])
async def test_a_malformed_key_is_refused(gateway, key):
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)]
    body = encode_json({**request(), "shoppingCart": cart()})
    assert_error(await gateway.client.post(CHECKOUTS, content=body, headers=headers), 400, "Idempotency-Key")
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
    from gateway.upstream.outcome import Rejected

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
    assert body["referenceError"].endswith(first.json()["id"])


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
    import hashlib

    clients = "".join(
        f'[[client]]\nname = "{name}"\ntenant = "{name}"\nroles = ["channel"]\n'
        f'token_sha256 = "{hashlib.sha256(name.encode()).hexdigest()}"\n'
        for name in ("acme", "umbrella")
    )
    file = tmp_path / "tokens.toml"
    file.write_text(clients)
    security = SecuritySettings(mode="tokens", tokens_file=str(file))
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


async def test_the_hostile_bodies_are_what_their_names_say():
    assert len(HOSTILE) == 20
    with pytest.raises(Exception, match="nested"):
        decode_json(HOSTILE["a deep cart"][0])
