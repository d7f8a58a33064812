"""The page "From prospect to order", played over HTTP against the sandbox of each shipped mapping, block by block, to `completed`."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from checkout_gateway import CHECKOUTS, Gateway
from ordering_gateway import gateway_player
from ordering_play import shipped

PAGE = Path(__file__).parents[2] / "docs/how-to/from-prospect-to-order.md"
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
        player.gateway(mapping) as (gateway, _client),
    ):
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
        # Whatever number the customer was told finds the checkout.
        assert numbers
        for number in numbers:
            listed = (await gateway.client.get(f"{CHECKOUTS}?productOrder.id={number}")).json()
            assert [each["id"] for each in listed] == [done[0]["id"]]
    entries = [json.loads(line) for line in player.ledger.read_text("utf-8").splitlines()]
    submitted = [entry["order"] for entry in entries if entry["effect"] == "submitted"]
    if mapping.draft.supported:
        assert len(submitted) == len(set(submitted)) == 2
    assert {checkout["productOrder"]["id"] for checkout in done} <= {entry["order"] for entry in entries}
