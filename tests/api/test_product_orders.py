"""TMF622 for partners: orders that come ready, those that were made of carts, and what the official conformance kit asserts of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from checkout_gateway import CHECKOUTS, Gateway, assert_error, live_orders, running, set_columns, settings_of
from hub_listener import QUICK_ON_LOOPBACK, listening
from official_cart_schemas import problems
from partner_orders import ORDERS, PATHS, V4, V5, order, order_v5, valid

from gateway.hub.delivery.service import delivery
from gateway.settings import Settings, TrackingSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}


async def placed(gateway: Gateway, version: str = "v4", **attributes: Any) -> dict[str, Any]:
    answer = await gateway.post(ORDERS[version](**attributes), PATHS[version])
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


# -- what the official kit asserts ------------------------------------------------------------------------------------------


async def test_the_kits_assertions(gateway: Gateway) -> None:
    """POST with an item and a party, the list, one by its id, filters, selections, and what does not exist: CTK622 v4."""
    body = {
        "productOrderItem": [{"id": "100", "action": "add", "productOffering": {"id": "14277"}}],
        "relatedParty": [{"id": "456", "@referredType": "Individual"}],
        "upstream": "plain",
    }
    other = await placed(gateway)
    created = await gateway.post(body, V4)
    assert created.status_code == 201
    made = valid("v4", created)
    assert created.headers["location"] == made["href"] == f"http://gateway.test{V4}/{made['id']}"

    listed = await gateway.client.get(V4, headers=JSON)
    assert listed.status_code == 200
    for each in valid("v4", listed):
        assert all(each[name] for name in ("id", "href", "orderDate", "productOrderItem", "relatedParty", "state"))
        assert all(item["id"] and item["action"] for item in each["productOrderItem"])
        assert all(party["id"] and party["@referredType"] for party in each["relatedParty"])
    assert [each["id"] for each in listed.json()] == [made["id"], other["id"]]

    for address in (f"{V4}/{made['id']}", made["href"]):
        one = await gateway.client.get(address, headers=JSON)
        assert (one.status_code, one.json()) == (200, made)
    for name in ("id", "href", "orderDate"):
        # Raw, as the kit's runner sends it.
        found = await gateway.client.get(f"{V4}?{name}={made[name]}", headers=JSON)
        assert found.status_code == 200
        assert made in found.json()
    for name in ("id", "href", "orderDate", "state", "productOrderItem", "relatedParty"):
        chosen = await gateway.client.get(f"{V4}?fields={name}", headers=JSON)
        assert chosen.status_code == 200
        assert all(set(each) == {"id", "href", name} for each in chosen.json())
    missing = await gateway.client.get(f"{V4}/{uuid4()}", headers=JSON)
    assert (missing.status_code, missing.json()["code"]) == (404, "60")


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_an_order_is_shown_as_it_was_sent_in_both_versions_and_is_valid(gateway: Gateway, version: str) -> None:
    sent = ORDERS[version](
        externalId="P-1" if version == "v4" else [{"@type": "ExternalIdentifier", "id": "P-1"}], mine={"a": 1}
    )
    made = valid(version, await gateway.post(sent, PATHS[version]))
    assert sent.items() <= {**made, "productOrderItem": _as_sent(made["productOrderItem"])}.items()
    await gateway.work()
    for other, path in PATHS.items():
        shown = valid(other, await gateway.client.get(f"{path}/{made['id']}"))
        valid(other, await gateway.client.get(path))
        assert shown["id"] == made["id"]
        assert shown["upstreamOrder"]["id"] == "00000001"
        if other == version:
            assert sent.items() <= {**shown, "productOrderItem": _as_sent(shown["productOrderItem"])}.items()


def _as_sent(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items without what only the server says of them."""
    kept = [{name: value for name, value in item.items() if name not in {"state", "orderLineItemId"}} for item in items]
    return [
        {**item, "productOrderItem": _as_sent(item["productOrderItem"])} if "productOrderItem" in item else item
        for item in kept
    ]


