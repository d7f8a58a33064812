from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway, running, settings_of
from checkout_work import cart, request

from gateway.checkouts.reading.filters import FILTERS

pytestmark = pytest.mark.asyncio(loop_scope="module")
PREVIEW = f"{CHECKOUTS}/preview"


async def listed(gateway, query="", status=200):
    answer = await gateway.client.get(f"{CHECKOUTS}{query}")
    assert answer.status_code == status, answer.text
    return answer


def ids(answer):
    return [found["id"] for found in answer.json()]


# -- list -------------------------------------------------------------------------------------------------------------------


async def test_checkouts_are_found_by_cart_order_state_and_external_id(gateway):
    first = await gateway.check_out(externalId="WEB-1", submit=False)
    second = await gateway.check_out(externalId="WEB-2")
    await gateway.work()
    order_id = (await gateway.get(second))["productOrder"]["id"]
    for query, found in (
        ("", [second, first]),
        (f"?shoppingCart.id={first['shoppingCart']['id']}", [first]),
        (f"?productOrder.id={order_id}", [second]),
        ("?state=draft", [first]),
        ("?state=draft,submitted", [second, first]),
        ("?state=draft&state=submitted", [second, first]),
        ("?externalId=WEB-2", [second]),
        ("?externalId=WEB-2&state=draft", []),
        ("?upstream=shop", [second, first]),
        ("?upstream=plain", []),
        (f"?id={first['id']}", [first]),
        ("?productOrder.state=pending", [second, first]),
        ("?externalId=nobody", []),
        (f"?externalId={quote('é, „x“')}", []),
        ("?state=draft,&externalId=WEB-1", [first]),
    ):
        assert ids(await listed(gateway, query)) == [checkout["id"] for checkout in found], query
    # What is looked up for each is told by the checkout alone.
    whole = [await gateway.get(second), await gateway.get(first)]
    alone = {"history", "upstreamCapability"}
    shown = [{name: value for name, value in document.items() if name not in alone} for document in whole]
    assert (await listed(gateway)).json() == shown


async def test_checkouts_are_found_by_what_was_asked_for_and_by_time_and_sorted(gateway):
    first = await gateway.check_out(externalId="B", place=[{"id": "P1", "role": "delivery"}], submit=False)
    second = await gateway.check_out(externalId="A", requestedStartDate="2027-03-01T00:00:00Z")
    for query, found in (
        ("?place.id=P1", [first]),
        ("?place.id=P2", []),
        ("?relatedParty.id=CD1", [second, first]),
        ("?requestedStartDate.gte=2027-01-01", [second]),
        (f"?creationDate.gte={first['creationDate']}", [second, first]),
        (f"?creationDate.gt={second['creationDate']}", []),
        ("?lastUpdate.lt=2020-01-01T00:00:00Z", []),
        ("?externalId.gte=B", [first]),
        ("?sort=externalId", [second, first]),
        ("?sort=-externalId", [first, second]),
        ("?sort=creationDate", [first, second]),
        ("?place.id=P1&state=accepted&upstream=shop", [first]),
    ):
        assert ids(await listed(gateway, query)) == [checkout["id"] for checkout in found], query


async def test_checkouts_are_found_by_every_attribute_that_they_are_shown_with(storage):
    async with running(settings_of(storage)) as gateway:
        await found_by_every_attribute(gateway)


