"""The page "From prospect to order", played over HTTP against the sandbox of each shipped mapping, block by block, to `completed`."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from checkout_gateway import CHECKOUTS, Gateway
from hub_dispatch import subscription
from ordering_gateway import gateway_player
from ordering_play import shipped
from sqlalchemy import select

from gateway.hub.subscriptions import store
from gateway.settings import CheckoutSettings
from gateway.storage.tables import hub_event

PAGE = Path(__file__).parents[2] / "docs/how-to/from-prospect-to-order.md"
# The table of the events that a channel gets.
LISTED = set(re.findall(r"^\| `(\w+Event)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
BLOCKS = re.findall(r"^```http\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


async def play(gateway: Gateway, block: str, names: dict[str, str]) -> Any:
    """Send the request of a block; return the answer's document once its status is the one that the block says."""
    head, *rest = block.strip().split("\n")
    told = rest.pop().removeprefix("-> ").split(" ")
    method, path = filled(head, names).split(" ")
    body = filled("\n".join(rest), names)
    media_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    answer = await gateway.client.request(
        method, path, content=body.encode() or None, headers={"Content-Type": media_type} if body else {}
    )
    assert answer.status_code == int(told[0]), (block, answer.text)
    document = answer.json()
    if len(told) > 1:
        name = told[1].strip("{}")
        names[name] = document["shoppingCart"]["remainder"]["id"] if name == "rest" else document["id"]
    return document


async def listen(gateway: Gateway) -> None:
    """Subscribe to all that carts and checkouts tell."""
    for resource, version in (("shoppingCart", "v4"), ("checkout", "v1")):
        one = subscription(resource, tenant="default", resource=resource, version=version, fingerprint=resource)
        await gateway.services.database.write(lambda c, one=one: store.create(c, one, store.Bounds(10, 10)))


async def told(gateway: Gateway) -> set[str]:
    """Return the names of all events so far."""
    names = await gateway.services.database.read(
        lambda connection: connection.execute(select(hub_event.c.event_type).distinct()).scalars().all()
    )
    return set(names)


async def completed(gateway: Gateway, checkout_id: str) -> dict[str, Any]:
    """Follow the order until the sandbox has fulfilled it."""
    for _ in range(200):
        await gateway.look_at_orders()
        checkout = await gateway.get(checkout_id)
        if checkout["state"] == "completed":
            return checkout
        assert checkout["state"] == "submitted", checkout["statusReason"]
        await asyncio.sleep(0.05)
    raise AssertionError("the order was never fulfilled")


@pytest.mark.parametrize("name", ["salesforce-v4", "tmf622-v4", "tmf622-v5"])
async def test_both_use_cases_end_in_one_order_each(tmp_path: Path, name: str) -> None:
    mapping = shipped(name)
    async with (
        gateway_player(tmp_path, name, state_delay_seconds=0.05) as player,
        # Long enough for the whole burst of changes, however slow the machine is; the submission does not wait for it.
        player.gateway(mapping, checkout=CheckoutSettings(default_upstream="shop", redraft_seconds=600.0)) as (
            gateway,
            _client,
        ),
    ):
        await listen(gateway)
        names: dict[str, str] = {}
        numbers: set[str] = set()
        done: list[dict[str, Any]] = []
        for block in BLOCKS:
            if "checkout/{checkout}\n-> 200 {rest}" in block:
                done.append(await completed(gateway, names["checkout"]))
            before = dict(names)
            document = await play(gateway, block, names)
            if (
                before.get("checkout") != names.get("checkout")
                and mapping.order.party_required
                and not before.get("checkout")
            ):
                assert (document["state"], document["reason"]["code"]) == ("draft", "waiting_party")
            if "checkout" in block:
                # The channel goes on at once; the worker does what is due in between.
                await gateway.work()
                order = (await gateway.get(names["checkout"]))["productOrder"] if "checkout" in names else None
                numbers |= {order["id"]} if order and order["id"] and not done else set()
        found = await gateway.client.get(
            "/tmf-api/shoppingCart/v4/shoppingCart?relatedParty.id=CD000042&checkoutState=ordered"
        )
        assert names["rest"] in {cart["id"] for cart in found.json()}
        done.append(await completed(gateway, names["checkout"]))

        assert [len(checkout["item"]) for checkout in done] == [1, 1]
        assert done[0]["relatedParty"][0]["id"] == "CD000042"
        assert (done[0]["place"][0]["id"], done[0]["payment"][0]["id"]) == ("ADDRESS-7", "PAYMENT-7")
        for checkout in done:
            if checkout["productOrder"]["href"]:
                assert checkout["productOrder"]["href"].startswith(player.root.split("/", 3)[0] + "//")
        assert await told(gateway) == LISTED - (
            set() if mapping.order.party_required else {"CheckoutInformationRequiredEvent"}
        )
        # Whatever number the customer was told finds the checkout.
        assert numbers
        for number in numbers:
            listed = (await gateway.client.get(f"{CHECKOUTS}?productOrder.id={number}")).json()
            assert [each["id"] for each in listed] == [done[0]["id"]]
    entries = [json.loads(line) for line in player.ledger.read_text("utf-8").splitlines()]
    # One draft for all changes that follow each other; before the customer is known none, where the order system demands it.
    created = [entry["order"] for entry in entries if entry["effect"] == "created"]
    built_before = mapping.draft.supported and not mapping.order.party_required
    assert len(created) == len(set(created)) == (3 if built_before else 2)
    submitted = [entry["order"] for entry in entries if entry["effect"] == "submitted"]
    if mapping.draft.supported:
        assert len(submitted) == len(set(submitted)) == 2
    assert {checkout["productOrder"]["id"] for checkout in done} <= {entry["order"] for entry in entries}