# -- the way of an order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_a_ready_order_is_submitted_once_and_followed_to_its_end(gateway: Gateway, version: str) -> None:
    made = await placed(gateway, version)
    assert made["state"] == "acknowledged"
    await gateway.work()

    sent = live_orders(gateway.plain)
    assert len(sent) == 1
    assert [item["productOffering"]["id"] for item in sent[0]["productOrderItem"]] == ["P1"]
    checkout = await gateway.get(made["id"])
    assert (checkout["source"], checkout["shoppingCart"], checkout["state"]) == ("productOrder", None, "submitted")
    assert checkout["productOrder"]["id"] == "00000001"
    assert not [each for each in checkout["finding"] if "cart" in each["path"] or "cart" in each["message"]]

    for state in ("inProgress", "completed"):
        sent[0]["state"] = state
        await gateway.look_at_orders()
        shown = valid(version, await gateway.client.get(f"{PATHS[version]}/{made['id']}"))
        assert shown["state"] == state
        assert shown["id"] == made["id"]
    assert shown["completionDate"]


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_who_asks_for_an_order_under_way_is_told_when_to_ask_again(gateway: Gateway, version: str) -> None:
    path = f"{PATHS[version]}/{(await placed(gateway, version))['id']}"
    assert int((await gateway.client.get(path)).headers["retry-after"]) >= 1
    await gateway.work()
    assert int((await gateway.client.get(path)).headers["retry-after"]) >= 1
    live_orders(gateway.plain)[0]["state"] = "completed"
    await gateway.look_at_orders()
    assert "retry-after" not in (await gateway.client.get(path)).headers


async def test_nothing_that_is_not_sent_is_lost_without_a_word(gateway: Gateway) -> None:
    made = await placed(
        gateway,
        state="completed",
        mine=5,
        productOrderItem=[
            {"id": "1", "action": "add", "state": "held", "productOffering": {"id": "P1", "version": "3"}},
        ],
    )
    found = {(each["code"], each["path"]) for each in (await gateway.get(made["id"]))["finding"]}
    assert {("dropped", "state"), ("dropped", "productOrderItem[0].state")} <= found
    assert ("dropped", "productOrderItem[0].productOffering.version") in found


async def test_an_order_of_a_cart_is_there_as_well(gateway: Gateway) -> None:
    checkout = await gateway.check_out(upstream="plain", externalId="WEB-1", description="of a cart")
    await gateway.work()
    for version, path in PATHS.items():
        shown = valid(version, await gateway.client.get(f"{path}/{checkout['id']}"))
        assert [item["id"] for item in shown["productOrderItem"]] == ["1", "2", "3", "4", "5"]
        assert shown["description"] == "of a cart"
        assert shown["state"] == "acknowledged"
        assert {item.get("@type") for item in shown["productOrderItem"]} == {"ProductOrderItem"}
        [found] = valid(
            version, await gateway.client.get(f"{path}?productOrderItem.productOffering.id=P3&externalId=WEB-1")
        )
        assert found == shown
        assert (await gateway.client.get(f"{path}?description=other")).json() == []


# -- the same order again ---------------------------------------------------------------------------------------------------


async def test_the_same_external_id_is_the_same_order_again(gateway: Gateway) -> None:
    first = await placed(gateway, externalId="P-1")
    again = await gateway.post(order(externalId="P-1"), V4)
    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert again.headers["idempotent-replayed"] == "true"
    other = await gateway.post(order(externalId="P-1", description="another"), V4)
    assert_error(other, 409, "externalId", first["id"])
    assert len((await gateway.client.get(V4)).json()) == 1


async def test_the_same_key_is_the_same_order_again(gateway: Gateway) -> None:
    first = await gateway.post(order(), V4, idempotency_key="k")
    again = await gateway.post(order(), V4, idempotency_key="k")
    assert again.json()["id"] == first.json()["id"]
    other = await gateway.post(order(description="another"), V4, idempotency_key="k")
    assert_error(other, 409, "Idempotency-Key")


async def test_an_external_id_of_v5_is_found_by_its_id(gateway: Gateway) -> None:
    external = [{"@type": "ExternalIdentifier", "owner": "us", "externalIdentifierType": "po", "id": "X-1"}]
    first = await placed(gateway, "v5", externalId=external)
    again = await gateway.post(order_v5(externalId=external), V5)
    assert again.json()["id"] == first["id"]
    for path in (f"{V5}?externalId.id=X-1", f"{V4}?externalId=X-1"):
        assert [each["id"] for each in (await gateway.client.get(path)).json()] == [first["id"]]


# -- what is refused --------------------------------------------------------------------------------------------------------


