from __future__ import annotations

import asyncio
import json
import re

import pytest
from checkout_gateway import CARTS, CHECKOUTS, assert_error
from checkout_work import cart, request

from gateway.tmf.json import decode_json
from gateway.upstream.outcome import Rejected
from gateway.upstream.reasons import UpstreamReason

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
    del document["cartItem"][0]["itemPrice"][0]["priceAlteration"][0]["name"]
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


async def test_a_missing_cart_is_answered_with_json_that_can_be_sent(gateway):
    (problem,) = assert_error(await gateway.post({}), 400)["problem"]
    example = re.search(r"\{.*?\}", problem["message"])
    assert problem["path"] == "shoppingCart"
    assert decode_json(example[0].encode()).keys() == {"id"}


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


async def test_the_hostile_bodies_are_what_their_names_say():
    assert len(HOSTILE) == 20
    with pytest.raises(Exception, match="nested"):
        decode_json(HOSTILE["a deep cart"][0])


async def test_the_order_systems_reasons_come_back_with_the_carts_paths(gateway):
    given = cart(4)
    created = await gateway.post({**request(), "shoppingCart": given, "submit": True})
    assert created.status_code == 202, created.text
    reasons = (
        UpstreamReason("No stock Error ID: 77-1", "E7", "/productOrderItem/0/productOffering/id"),
        UpstreamReason("Unknown account", "E8", "relatedParty[0].id"),
    )
    gateway.shop.script([Rejected(422, "E7", "422 E7: No stock Error ID: 77-1; Unknown account", reasons=reasons)])
    await gateway.work()
    refused = await gateway.get(created.json())
    assert refused["state"] == "rejected"
    assert refused["reason"]["code"] == "refused"
    assert refused["reason"]["problem"] == [
        {"path": "cartItem[0].productOffering.id", "message": "No stock Error ID: 77-1", "upstreamCode": "E7"},
        {"path": "relatedParty[0].id", "message": "Unknown account", "upstreamCode": "E8"},
    ]
