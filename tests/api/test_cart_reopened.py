"""Carts that are open again once their order is live (`checkout.ordered_cart = "reopen"`): one cart for each customer, for ever."""

from __future__ import annotations

from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway, running, set_columns, settings_of
from checkout_work import request

from gateway.checkouts.stored import store
from gateway.settings import CheckoutSettings, Settings, StorageSettings

REOPEN = CheckoutSettings(ordered_cart="reopen")


def item(item_id: str, **more: Any) -> dict[str, Any]:
    price = {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": int(item_id)}}}
    return {
        "id": item_id,
        "action": "add",
        "quantity": 1,
        "productOffering": {"id": f"P{item_id}"},
        "itemPrice": [price],
        **more,
    }


def settings(storage: StorageSettings) -> Settings:
    return settings_of(storage, checkout=REOPEN)


async def check_out(gateway: Gateway, cart_id: str, **more: Any) -> dict[str, Any]:
    answer = await gateway.post({**request(), "shoppingCart": {"id": cart_id}, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def cart_of(gateway: Gateway, cart_id: str) -> dict[str, Any]:
    return (await gateway.client.get(f"{CARTS}/{cart_id}")).json()


def ids(cart: dict[str, Any]) -> list[str]:
    return [each["id"] for each in cart.get("cartItem", [])]


async def change(gateway: Gateway, checkout: dict[str, Any], **columns: Any) -> None:
    """Let a checkout become what its order system says."""
    record = await gateway.record(checkout["id"])
    await gateway.services.database.write(lambda c: store.change(c, record, columns, record.updated_at))


async def test_the_same_cart_is_ordered_part_by_part(storage):
    async with running(settings(storage)) as gateway:
        cart_id = await gateway.new_cart({"cartItem": [item("1"), item("2", status="saveForLater")]})
        first = await check_out(gateway, cart_id)
        assert (await cart_of(gateway, cart_id))["checkoutState"] == "inCheckout"
        await gateway.work()

        cart = await cart_of(gateway, cart_id)
        assert (cart["checkoutState"], cart.get("checkout"), ids(cart)) == ("open", None, ["2"])
        shown = (await gateway.get(first))["shoppingCart"]
        assert (shown["id"], shown["remainder"]["id"]) == (cart_id, cart_id)
        active = {"cartItem": [item("2", status="active"), item("3")]}
        assert (await gateway.client.patch(f"{CARTS}/{cart_id}", json=active)).status_code == 200
        second = await check_out(gateway, cart_id)
        await gateway.work()

        cart = await cart_of(gateway, cart_id)
        assert (cart["checkoutState"], ids(cart)) == ("open", [])
        listed = (await gateway.client.get(f"{CHECKOUTS}?shoppingCart.id={cart_id}")).json()
        assert [each["id"] for each in listed] == [second["id"], first["id"]]
        assert [[line["cartItemId"] for line in each["item"]] for each in listed] == [["2", "3"], ["1"]]
        assert len({each["productOrder"]["id"] for each in listed}) == 2
        assert (await gateway.client.delete(f"{CARTS}/{cart_id}")).status_code == 204


async def test_an_order_that_came_to_nothing_gives_back_what_was_ordered(storage):
    async with running(settings(storage)) as gateway:
        cart_id = await gateway.new_cart({"cartItem": [item("1"), item("2", status="saveForLater"), item("4")]})
        checkout = await check_out(gateway, cart_id)
        await gateway.work()
        patch = {"cartItem": [item("2", status="saveForLater"), item("4", quantity=7)]}
        assert (await gateway.client.patch(f"{CARTS}/{cart_id}", json=patch)).status_code == 200
        await change(gateway, checkout, state="cancelled", order_state="cancelled")

        cart = await cart_of(gateway, cart_id)
        assert (cart["checkoutState"], ids(cart)) == ("open", ["1", "2", "4"])
        assert cart["cartItem"][2]["quantity"] == 7


async def test_a_cart_that_is_checked_out_by_then_stays_as_it_is(storage):
    async with running(settings(storage)) as gateway:
        cart_id = await gateway.new_cart({"cartItem": [item("1"), item("2", status="saveForLater")]})
        first = await check_out(gateway, cart_id)
        await gateway.work()
        await gateway.client.patch(f"{CARTS}/{cart_id}", json={"cartItem": [item("2", status="active")]})
        second = await check_out(gateway, cart_id, submit=False)
        await change(gateway, first, state="cancelled", order_state="cancelled")

        cart = await cart_of(gateway, cart_id)
        assert (cart["checkoutState"], cart["checkout"]["id"], ids(cart)) == ("inCheckout", second["id"], ["2"])


async def test_a_checkout_that_is_held_afterwards_has_nothing_to_do_with_the_cart(storage):
    async with running(settings(storage)) as gateway:
        cart_id = await gateway.new_cart({"cartItem": [item("1")]})
        first = await check_out(gateway, cart_id)
        await gateway.work()
        await set_columns(gateway, first, state="held", reason_code="contents_differ")
        assert "retry" in (await gateway.get(first))["actions"]
        assert (await gateway.client.patch(f"{CARTS}/{cart_id}", json={"cartItem": [item("3")]})).status_code == 200

        second = await check_out(gateway, cart_id)
        await gateway.work()
        assert (await gateway.get(second))["state"] == "submitted"
        assert ids(await cart_of(gateway, cart_id)) == []


@pytest.mark.parametrize("submit", [True, False])
async def test_a_draft_that_is_cancelled_leaves_the_cart_whole(storage, submit):
    async with running(settings(storage)) as gateway:
        cart_id = await gateway.new_cart({"cartItem": [item("1"), item("2", status="saveForLater")]})
        checkout = await check_out(gateway, cart_id, submit=submit)
        assert (await gateway.client.post(f"{CHECKOUTS}/{checkout['id']}/cancel")).status_code == 202
        await gateway.work()

        cart = await cart_of(gateway, cart_id)
        assert (cart["checkoutState"], ids(cart)) == ("open", ["1", "2"])