async def found_by_every_attribute(gateway: Gateway) -> None:
    draft = await gateway.check_out(externalId="WEB-17", submit=False)
    await gateway.work()
    assert (
        await gateway.client.patch(f"{CHECKOUTS}/{draft['id']}", json={"description": "changed"})
    ).status_code == 200
    await gateway.work()
    other = await gateway.check_out(externalId="APP-17")
    shown = await gateway.get(draft)
    moment = next(step["startedAt"] for step in shown["step"] if step["startedAt"])
    first = shown["item"][0]
    for query, found in (
        ("externalId.regex=WEB-.*", [draft]),
        ("externalId.regex=.*17$", [other, draft]),
        ("state.regex=^dra.*", [draft]),
        ("step.kind=create", [other, draft]),
        ("step.state=done", [draft]),
        ("step.attempts.gt=0", [draft]),
        (f"step.startedAt.lte={moment}", [draft]),
        ("step.endedAt.lt=2020-01-01T00:00:00Z", []),
        (f"item.cartItemId={first['cartItemId']}", [other, draft]),
        ("item.cartItemId=nope", []),
        (f"item.orderLineItemId={first['orderLineItemId']}", [draft]),
        ("finding.code=nope", []),
        (f"finding.code={shown['finding'][0]['code']}", [other, draft]),
        ("finding.message.regex=.*nothing like this.*", []),
        ("submit=false", [draft]),
        ("submit=true", [other]),
        ("cancelRequested=true", []),
        (f"abandonedOrder.id={shown['abandonedOrder'][0]['id']}", [draft]),
        ("abandonedOrder.state=abandoned", [draft]),
        ("history.action=change", [draft]),
        ("history.action=create", [draft]),
        ("history.kind=call", [draft]),
        ("history.by=anonymous", []),
        ("history.at.gte=2020-01-01T00:00:00Z", [draft]),
        ("progress.stepsDone.gte=1", [draft]),
        ("progress.stepsTotal.gte=1", [other, draft]),
        ("reason.code=waiting_client", [draft]),
        ("reason.code=queued", [other]),
        ("reason.nextAttemptAt.gte=2020-01-01T00:00:00Z", [other]),
        (f"productOrder.externalId={shown['productOrder']['externalId']}", [draft]),
        (f"shoppingCart.version={shown['shoppingCart']['version']}&submit=false", [draft]),
        ("shoppingCart.remainder.id=x", []),
        ("mappingHash.regex=.*", []),
        ("progress.stepsDone=0;step.state=done", [other, draft]),
    ):
        assert ids(await listed(gateway, f"?{query}")) == [checkout["id"] for checkout in found], query
    assert ids(await listed(gateway, "?sort=-progress.stepsDone")) == [draft["id"], other["id"]]


async def test_a_value_with_a_comma_stands_in_quotes(gateway):
    both = [await gateway.check_out(externalId=external_id) for external_id in ('WEB,1 "a"', "WEB")]
    quoted = quote('"WEB,1 ""a"""')
    for query, found in (
        (f"?externalId={quoted}", [both[0]]),
        (f"?externalId={quoted},WEB", both),
        ("?externalId=WEB,1", [both[1]]),
    ):
        assert sorted(ids(await listed(gateway, query))) == sorted(checkout["id"] for checkout in found), query


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_without_a_value_does_not_show_everything(gateway, name):
    await gateway.check_out()
    for empty in ("", ",", "%22%22"):
        answer = await listed(gateway, f"?{name}={empty}", 400)
        assert [problem["path"] for problem in answer.json()["problem"]] == [name]


async def test_pages_follow_tmf630(gateway):
    checkouts = [await gateway.check_out() for _ in range(5)]
    newest = [checkout["id"] for checkout in reversed(checkouts)]
    answer = await listed(gateway, "?limit=2", 206)
    assert ids(answer) == newest[:2]
    assert (answer.headers["x-total-count"], answer.headers["x-result-count"]) == ("5", "2")
    assert f"{CHECKOUTS}?limit=2&offset=2" in answer.headers["link"]
    assert ids(await listed(gateway, "?limit=2&offset=4")) == newest[4:]
    assert ids(await listed(gateway, "?offset=9")) == []
    assert (await gateway.client.head(f"{CHECKOUTS}?limit=1")).headers["x-total-count"] == "5"


