"""A plain TM Forum server, v5: drafts, merge patch and JSON patch, `@type` everywhere."""

from __future__ import annotations

import pytest
from sandbox_bodies import item, offerings, order_v5, typed

MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}


@pytest.fixture
async def v5(start):
    return await start(mapping="tmf622-v5")


async def test_v5_draft_then_submit(v5):
    answer = await v5.post(order_v5(externalId=[{"id": "CART-1", "owner": "gateway"}]))
    assert answer.status_code == 201
    assert "Location" not in answer.headers
    assert "state" not in answer.json()
    number = answer.json()["id"]
    assert (await v5.get(number)).json()["state"] == "draft"
    assert v5.ledger()[0]["externalId"] == "CART-1"
    (found,) = (await v5.get(params={"externalId.id": "CART-1"})).json()
    assert found["id"] == number
    submitted = await v5.patch(number, {"@type": "ProductOrder", "state": "acknowledged"}, headers=MERGE)
    assert (submitted.status_code, submitted.content) == (204, b"")
    assert v5.effects() == [("created", "draft"), ("submitted", "acknowledged")]


async def test_v5_post_without_a_word_is_live(v5):
    body = order_v5()
    del body["requestedInitialState"]
    await v5.post(body)
    assert v5.effects() == [("created", "acknowledged"), ("submitted", "acknowledged")]
    assert (await v5.post(body | {"requestedInitialState": "inProgress"})).status_code == 400


async def test_v5_client_chosen_id(v5):
    body = order_v5(id="my-order")
    assert (await v5.post(body)).json()["id"] == "my-order"
    again = await v5.post(body)
    assert (again.status_code, again.json()["status"]) == (409, "409")
    assert [entry["effect"] for entry in v5.ledger()] == ["created"]


@pytest.mark.parametrize(
    ("spoil", "path"),
    [
        (lambda body: body.pop("@type"), "@type"),
        (lambda body: body["productOrderItem"][0].pop("@type"), "productOrderItem[0].@type"),
        (
            lambda body: body["productOrderItem"][0]["productOffering"].pop("@type"),
            "productOrderItem[0].productOffering.@type",
        ),
        (lambda body: body.update(state="draft"), "state"),
        (lambda body: body.update(externalId=typed([{"owner": "x"}])), "externalId[0].id"),
        (
            lambda body: body.update(relatedParty=typed([{"role": "customer", "partyOrPartyRole": {"name": "x"}}])),
            "relatedParty[0].partyOrPartyRole.id",
        ),
    ],
)
async def test_v5_refuses(v5, spoil, path):
    body = order_v5()
    spoil(body)
    answer = await v5.post(body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(path + ":")


async def test_v5_money_needs_no_type_and_unknown_attributes_stay(v5):
    price = {"@type": "OrderPrice", "priceType": "recurring", "price": {"@type": "Price"}}
    price["price"]["dutyFreeAmount"] = {"unit": "EUR", "value": 5}
    body = order_v5(item("1", "A", itemPrice=[]), hint="x")
    body["productOrderItem"][0]["itemPrice"] = [price]
    assert (await v5.post(body)).json()["hint"] == "x"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Type": "application/json"}, 200), (MERGE, 204)],
)
async def test_v5_merge_patch_replaces_arrays(v5, headers, status):
    await v5.post(order_v5(item("1", "A"), description="d"))
    body = typed({"productOrderItem": [item("2", "B")], "description": None})
    assert (await v5.patch("00000001", body, headers=headers)).status_code == status
    assert offerings(v5) == ["B"]
    assert "description" not in (await v5.get("00000001")).json()
    assert (await v5.patch("00000001", {"description": "x"}, headers=headers)).status_code == 400  # no @type


