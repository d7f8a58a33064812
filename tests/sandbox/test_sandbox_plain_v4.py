"""A plain TM Forum server, v4: strict about attributes, PATCH replaces arrays, no draft."""

from __future__ import annotations

import pytest
from sandbox_bodies import item, offerings, order_v4


@pytest.fixture
async def v4(start):
    return await start(mapping="tmf622-v4")


async def test_v4_post_is_live_at_once(v4):
    answer = await v4.post(order_v4())
    order = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == order["href"] == f"{v4.orders}/00000001"
    assert (order["state"], order["externalId"], order["productOrderItem"][0]["state"]) == (
        "acknowledged",
        "CART-1",
        "acknowledged",
    )
    assert v4.effects() == [("created", "acknowledged"), ("submitted", "acknowledged")]
    assert v4.ledger()[0]["lines"][0]["id"] == "1"
    assert (await v4.client.get(order["href"])).json() == order


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (order_v4(productOrderItem=[]), "productOrderItem"),
        (order_v4(state="acknowledged"), "state"),
        (order_v4(submitCart=False), "submitCart"),
        (order_v4(item("1", "A", note=[{"text": "x"}])), "productOrderItem[0].note"),
        (order_v4(item("1", "A", action="no_change")), "productOrderItem[0].action"),
        (order_v4(item("1", "A", action=None)), "productOrderItem[0].action"),
        (order_v4(item(None, "A")), "productOrderItem[0].id"),
        (order_v4(item("1", "A"), item("1", "B")), "productOrderItem[0].id"),
        (order_v4(item("1", "A", quantity="2")), "productOrderItem[0].quantity"),
        (order_v4(item("1", "A", productOrderItem=[item("2", "REFUSE_X")])), "productOrderItem[0].productOrderItem[0]"),
        (order_v4(relatedParty=[{"id": "CD1"}]), "relatedParty[0].@referredType"),
        (order_v4(note=[{"author": "x"}]), "note[0].text"),
        (order_v4(externalId=[{"id": "x"}]), "externalId"),
        (
            order_v4(item("1", "A", itemPrice=[{"priceAlteration": [{"priceType": "recurring"}]}])),
            "productOrderItem[0].itemPrice[0].priceAlteration[0].price",
        ),
    ],
)
async def test_v4_refuses(v4, body, path):
    answer = await v4.post(body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(path)
    assert v4.ledger() == []


async def test_v4_takes_what_says_where_its_extension_is_described(v4):
    body = order_v4(channelHint="web")
    assert (await v4.post(body)).status_code == 400
    assert (await v4.post(body | {"@schemaLocation": "https://example.com/order.json"})).status_code == 201


async def test_v4_lines_know_parent_nested_and_flat(v4):
    flat = item("1", "A", productOrderItemRelationship=[{"id": "3", "relationshipType": "bundles"}])
    nested = item("2", "B", productOrderItem=[item("4", "D", action="noChange")])
    price = [{"priceAlteration": [{"priceType": "recurring", "price": {"percentage": 10.5}}]}]
    await v4.post(order_v4(flat, nested, item("3", "C", itemPrice=price)))
    lines = {line["id"]: line for line in v4.ledger()[-1]["lines"]}
    assert {key: line["parent"] for key, line in lines.items()} == {"1": None, "2": None, "4": "2", "3": "1"}
    assert lines["4"]["action"] == "nochange"
    assert lines["3"]["alterations"] == price[0]["priceAlteration"]


async def test_v4_patch_replaces_the_items(v4):
    await v4.post(order_v4(item("1", "A"), description="first", note=[{"text": "a"}, {"text": "b"}]))
    answer = await v4.patch("00000001", {"productOrderItem": [item("2", "B")], "note": [{"text": "c"}]})
    assert answer.status_code == 200
    assert offerings(v4) == ["B"]
    order = answer.json()
    assert (order["description"], order["note"]) == ("first", [{"text": "c"}])
    cumulative = {"productOrderItem": [item("1", "A"), item("2", "B")]}
    for _ in range(2):
        await v4.patch("00000001", cumulative)
    assert offerings(v4) == ["A", "B"]
    assert len(v4.ledger()) == 4  # the repetition changed nothing


async def test_v4_patch_needs_items_and_json(v4):
    await v4.post(order_v4())
    header_only = await v4.patch("00000001", {"description": "x"})
    assert header_only.json()["message"].startswith("productOrderItem:")
    assert (await v4.patch("00000001", {}, headers={"Content-Type": "application/merge-patch+json"})).status_code == 415


async def test_v4_patch_moves_the_state(v4):
    await v4.post(order_v4())
    items = order_v4()["productOrderItem"]
    answer = await v4.patch("00000001", {"productOrderItem": items, "state": "held"})
    assert answer.json()["state"] == "held"
    assert (await v4.patch("00000001", {"productOrderItem": items, "state": "Activated"})).status_code == 400
    await v4.patch("00000001", {"productOrderItem": items, "state": "cancelled"})
    assert v4.effects()[2:] == [("state", "held"), ("cancelled", "cancelled")]
    late = await v4.patch("00000001", {"productOrderItem": [item("9", "Z")]})
    assert late.status_code == 400
    assert "cancelled" in late.json()["message"]


async def test_filters_and_paging_by_record(v4):
    for number in range(5):
        await v4.post(order_v4(externalId=f"E{number}", priority=str(number % 2)))

    async def found(**query):
        answer = await v4.get(params=query)
        return [order["id"][-1] for order in answer.json()], answer

    assert (await found(externalId="E3"))[0] == ["4"]
    assert (await found(externalId="E3,E4", priority="1"))[0] == ["4"]
    assert (await found(**{"relatedParty.id": "CD1", "priority": "1"}))[0] == ["2", "4"]
    assert (await found(**{"productOrderItem.productOffering.id": "PHONE"}))[0] == ["1", "2", "3", "4", "5"]
    assert (await found(state="draft"))[0] == []
    assert (await found(nothing="x"))[0] == []
    assert (await found(**{"orderDate.gt": "2020-01-01", "externalId.lte": "E1"}))[0] == ["1", "2"]
    numbers, answer = await found(offset=1, limit=2)
    assert (numbers, answer.status_code) == (["2", "3"], 206)
    assert (answer.headers["X-Total-Count"], answer.headers["X-Result-Count"]) == ("5", "2")
    numbers, answer = await found(offset=9)
    assert numbers == []
    assert (await found())[1].status_code == 200
    assert (await v4.get(params={"limit": "-1"})).status_code == 400
    (order,) = (await v4.get(params={"externalId": "E1", "fields": "state"})).json()
    assert set(order) == {"id", "href", "state"}


async def test_cancel_product_order(start, eventually):
    upstream = await start(mapping="tmf622-v4", state_delay_seconds=0.02)
    await upstream.post(order_v4(item("1", "HOLD_A")))
    await eventually(lambda: ("state", "held") in upstream.effects())
    task = await upstream.client.post(f"{upstream.root}/cancelProductOrder", json={"productOrder": {"id": "00000001"}})
    assert (task.status_code, task.json()["state"]) == (201, "acknowledged")
    await eventually(lambda: upstream.effects()[-1] == ("cancelled", "cancelled"))
    assert ("state", "assessingCancellation") in upstream.effects()
    assert (await upstream.client.get(task.headers["Location"])).json()["state"] == "done"
    late = await upstream.client.post(f"{upstream.root}/cancelProductOrder", json={"productOrder": {"id": "00000001"}})
    assert (await upstream.client.get(late.headers["Location"])).json()["state"] == "terminatedWithError"
    assert len((await upstream.client.get(f"{upstream.root}/cancelProductOrder")).json()) == 2
    unknown = await upstream.client.post(f"{upstream.root}/cancelProductOrder", json={"productOrder": {"id": "7"}})
    assert unknown.status_code == 404


async def test_errors_are_tmf_errors(v4):
    url = f"{v4.orders}/00000009"
    answers = [
        (404, await v4.get("00000009")),
        (405, await v4.client.put(url, json={})),
        (404, await v4.client.get(v4.root + "/productorder")),
        (400, await v4.client.post(v4.orders, content=b"{", headers={"Content-Type": "application/json"})),
        (415, await v4.client.post(v4.orders, content=b"<a/>", headers={"Content-Type": "application/xml"})),
    ]
    for status, answer in answers:
        assert answer.status_code == status
        assert (answer.json()["@type"], answer.json()["status"]) == ("Error", str(status))


@pytest.mark.parametrize("limit", [{"max_items_per_call": 2}, {"complexity_budget": 2}])
async def test_limits_are_413(start, limit):
    upstream = await start(mapping="tmf622-v4", profile=limit)
    three = [item(str(number), "A") for number in range(3)]
    assert (await upstream.post(order_v4(*three))).status_code == 413
    assert (await upstream.post(order_v4(*three[:2]))).status_code == 201