async def test_fields_select_attributes_in_lists_and_alone(gateway):
    checkout = await gateway.check_out(externalId="WEB-1")
    for path in (
        f"{CHECKOUTS}?fields=state,progress.stepsTotal",
        f"{CHECKOUTS}/{checkout['id']}?fields=state,progress.stepsTotal",
    ):
        found = (await gateway.client.get(path)).json()
        found = found[0] if isinstance(found, list) else found
        assert found == {
            "@type": "Checkout",
            "id": checkout["id"],
            "href": checkout["href"],
            "state": "accepted",
            "progress": {"stepsTotal": 5},
        }
    for fields, name in (("item", "item"), ("step", "step"), ("finding.code", "finding"), ("item.cartItemId", "item")):
        found = (await listed(gateway, f"?fields={fields}")).json()[0]
        assert found.keys() == {"@type", "id", "href", name}
        assert found[name]
    assert (await listed(gateway, "?fields=none")).json()[0].keys() == {"@type", "id", "href"}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("?state=unheard-of", "state"),
        ("?state=draft,unheard-of", "state"),
        ("?limit=0", "limit"),
        ("?limit=100000", "limit"),
        ("?limit=x", "limit"),
        ("?offset=-1", "offset"),
        ("?colour=red", "colour"),
        ("?externalId=a%00b", "externalId"),
        ("?history.colour=1", "history.colour"),
        ("?step.colour=1", "step.colour"),
        ("?actions=submit", "actions"),
        ("?creationDate.gt=soon", "creationDate"),
        ("?step.startedAt=soon", "step.startedAt"),
        ("?sort=place", "sort"),
        (f"?fields={',a' * 200}", "fields"),
    ],
)
async def test_a_query_that_cannot_be_understood_is_refused_by_name(gateway, query, path):
    answer = await listed(gateway, query, 400)
    assert [problem["path"] for problem in answer.json()["problem"]] == [path]


async def test_all_that_is_wrong_with_a_query_is_said_at_once(gateway):
    answer = await listed(gateway, "?state=x&limit=0&offset=y&colour=red", 400)
    assert {problem["path"] for problem in answer.json()["problem"]} == {"state", "limit", "offset", "colour"}


async def test_a_query_with_a_thousand_parameters_or_bad_escapes_is_refused(gateway):
    await listed(gateway, "?" + "&".join(f"id={n}" for n in range(1000)), 400)
    await listed(gateway, "?externalId=%ff", 400)


async def test_only_json_is_produced(gateway):
    answer = await gateway.client.get(CHECKOUTS, headers={"Accept": "text/html"})
    assert answer.status_code == 406


async def test_who_has_seen_a_version_is_told_that_it_is_still_the_one(gateway):
    checkout = await gateway.check_out()
    path = f"{CHECKOUTS}/{checkout['id']}"
    tag = (await gateway.client.get(path)).headers["etag"]
    same = await gateway.client.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    await gateway.work()
    changed = await gateway.client.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["state"]) == (200, "submitted")


# -- preview ----------------------------------------------------------------------------------------------------------------


async def preview(gateway, **attributes):
    return await gateway.post({**request(), "shoppingCart": cart(), **attributes}, PREVIEW)


async def test_a_preview_shows_the_whole_order_and_every_call_and_does_nothing(gateway):
    answer = await preview(gateway, externalId="WEB-1")
    assert answer.status_code == 200
    document = answer.json()
    assert document.keys() == {"@type", "order", "step", "finding"}
    assert document["@type"] == "CheckoutPreview"
    assert [item["id"] for item in document["order"]["productOrderItem"]] == ["1", "2", "3", "4", "5"]
    assert document["order"]["productOrderItem"][0]["itemPrice"][0]["priceAlteration"]
    assert [(step["sequence"], step["kind"], step["method"], step["itemCount"]) for step in document["step"]] == [
        (1, "create", "POST", 2),
        (2, "add", "PATCH", 2),
        (3, "add", "PATCH", 1),
        (4, "price", "PATCH", 1),
        (5, "submit", "PATCH", 0),
    ]
    assert [step["path"] for step in document["step"]] == ["productorder", *["productorder/{orderId}"] * 4]
    for step in document["step"]:
        body = json.dumps(step["body"], separators=(",", ":"), ensure_ascii=False)
        assert step["byteCount"] == len(body.encode())
    assert document["step"][0]["body"]["submitCart"] is False
    assert document["step"][3]["body"]["productOrderItem"][0]["orderLineItemId"] == "{lineId:1}"
    assert {finding["severity"] for finding in document["finding"]} <= {"info", "warning"}
    assert await gateway.rows() == 0
    assert not gateway.shop.calls


