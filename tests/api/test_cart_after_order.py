"""Carts after the order: what they say of themselves, and where the items go on that were saved for later."""

from __future__ import annotations

from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway, act, assert_conflict, assert_error
from checkout_work import request

V1, V5 = "/shoppingCart/v1/shoppingCart", "/tmf-api/shoppingCart/v5/shoppingCart"
PARTY = {"id": "CD1", "role": "customer", "@referredType": "Individual"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


def item(item_id: str, code: str, **more: Any) -> dict[str, Any]:
    return {"id": item_id, "action": "add", "quantity": 1, "productOffering": {"id": code}, **more}


def wishes() -> dict[str, Any]:
    """A phone to be ordered with a case inside that is saved, and a tablet that is saved with its cover."""
    return {
        "relatedParty": [PARTY],
        "cartItem": [
            item("1", "PHONE", cartItem=[item("2", "CASE", status="saveForLater")]),
            item("3", "TABLET", status="saveForLater", cartItem=[item("4", "COVER")]),
            item(
                "5",
                "PEN",
                status="saveForLater",
                cartItemRelationship=[
                    {"id": "1", "relationshipType": "usedWith"},
                    {"id": "3", "relationshipType": "usedWith"},
                ],
            ),
        ],
    }


async def check_out(gateway: Gateway, cart_id: str, **more: Any) -> dict[str, Any]:
    answer = await gateway.post({**request(), "shoppingCart": {"id": cart_id}, **more})
    assert answer.status_code == 202, answer.text
    checkout: dict[str, Any] = answer.json()
    return checkout


async def found(gateway: Gateway, query: str, path: str = CARTS) -> list[str]:
    answer = await gateway.client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return sorted(cart["id"] for cart in answer.json())


@pytest.mark.parametrize("path", [CARTS, V1, V5])
async def test_a_cart_says_where_it_is(gateway: Gateway, path: str) -> None:
    cart_id = await gateway.new_cart({"relatedParty": [PARTY], "cartItem": [item("1", "PHONE")]})
    other = await gateway.new_cart({"relatedParty": [PARTY], "cartItem": [item("1", "PHONE")]})

    async def shown() -> tuple[dict[str, Any], str]:
        answer = await gateway.client.get(f"{path}/{cart_id}")
        listed = await gateway.client.get(f"{path}?id={cart_id}&fields=checkoutState,checkout")
        whole = answer.json()
        for name in ("checkoutState", "checkout"):
            assert listed.json()[0].get(name) == whole.get(name)
        return whole, answer.headers["etag"]

    cart, first = await shown()
    assert (cart["checkoutState"], cart.get("checkout")) == ("open", None)
    checkout = await check_out(gateway, cart_id)
    held_by = {"id": checkout["id"], "href": f"http://gateway.test{CHECKOUTS}/{checkout['id']}"}
    cart, second = await shown()
    assert (cart["checkoutState"], cart["checkout"]) == ("inCheckout", held_by)
    await gateway.work()
    cart, third = await shown()
    assert (cart["checkoutState"], cart["checkout"]) == ("ordered", held_by)
    # Whoever asks whether it changed is told so each time.
    assert len({first, second, third}) == 3
    again = await gateway.client.get(f"{path}/{cart_id}", headers={"If-None-Match": second})
    assert again.status_code == 200
    assert (await gateway.client.get(f"{path}/{cart_id}", headers={"If-None-Match": third})).status_code == 304
    for query, carts in (
        ("checkoutState=open", [other]),
        ("checkoutState=ordered", [cart_id]),
        ("checkoutState=inCheckout", []),
        ("checkoutState=open,ordered", sorted([other, cart_id])),
        (f"checkout.id={checkout['id']}", [cart_id]),
        ("relatedParty.id=CD1&checkoutState=open", [other]),
    ):
        assert await found(gateway, query, path if "relatedParty" not in query else CARTS) == carts, query


@pytest.mark.parametrize(
    "query", ["checkoutState=closed", "checkoutState.regex=o", "checkoutState=open;id=3", "checkout.href=x"]
)
async def test_what_cannot_be_asked_of_the_state_is_refused(gateway: Gateway, query: str) -> None:
    assert_error(await gateway.client.get(f"{CARTS}?{query}"), 400, "checkout")


async def test_only_the_server_says_where_a_cart_is(gateway: Gateway) -> None:
    cart_id = await gateway.new_cart(
        {"checkoutState": "ordered", "checkout": {"id": "k"}, "cartItem": [item("1", "A")]}
    )
    address = f"{CARTS}/{cart_id}"
    await gateway.client.patch(address, json={"checkoutState": "ordered", "checkout": {"id": "k"}, "color": "red"})
    operations = [
        {"op": "add", "path": "/checkoutState", "value": "ordered"},
        {"op": "add", "path": "/size", "value": 1},
    ]
    changed = await gateway.client.patch(
        address, json=operations, headers={"Content-Type": "application/json-patch+json"}
    )
    assert changed.status_code == 200
    cart = (await gateway.client.get(address)).json()
    assert (cart["checkoutState"], cart.get("checkout")) == ("open", None)
    assert (cart["color"], cart["size"]) == ("red", 1)


async def test_what_was_saved_for_later_goes_on_in_a_cart_that_can_be_used(gateway: Gateway) -> None:
    cart_id = await gateway.new_cart(wishes())
    checkout = await check_out(gateway, cart_id, submit=False)
    await gateway.work()
    # A draft may still be cancelled: nothing moves before the order is live.
    assert "remainder" not in (await gateway.get(checkout))["shoppingCart"]
    await act(gateway, checkout, "submit")
    await gateway.work()

    rest = (await gateway.get(checkout))["shoppingCart"]["remainder"]

    assert await found(gateway, "relatedParty.id=CD1&checkoutState=open") == [rest["id"]]
    cart = (await gateway.client.get(rest["href"])).json()
    assert (cart["id"], cart["href"]) == (rest["id"], rest["href"])
    assert [(entry["id"], entry["status"]) for entry in cart["cartItem"]] == [
        ("2", "saveForLater"),
        ("3", "saveForLater"),
        ("5", "saveForLater"),
    ]
    assert [entry["id"] for entry in cart["cartItem"][1]["cartItem"]] == ["4"]
    assert [entry["id"] for entry in cart["cartItem"][2]["cartItemRelationship"]] == ["3"]
    assert cart["relatedParty"] == [PARTY]
    # The rest is ordered as any cart is; the items were chosen by a patch of their status.
    active = [{**entry, "status": "active"} for entry in cart["cartItem"]]
    assert (await gateway.client.patch(rest["href"], json={"cartItem": active})).status_code == 200
    second = await check_out(gateway, rest["id"], upstream="plain")
    await gateway.work()
    done = await gateway.get(second)
    assert (done["state"], [line["cartItemId"] for line in done["item"]]) == ("submitted", ["2", "3", "4", "5"])
    assert "remainder" not in done["shoppingCart"]


async def test_no_cart_is_made_where_nothing_was_saved(gateway: Gateway) -> None:
    checkout = await gateway.check_out()
    await gateway.work()
    assert "remainder" not in (await gateway.get(checkout))["shoppingCart"]
    assert await found(gateway, "checkoutState=open") == []


async def test_an_order_that_ends_as_cancelled_gives_back_what_was_ordered_and_nothing_twice(gateway: Gateway) -> None:
    cart_id = await gateway.new_cart(wishes())
    checkout = await check_out(gateway, cart_id)
    await gateway.work()
    rest = (await gateway.get(checkout))["shoppingCart"]["remainder"]["id"]
    closed = await gateway.post(
        {"reason": "the shop said so", "outcome": "cancelled", "override": True}, f"{CHECKOUTS}/{checkout['id']}/close"
    )
    if closed.status_code != 200:  # the order is live: it is cancelled there first
        next(iter(gateway.shop.orders.values()))["state"] = "Cancelled"
        await gateway.look_at_orders()
        await gateway.look_at_orders()
    assert (await gateway.get(checkout))["state"] == "cancelled"
    free = (await gateway.client.get(f"{CARTS}/{cart_id}")).json()
    assert free["checkoutState"] == "open"
    assert [entry["id"] for entry in free["cartItem"]] == ["1"]
    assert free["cartItem"][0].get("cartItem", []) == []
    assert await found(gateway, "checkoutState=open") == sorted([cart_id, rest])


async def test_an_ordered_cart_says_how_to_go_on(gateway: Gateway) -> None:
    cart_id, guest = await gateway.new_cart(wishes()), await gateway.new_cart({"cartItem": [item("1", "A")]})
    checkout = await check_out(gateway, cart_id)
    await gateway.work()
    rest = (await gateway.get(checkout))["shoppingCart"]["remainder"]["id"]
    merge = {"shoppingCart": {"id": guest}}
    refused = [
        await gateway.client.patch(f"{CARTS}/{cart_id}", json={"color": "red"}),
        await gateway.client.post(f"{CARTS}/{cart_id}/merge", json=merge),
        await gateway.client.post(f"{CARTS}/{guest}/merge", json={"shoppingCart": {"id": cart_id}}),
        await gateway.client.delete(f"{CARTS}/{cart_id}"),
        await gateway.post({**request(), "shoppingCart": {"id": cart_id}}),
    ]
    for answer in refused:
        assert_conflict(answer, "ordered", f"cart {rest}")
        assert answer.json()["shoppingCart"]["remainder"]["id"] == rest
    # What they say works: the guest's cart goes into the rest.
    merged = await gateway.client.post(f"{CARTS}/{rest}/merge", json=merge)
    assert merged.status_code == 200
    assert len(merged.json()["cartItem"]) == 4


async def test_a_cart_that_is_being_checked_out_says_to_cancel_that(gateway: Gateway) -> None:
    cart_id = await gateway.new_cart(wishes())
    await check_out(gateway, cart_id)
    answer = await gateway.client.patch(f"{CARTS}/{cart_id}", json={"color": "red"})
    assert_conflict(answer, "cancel the checkout")
    assert "shoppingCart" not in answer.json()
