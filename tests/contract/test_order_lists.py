"""Lists of orders on both databases: what was ordered is found alike, whether it came ready or of a cart."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from checkout_gateway import Gateway, running, settings_of
from official_files import official_document
from partner_orders import V4, V5, order, order_v5

from gateway.settings import StorageSettings


async def ids(gateway: Gateway, path: str) -> list[str]:
    answer = await gateway.client.get(path)
    assert answer.is_success, answer.text
    return [each["id"] for each in answer.json()]


async def test_orders_are_found_by_what_was_ordered_by_state_and_by_time(storage: StorageSettings) -> None:
    async with running(settings_of(storage)) as gateway:
        ready = (await gateway.post(order(externalId="B", category="a", mine={"x": 1}), V4)).json()["id"]
        draft = (await gateway.post(order_v5(requestedInitialState="draft"), V5)).json()["id"]
        cart = {
            "category": "b",
            "cartItem": [{"id": "1", "action": "add", "quantity": 9, "productOffering": {"id": "P1"}}],
        }
        checkout = await gateway.post(
            {
                "shoppingCart": {"id": await gateway.new_cart(cart)},
                "upstream": "plain",
                "category": "c",
                "relatedParty": [{"id": "CD1", "role": "customer"}],
            }
        )
        of_cart = checkout.json()["id"]
        await gateway.work()
        for query, found in (
            ("", [of_cart, draft, ready]),
            ("productOrderItem.productOffering.id=P1", [of_cart, draft, ready]),
            ("productOrderItem.productOrderItem.productOffering.id=P2", [ready]),
            ("productOrderItem.quantity.gte=9", [of_cart]),
            ("relatedParty.id=CD1", [of_cart, draft, ready]),
            ("category=a", [ready]),
            ("category=b", []),  # the request's attribute is sent in the place of the cart's
            ("category=c,a", [of_cart, ready]),
            ("mine.x=1", [ready]),
            ("state=acknowledged", [of_cart, draft, ready]),
            ("orderDate.gte=2020-01-01&sort=orderDate", [ready, draft, of_cart]),
            ("orderDate.lt=2020-01-01", []),
            ("externalId=B&limit=1", [ready]),
            ("upstreamOrder.upstream=plain&upstreamOrder.state=acknowledged", [of_cart, ready]),
        ):
            assert await ids(gateway, f"{V4}?{query}") == found, query
        for query, found in (
            ("state=draft", [draft]),
            ("relatedParty.partyOrPartyRole.id=CD1&state=draft", [draft]),
            ("channel.channel.id=web", [draft]),
            ("creationDate.gte=2020-01-01", [of_cart, draft, ready]),
        ):
            assert await ids(gateway, f"{V5}?{query}") == found, query


async def test_one_external_id_is_one_order_however_many_ask_at_once(storage: StorageSettings) -> None:
    async with running(settings_of(storage)) as gateway:
        answers = await asyncio.gather(*(gateway.post(order(externalId="X"), V4) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1


def examples_of(name: str) -> dict[str, Any]:
    """Return the official examples of a request's body in v5, dates as text."""
    document = official_document("tmf622_v5")

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = document if "$ref" in node else node
        for part in node.get("$ref", "").split("/")[1:]:
            found = found[part]
        return found

    body = resolved(document["paths"][name]["post"]["requestBody"])
    examples = body["content"]["application/json"]["examples"]
    found = {key: resolved(each).get("value", resolved(each)) for key, each in examples.items()}
    text: dict[str, Any] = json.loads(json.dumps(found, default=lambda value: value.isoformat().replace("+00:00", "Z")))
    return text


async def test_the_official_examples_of_orders_are_taken(storage: StorageSettings) -> None:
    async with running(settings_of(storage)) as gateway:
        taken = {}
        for name, example in examples_of("/productOrder").items():
            answer = await gateway.post({**example, "upstream": "plain"}, V5)
            taken[name] = answer.status_code
            if answer.status_code == 400:
                # What the file's own schema forbids: an expression that is not text, a period that ends before it starts.
                assert all(".intent." in each["path"] for each in answer.json()["problem"])
        assert sorted(taken.values()) == [201, 201, 400]