async def test_a_preview_says_on_demand_where_each_value_went(gateway):
    answer = await gateway.post({**request(), "shoppingCart": cart()}, f"{PREVIEW}?trace=true")
    trace = answer.json()["trace"]
    went = {entry["path"]: entry["to"] or entry["why"] for entry in trace["cart"]}
    assert went["cartItem[0].productOffering.id"] == "productOrderItem[0].productOffering.id"
    assert all(went.values())
    assert all(entry["from"] for entry in trace["order"])
    wrong = await gateway.post({**request(), "shoppingCart": cart()}, f"{PREVIEW}?trace=maybe&depth=1")
    assert [problem["path"] for problem in wrong.json()["problem"]] == ["depth", "trace"]


async def test_a_preview_of_a_stored_cart_leaves_it_free(gateway):
    cart_id = await gateway.new_cart()
    assert (await preview(gateway, shoppingCart={"id": cart_id})).status_code == 200
    await gateway.post({**request(), "shoppingCart": {"id": cart_id}})
    assert (await preview(gateway, shoppingCart={"id": cart_id})).status_code == 200
    assert (await preview(gateway, shoppingCart={"id": "nope"})).status_code == 404


async def test_a_preview_is_what_the_checkout_sends(gateway):
    dated = {"requestedStartDate": "2027-01-01T00:00:00Z"}
    shown = (await preview(gateway, **dated)).json()
    await gateway.post({**request(), "shoppingCart": cart(), **dated})
    sent = []
    send = gateway.shop.send

    async def noting(rendered, **_):
        sent.append((rendered.kind, json.loads(rendered.body)))
        return await send(rendered)

    gateway.shop.send = noting
    await gateway.work()
    assert [kind for kind, _ in sent] == [step["kind"] for step in shown["step"]]
    order = gateway.shop.orders["00000001"]
    known = {"gw1-PREVIEW-0": order["externalId"]}
    known |= {f"{{lineId:{line['id']}}}": line["orderLineItemId"] for line in order["productOrderItem"]}
    for (_, body), step in zip(sent, shown["step"], strict=True):
        text = json.dumps(step["body"])
        for placeholder, value in known.items():
            text = text.replace(placeholder, value)
        assert json.loads(text) == body


async def test_a_cart_that_cannot_be_ordered_is_refused_with_every_finding(gateway):
    document = cart(2)
    del document["cartItem"][0]["itemPrice"][0]["priceAlteration"][0]["name"]
    answer = await preview(gateway, shoppingCart=document, relatedParty=[{"id": "1", "role": "admirer"}])
    assert answer.status_code == 422
    body = answer.json()
    errors = {finding["path"] for finding in body["finding"] if finding["severity"] == "error"}
    assert {problem["path"] for problem in body["problem"]} == errors
    assert len(errors) == 2


async def test_the_other_paths_of_a_preview_are_none(gateway):
    cart_id = await gateway.new_cart()
    for path in (f"{CARTS}/{cart_id}/checkout/preview", f"{CHECKOUTS}/preview/submit"):
        assert (await gateway.post({}, path)).status_code == 404
    assert (await gateway.client.get(PREVIEW)).status_code == 405
