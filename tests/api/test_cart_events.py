"""What subscribers are told of changes and merges of carts, over sockets: which attributes, which carts, and nothing that was not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from application_runs import started
from hub_listener import QUICK_ON_LOOPBACK, Delivery, Listener, listening
from official_cart_schemas import problems

from gateway.app import GatewayApp, create_app
from gateway.hub.delivery.service import delivery
from gateway.settings import Settings, StorageSettings

BASES = {"v1": "/shoppingCart/v1", "v4": "/tmf-api/shoppingCart/v4", "v5": "/tmf-api/shoppingCart/v5"}
V4 = f"{BASES['v4']}/shoppingCart"
PARTY = {"id": "42", "role": "customer", "@referredType": "Customer"}
EMAIL = {"mediumType": "email", "characteristic": {"emailAddress": "guest@example.org"}}


@pytest.fixture
async def app(sqlite_url: str) -> AsyncIterator[GatewayApp]:
    settings = Settings(storage=StorageSettings(url=sqlite_url, readers_max=2), hub=QUICK_ON_LOOPBACK)
    async with started(create_app(settings, background=[delivery])) as application:
        yield application


def item(item_id: str, **more: Any) -> dict[str, Any]:
    price = {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}
    return {"id": item_id, "action": "add", "quantity": 1, "itemPrice": [price], **more}


async def made(client: httpx.AsyncClient, **cart: Any) -> dict[str, Any]:
    answer = await client.post(V4, json=cart)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def subscribe(client: httpx.AsyncClient, listener: Listener, version: str, query: str | None = None) -> None:
    answer = await client.post(f"{BASES[version]}/hub", json={"callback": listener.url, "query": query})
    assert answer.status_code == 201, answer.text


def told(deliveries: list[Delivery]) -> list[tuple[str, str, str | None]]:
    """Return the kind, the cart and the `fieldPath` of each event."""
    return [
        (
            each.document["eventType"].removeprefix("ShoppingCart"),
            each.document["event"]["shoppingCart"]["id"],
            each.document.get("fieldPath"),
        )
        for each in deliveries
    ]


async def test_a_change_names_what_changed_in_v4_and_v5(client: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        listeners = {version: await stack.enter_async_context(listening()) for version in BASES}
        for version, listener in listeners.items():
            await subscribe(client, listener, version)
        path = f"{V4}/{(await made(client, cartItem=[item('1')]))['id']}"
        for patch in (
            {"contactMedium": [EMAIL]},
            {"cartItem": [item("1", quantity=2)], "relatedParty": [PARTY]},
            {"vendor": {"a": 1}},
        ):
            assert (await client.patch(path, json=patch)).status_code == 200
        found = {version: told(await listener.until(4)) for version, listener in listeners.items()}

    for version in ("v4", "v5"):
        paths = [field_path for _, _, field_path in found[version]]
        assert paths == [None, "contactMedium", "cartItem,relatedParty", "vendor"]
    assert all(field_path is None for _, _, field_path in found["v1"])


async def test_a_subscription_can_ask_for_changes_of_the_items_alone(client: httpx.AsyncClient) -> None:
    async with listening() as listener:
        await subscribe(client, listener, "v4", "fieldPath.regex=.*cartItem.*")
        path = f"{V4}/{(await made(client, cartItem=[item('1')]))['id']}"
        for patch in (
            {"contactMedium": []},
            {"relatedParty": [PARTY], "cartItem": [item("1", quantity=3)]},
            {"relatedParty": []},
            {"cartItem": []},
        ):
            assert (await client.patch(path, json=patch)).status_code == 200
        deliveries = await listener.until(2)

    assert [field_path for _, _, field_path in told(deliveries)] == ["cartItem,relatedParty", "cartItem"]


@pytest.mark.parametrize("version", BASES)
async def test_a_merge_tells_of_the_cart_that_stays_and_of_the_one_that_went_into_it(
    client: httpx.AsyncClient, version: str
) -> None:
    saved = await made(client, relatedParty=[PARTY], cartItem=[item("1")])
    guest = await made(client, contactMedium=[EMAIL], cartItem=[item("1"), item("2")])
    async with listening() as listener:
        # From now on: the two carts are older than the subscription.
        await subscribe(client, listener, version)
        merge = f"{BASES[version]}/shoppingCart/{saved['id']}/merge"
        body = {"shoppingCart": {"id": guest["id"]}}
        refused = await client.post(merge, json=body, headers={"if-match": '"9"'})
        merged = await client.post(merge, json=body)
        again = await client.post(merge, json=body)
        last = await made(client)
        deliveries = await listener.until(2 if version == "v1" else 3)

    assert [answer.status_code for answer in (refused, merged, again)] == [412, 200, 422]
    if version == "v1":
        # R17 has no word for the end of a cart.
        assert told(deliveries) == [
            ("ChangeNotification", saved["id"], None),
            ("CreationNotification", last["id"], None),
        ]
    else:
        by_cart = {cart_id: (kind, field_path) for kind, cart_id, field_path in told(deliveries)}
        assert by_cart == {
            saved["id"]: ("AttributeValueChangeEvent", "cartItem,contactMedium"),
            guest["id"]: ("DeleteEvent", None),
            last["id"]: ("CreateEvent", None),
        }
    (changed,) = (each for each in deliveries if each.document["event"]["shoppingCart"]["id"] == saved["id"])
    cart = merged.json()
    cart.pop("creationDate", None)
    assert changed.document["event"]["shoppingCart"] == cart
    assert len(cart["cartItem"]) == 3


async def test_a_cart_of_r17_is_told_to_v4_with_all_that_its_file_demands(client: httpx.AsyncClient) -> None:
    price = {"priceType": "recurring", "price": {}, "priceAlteration": [{"name": "off"}]}
    cart = {"cartItem": [{"id": "1", "action": "add", "itemPrice": [price]}], "relatedParty": [{"name": "A Customer"}]}
    async with listening() as listener:
        await subscribe(client, listener, "v4")
        sent = (await client.post(f"{BASES['v1']}/shoppingCart", json=cart)).json()
        await client.patch(f"{V4}/{sent['id']}", json={"relatedParty": [PARTY]})
        created, changed = [each.document["event"]["shoppingCart"] for each in await listener.until(2)]

    for told_cart in (created, changed):
        assert not problems("v4", "ShoppingCart", told_cart)
        assert told_cart["cartItem"][0]["itemPrice"][0]["priceAlteration"] == [
            {"name": "off", "price": {}, "priceType": "recurring"}
        ]
    assert created["relatedParty"] == [{"id": "", "name": "A Customer", "@referredType": "Party"}]
    assert changed["relatedParty"] == [PARTY]
