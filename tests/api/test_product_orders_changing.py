"""Product orders while they are drafts: changed, submitted, and refused once they are live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkout_gateway import CHECKOUTS, Gateway, assert_error, live_orders
from partner_orders import V4, V5, as_sent, cancelled, patched, placed, valid

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- while it is a draft ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_a_draft_is_changed_and_submitted(gateway: Gateway, version: str) -> None:
    made = await placed(gateway, version, requestedInitialState="draft")
    assert made["state"] == ("acknowledged" if version == "v4" else "draft")
    await gateway.work()
    assert not gateway.plain.orders

    items = [*made["productOrderItem"], {**as_sent(made["productOrderItem"])[0], "id": "9", "productOrderItem": []}]
    changed = valid(version, await patched(gateway, made, {"description": "new", "productOrderItem": items}, version))
    assert (changed["description"], [item["id"] for item in changed["productOrderItem"]]) == ("new", ["1", "9"])
    assert changed["state"] == made["state"]
    assert (await gateway.get(made["id"]))["state"] == "draft"

    submitted = valid(version, await patched(gateway, made, {"state": "acknowledged"}, version))
    assert submitted["state"] == "acknowledged"
    await gateway.work()
    [sent] = live_orders(gateway.plain)
    assert [item["id"] for item in sent["productOrderItem"]] == ["1", "9"]
    assert sent["description"] == "new"
    again = await patched(gateway, made, {"state": "acknowledged"}, version)
    assert again.status_code == 200
    assert len(live_orders(gateway.plain)) == 1


async def test_what_was_sent_in_v5_keeps_its_form_when_v4_changes_something_else(gateway: Gateway) -> None:
    made = await placed(gateway, "v5", requestedInitialState="draft")
    assert (await patched(gateway, made, {"description": "by v4"})).status_code == 200
    shown = (await gateway.client.get(f"{V5}/{made['id']}")).json()
    for name in ("relatedParty", "channel", "productOrderItem"):
        assert shown[name] == made[name], name


async def test_json_patches_change_a_draft(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft")
    for kind, operations in (
        ("json-patch", [{"op": "replace", "path": "/productOrderItem/0/quantity", "value": 7}]),
        (
            "json-patch-query",
            [{"op": "replace", "path": "/productOrderItem/quantity?productOrderItem.id=1", "value": 8}],
        ),
    ):
        answer = await gateway.client.patch(
            f"{V4}/{made['id']}", content=json.dumps(operations), headers={"Content-Type": f"application/{kind}+json"}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["productOrderItem"][0]["quantity"] in {7, 8}


async def test_what_may_not_be_changed_is_told(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft", externalId="X")
    error = assert_error(await patched(gateway, made, {"id": "1", "externalId": "Y", "upstream": "shop"}), 400)
    assert {each["path"] for each in error["problem"]} == {"id", "externalId", "upstream"}
    assert_error(await patched(gateway, made, {"state": "cancelled"}), 400, "cancelProductOrder")
    assert_error(await patched(gateway, made, {"productOrderItem": [{"id": "1"}]}), 400, "productOrderItem[0].action")
    assert_error(await patched(gateway, made, {"description": "x"}, **{"If-Match": '"77"'}), 412)
    assert_error(await patched(gateway, {"id": "nothing"}, {"description": "x"}), 404)


async def test_a_live_order_does_not_change_and_the_answer_says_how_it_is_done(gateway: Gateway) -> None:
    made = await placed(gateway)
    await gateway.work()
    answer = await patched(gateway, made, {"description": "too late"})
    assert_error(answer, 409, "cancelProductOrder", "docs/how-to/change-or-cancel-a-live-order.md")
    assert (Path(__file__).parents[2] / "docs/how-to/change-or-cancel-a-live-order.md").is_file()


@pytest.mark.parametrize("change", [{"description": "too late"}, {"state": "acknowledged"}])
async def test_what_is_to_be_cancelled_does_not_change_and_the_answer_says_why(gateway: Gateway, change: Any) -> None:
    made = await placed(gateway, requestedInitialState="draft")
    assert (await cancelled(gateway, made)).status_code == 201
    error = assert_error(await patched(gateway, made, change), 409, "cancellation was asked for")
    assert "submitted" not in error["message"]
    path = f"{CHECKOUTS}/{made['id']}"
    assert_error(await gateway.client.patch(path, json={"description": "x"}), 409, "cancellation was asked for")


async def test_the_draft_of_a_cart_is_changed_but_for_its_items(gateway: Gateway) -> None:
    checkout = await gateway.check_out(upstream="plain", submit=False)
    changed = valid("v4", await patched(gateway, checkout, {"description": "by TMF622"}))
    assert changed["description"] == "by TMF622"
    assert (await gateway.get(checkout))["description"] == "by TMF622"
    items = changed["productOrderItem"][:1]
    assert_error(await patched(gateway, checkout, {"productOrderItem": items}), 409, "cart")


async def test_a_change_through_the_checkout_is_a_change_of_the_order(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft")
    answer = await gateway.client.patch(f"{CHECKOUTS}/{made['id']}", json={"description": "by the checkout"})
    assert answer.status_code == 200, answer.text
    assert (await gateway.client.get(f"{V4}/{made['id']}")).json()["description"] == "by the checkout"