async def test_everything_that_is_wrong_is_told_at_once_at_the_orders_own_paths(gateway: Gateway) -> None:
    wrong = order(
        submit=True,
        priority="9",
        productOrderItem=[
            {"id": "1", "action": "buy", "quantity": 0, "status": "active"},
            {"id": "1", "action": "add", "productOrderItemRelationship": [{"id": "9", "relationshipType": "bundles"}]},
        ],
        relatedParty=[{"name": "nobody"}],
    )
    answer = await gateway.post(wrong, V4)
    error = assert_error(answer, 400)
    assert problems("v4", "Error", error, "tmf622") == []
    told = {each["path"] for each in error["problem"]}
    assert told == {
        "submit",
        "priority",
        "productOrderItem[0].action",
        "productOrderItem[0].quantity",
        "productOrderItem[0].status",
        "productOrderItem[1].id",
        "productOrderItem[1].productOrderItemRelationship[0].id",
        "relatedParty[0].id",
    }
    assert "cart" not in json.dumps(error)
    for nothing in ({}, {"productOrderItem": []}, {"productOrderItem": [1]}, {"productOrderItem": {}}):
        assert_error(await gateway.post(nothing, V4), 400, "productOrderItem")


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_who_says_draft_in_the_wrong_place_has_nothing_submitted(gateway: Gateway, version: str) -> None:
    answer = await gateway.post(ORDERS[version](state="draft"), PATHS[version])
    assert "requestedInitialState" in assert_error(answer, 400, "state")["message"]
    made = await placed(gateway, version, state="draft", requestedInitialState="draft")
    assert (await gateway.get(made["id"]))["state"] == "accepted"
    assert not (await gateway.get(made["id"]))["submit"]


async def test_what_the_order_system_does_not_take_is_refused_in_the_orders_own_words(gateway: Gateway) -> None:
    item = {"id": "1", "action": "modify", "productOffering": {"id": "P1"}}
    error = assert_error(await gateway.post(order(productOrderItem=[item], upstream="shop"), V4), 422)
    assert error["message"].startswith("The order cannot be ordered: productOrderItem[0]")
    assert "cart" not in json.dumps(error)
    assert (await gateway.client.get(V4)).json() == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("state=acknowledged", 200),
        ("state=nothing", 400),
        ("state=draft", 400),  # v4 knows none
        ("productOrderItem.state=held", 400),
        ("sort=-orderDate,externalId", 200),
        ("sort=productOrderItem.id", 400),
        ("orderDate.gt=2020-01-01", 200),
        ("orderDate.gt=never", 400),
        ("limit=1", 206),
        ("upstreamOrder.id=00000001", 200),
        ("checkout.state.regex=x", 400),
        ("productOrderItem.productOrderItem.productOffering.id=P2", 200),
        ("relatedParty.id=CD1&relatedParty.role=customer", 200),
    ],
)
async def test_the_list_has_the_query_language_of_tmf630(gateway: Gateway, query: str, status: int) -> None:
    await placed(gateway, externalId="B")
    await placed(gateway, externalId="A")
    await gateway.work()
    answer = await gateway.client.get(f"{V4}?{query}")
    assert answer.status_code == status, answer.text
    if status != 400:
        assert len(answer.json()) == (1 if "limit" in query or "upstreamOrder" in query else 2)
        valid("v4", answer)


# -- while it is a draft ----------------------------------------------------------------------------------------------------


async def patched(gateway: Gateway, made: dict[str, Any], body: Any, version: str = "v4", **headers: str) -> Any:
    kind = {"Content-Type": "application/merge-patch+json", **headers}
    path = f"{PATHS[version]}/{made['id']}"
    return await gateway.client.patch(path, content=json.dumps(body), headers=kind)


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_a_draft_is_changed_and_submitted(gateway: Gateway, version: str) -> None:
    made = await placed(gateway, version, requestedInitialState="draft")
    assert made["state"] == ("acknowledged" if version == "v4" else "draft")
    await gateway.work()
    assert not gateway.plain.orders

    items = [*made["productOrderItem"], {**_as_sent(made["productOrderItem"])[0], "id": "9", "productOrderItem": []}]
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


# -- cancelling and deleting ------------------------------------------------------------------------------------------------