async def test_v5_json_patch_appends(v5):
    await v5.post(order_v5(item("1", "A")))
    operation = {"op": "add", "path": "/productOrderItem/-", "value": typed(item("2", "B"))}
    assert (await v5.patch("00000001", [operation], headers=JSON_PATCH)).status_code == 204
    assert offerings(v5) == ["A", "B"]
    again = await v5.patch("00000001", [operation], headers=JSON_PATCH)
    assert again.status_code == 400  # the same id twice
    operations = [
        {"op": "test", "path": "/productOrderItem/0/id", "value": "1"},
        {"op": "replace", "path": "/productOrderItem/0/quantity", "value": 7},
        {"op": "copy", "from": "/productOrderItem/1", "path": "/productOrderItem/2"},
        {"op": "replace", "path": "/productOrderItem/2/id", "value": "3"},
        {"op": "move", "from": "/productOrderItem/2", "path": "/productOrderItem/0"},
        {"op": "add", "path": "/description", "value": "d"},
        {"op": "remove", "path": "/productOrderItem/2"},
        {"op": "replace", "path": "/state", "value": "acknowledged"},
    ]
    assert (await v5.patch("00000001", operations, headers=JSON_PATCH)).status_code == 204
    assert [(line["id"], line["quantity"]) for line in v5.ledger()[-1]["lines"]] == [("3", 1), ("1", 7)]
    assert v5.effects() == [
        ("created", "draft"),
        ("changed", "draft"),
        ("changed", "draft"),
        ("submitted", "acknowledged"),
    ]


@pytest.mark.parametrize(
    "operations",
    [
        {},
        [{"op": "append", "path": "/productOrderItem/-"}],
        [{"op": ["add"], "path": "/productOrderItem/-"}],
        [{"op": "add", "path": "productOrderItem"}],
        [{"op": "add", "path": "/productOrderItem/-"}],
        [{"op": "add", "path": "/productOrderItem/-", "value": item("2", "B")}],
        [{"op": "add", "path": "/productOrderItem/9", "value": typed(item("2", "B"))}],
        [{"op": "remove", "path": "/nothing"}],
        [{"op": "remove", "path": "/productOrderItem"}],
        [{"op": "test", "path": "/state", "value": "acknowledged"}],
        [{"op": "replace", "path": "/id", "value": "9"}],
        [{"op": "replace", "path": "/state", "value": "completed"}],
        [{"op": "add", "path": "/description", "value": "x"}, {"op": "remove", "path": "/nothing"}],
    ],
)
async def test_v5_json_patch_is_all_or_nothing(v5, operations):
    await v5.post(order_v5())
    before = (await v5.get("00000001")).json()
    assert (await v5.patch("00000001", operations, headers=JSON_PATCH)).status_code == 400
    assert (await v5.get("00000001")).json() == before
    assert len(v5.ledger()) == 1


async def test_v5_drafts_can_be_cancelled_and_deleted(v5):
    for _ in range(3):
        await v5.post(order_v5())
    await v5.patch("00000001", {"@type": "ProductOrder", "state": "cancelled"})
    assert (await v5.client.delete(f"{v5.orders}/00000002")).status_code == 204
    assert (await v5.get("00000002")).status_code == 404
    await v5.patch("00000003", {"@type": "ProductOrder", "state": "acknowledged"})
    assert (await v5.client.delete(f"{v5.orders}/00000003")).status_code == 409
    assert [entry["order"] for entry in v5.ledger() if entry["effect"] == "cancelled"] == ["00000001", "00000002"]


async def test_v5_a_live_order_goes_on_after_a_change(start, eventually):
    upstream = await start(mapping="tmf622-v5", state_delay_seconds=0.05)
    await upstream.post(order_v5(requestedInitialState="acknowledged"))
    await upstream.patch("00000001", typed({"productOrderItem": [item("1", "A"), item("2", "B")]}))
    await eventually(lambda: upstream.effects()[-1] == ("state", "completed"))
    assert ("changed", "acknowledged") in upstream.effects()
    assert offerings(upstream) == ["A", "B"]