async def cancelled(gateway: Gateway, made: dict[str, Any], version: str = "v4", **attributes: Any) -> Any:
    reference = {"id": made["id"], **({"@type": "ProductOrderRef"} if version == "v5" else {})}
    body = {"productOrder": reference, "@type": "CancelProductOrder", **attributes}
    return await gateway.post(body, f"/tmf-api/productOrderingManagement/{version}/cancelProductOrder")


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_a_draft_is_cancelled_and_the_request_tells_it(gateway: Gateway, version: str) -> None:
    made = await placed(gateway, version, requestedInitialState="draft")
    answer = await cancelled(gateway, made, version, cancellationReason="not needed")
    asked = valid(version, answer, "CancelProductOrder")
    assert answer.status_code == 201
    assert answer.headers["location"] == asked["href"]
    assert (asked["state"], asked["cancellationReason"]) == ("acknowledged", "not needed")
    assert asked["productOrder"]["href"] == made["href"]
    again = await cancelled(gateway, made, version)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (asked["id"], "true")
    await gateway.work()

    done = valid(version, await gateway.client.get(asked["href"]), "CancelProductOrder")
    assert done["state"] == "done"
    assert done["effectiveCancellationDate"]
    order_ = valid(version, await gateway.client.get(made["href"]))
    assert order_["state"] == "cancelled"
    assert order_["cancellationDate"]
    path = asked["href"].rpartition("/")[0]
    for query, count in (("", 1), (f"?productOrder.id={made['id']}&state=done", 1), ("?state=acknowledged", 0)):
        assert len(valid(version, await gateway.client.get(f"{path}{query}"), "CancelProductOrder")) == count
    assert_error(await gateway.client.get(f"{path}?x=1"), 400, "x")
    assert_error(await gateway.client.get(f"{path}/nothing"), 404)


async def test_a_live_order_is_cancelled_where_its_order_system_takes_that(gateway: Gateway) -> None:
    made = await placed(gateway)
    await gateway.work()
    asked = (await cancelled(gateway, made)).json()
    shown = valid("v4", await gateway.client.get(f"{V4}/{made['id']}"))
    assert shown["state"] == "assessingCancellation"
    await gateway.work()
    live = live_orders(gateway.plain)
    live[0]["state"] = "cancelled"
    await gateway.look_at_orders()
    await gateway.look_at_orders()
    assert (await gateway.get(made["id"]))["state"] == "cancelled"
    assert (await gateway.client.get(asked["href"])).json()["state"] == "done"


async def test_an_order_that_cannot_be_cancelled_from_here_says_how_it_is_done(gateway: Gateway) -> None:
    made = await placed(
        gateway, upstream="shop", productOrderItem=[{"id": "1", "action": "add", "productOffering": {"id": "P"}}]
    )
    await gateway.work()
    answer = await cancelled(gateway, made)
    assert_error(answer, 409, "takes no cancellations", "docs/how-to/change-or-cancel-a-live-order.md")
    assert (await gateway.client.get("/tmf-api/productOrderingManagement/v4/cancelProductOrder")).json() == []


async def test_what_is_wrong_with_a_cancellation_is_told(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft")
    assert_error(await cancelled(gateway, {"id": "nothing"}), 404, "productOrder.id")
    assert_error(
        await cancelled(gateway, made, productOrder=7, cancellationReason=1), 400, "productOrder", "cancellationReason"
    )
    assert_error(await cancelled(gateway, made, productOrder={}), 400, "productOrder.id")
    later = await cancelled(gateway, made, requestedCancellationDate="2999-01-01T00:00:00Z")
    assert_error(later, 422, "requestedCancellationDate")
    await cancelled(gateway, made)
    await gateway.work()
    assert (await cancelled(gateway, made)).json()["state"] == "done"


async def test_an_order_that_has_ended_is_deleted_and_its_checkout_stays(gateway: Gateway) -> None:
    made = await placed(gateway, requestedInitialState="draft")
    assert_error(await gateway.client.delete(f"{V4}/{made['id']}"), 409, "cancel")
    asked = (await cancelled(gateway, made)).json()
    await gateway.work()
    assert (await gateway.client.delete(f"{V4}/{made['id']}")).status_code == 204
    for path in (f"{V4}/{made['id']}", f"{V5}/{made['id']}", asked["href"]):
        assert_error(await gateway.client.get(path), 404)
    assert (await gateway.client.get(V4)).json() == []
    assert (await gateway.get(made["id"]))["state"] == "cancelled"


async def test_why_an_order_was_refused_is_shown(gateway: Gateway) -> None:
    made = await placed(gateway)
    checkout = await gateway.get(made["id"])
    await set_columns(gateway, checkout, state="rejected", reason_code="refused", status_reason="sold out", due_at=None)
    for version, path in PATHS.items():
        shown = valid(version, await gateway.client.get(f"{path}/{made['id']}"))
        assert shown["state"] == "rejected"
        assert [(each["code"], each["reason"]) for each in shown["productOrderErrorMessage"]] == [
            ("refused", "sold out")
        ]


# -- what subscribers are told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_subscribers_are_told_of_orders_in_the_shapes_of_the_official_files(
    settings: Settings, version: str
) -> None:
    base = f"/tmf-api/productOrderingManagement/{version}"
    async with running(settings_of(settings.storage, hub=QUICK_ON_LOOPBACK)) as gateway, listening() as listener:
        body = {"callback": listener.url, **({"@type": "Hub"} if version == "v5" else {})}
        hub = await gateway.post(body, f"{base}/hub")
        assert hub.status_code == 201, hub.text
        made = await placed(gateway, version, requestedInitialState="draft")
        await patched(gateway, made, {"description": "new"}, version)
        await patched(gateway, made, {"state": "acknowledged"}, version)
        await gateway.work()
        await gateway.get(made["id"])
        asked = (await cancelled(gateway, made, version)).json()
        await gateway.work()
        live_orders(gateway.plain)[0]["state"] = "cancelled"
        await gateway.look_at_orders()
        await gateway.look_at_orders()
        assert (await gateway.client.delete(f"{base}/productOrder/{made['id']}")).status_code == 204
        expected = [
            ("ProductOrderCreateEvent", None),
            ("ProductOrderAttributeValueChangeEvent", None),
            ("ProductOrderStateChangeEvent", "acknowledged"),  # submitted: v4 has no word for what it was before
            ("ProductOrderAttributeValueChangeEvent", None),
            ("CancelProductOrderCreateEvent", None),
            ("ProductOrderStateChangeEvent", "assessingCancellation"),
            ("ProductOrderStateChangeEvent", "cancelled"),
            ("CancelProductOrderStateChangeEvent", "done"),
            ("ProductOrderDeleteEvent", None),
        ]
        async with delivery(gateway.services):
            await listener.until(len(expected))
        seen = []
        for each in listener.deliveries:
            document = each.document
            name = document["eventType"]
            assert each.path == f"/listener/{name[0].lower()}{name[1:]}"
            assert problems(version, name, document, "tmf622") == []
            subject = document["event"]["cancelProductOrder" if name.startswith("Cancel") else "productOrder"]
            assert subject["id"] == (asked if name.startswith("Cancel") else made)["id"]
            assert f"/{version}/" in subject["href"]
            seen.append((name, subject["state"] if "StateChange" in name else None))
        assert seen == expected


async def test_subscribers_are_told_what_the_order_system_says_beside_states(settings: Settings) -> None:
    # Notifications are looked at when they come, not a little later together.
    given = settings_of(settings.storage, hub=QUICK_ON_LOOPBACK, tracking=TrackingSettings(coalesce_seconds=0.0))
    async with running(given) as gateway, listening() as listener:
        made = await placed(gateway, "v5")
        await gateway.work()
        for version in ("v4", "v5"):
            body = {"callback": f"{listener.url}/{version}", "@type": "Hub"}
            assert (await gateway.post(body, f"/tmf-api/productOrderingManagement/{version}/hub")).status_code == 201
        for name, order_ in (
            ("ProductOrderMilestoneEvent", {"productOrderMilestone": [{"name": "site visit", "status": "Completed"}]}),
            ("ProductOrderJeopardyAlertEvent", {"productOrderJeopardyAlert": [{"message": "no technician"}]}),
            ("ProductOrderInformationRequiredEvent", {}),
        ):
            event = {"productOrder": {"id": "00000001", "state": "acknowledged", **order_}}
            if not order_:
                event["informationRequired"] = {"op": "add", "path": "/relatedParty"}  # type: ignore[dict-item]
            notification = {"eventId": name, "eventType": name, "event": event}
            answer = await gateway.post(notification, "/notifications/plain")
            assert answer.is_success, answer.text
        await gateway.look_at_orders()
        async with delivery(gateway.services):
            await listener.until(4)
        seen = {}
        for each in listener.deliveries:
            version = each.path.split("/")[1]
            name = each.document["eventType"]
            assert problems(version, name, each.document, "tmf622") == []
            seen[version, name] = each.document["event"]["productOrder"]
            assert seen[version, name]["id"] == made["id"]
        assert set(seen) == {
            ("v4", "ProductOrderInformationRequiredEvent"),
            ("v5", "ProductOrderInformationRequiredEvent"),
            ("v5", "ProductOrderMilestoneEvent"),
            ("v5", "ProductOrderJeopardyAlertEvent"),
        }
        assert "site visit" in seen["v5", "ProductOrderMilestoneEvent"]["productOrderMilestone"][0]["message"]
        assert (
            "no technician" in seen["v5", "ProductOrderJeopardyAlertEvent"]["productOrderJeopardyAlert"][0]["message"]
        )
