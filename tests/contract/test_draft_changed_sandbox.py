"""A draft whose checkout is changed, over sockets: the order system gets a new draft with the new header, and the old one is
marked by a PATCH that holds header attributes and nothing else.
"""

from __future__ import annotations

import json

import httpx
import pytest
from checkout_gateway import CHECKOUTS
from ordering_gateway import gateway_player
from ordering_play import shipped

from gateway.settings import SubmissionSettings

CART = {
    "cartItem": [
        {"id": str(number), "action": "add", "quantity": 1, "productOffering": {"id": f"PLAN_{number}"}}
        for number in range(3)
    ]
}


def trail(ledger, order):
    entries = [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]
    return [entry for entry in entries if entry["order"] == order]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"note": [{"text": "ring twice"}]}, {"note": "text:ring twice"}),
        ({"channel": [{"id": "shop", "name": "Shop"}]}, {"channel": [{"id": "shop", "name": "Shop"}]}),
        ({"relatedParty": [{"id": "CD2", "role": "customer"}]}, {"relatedParty": "CD2"}),
    ],
    ids=lambda value: next(iter(value)),
)
async def test_the_new_draft_has_the_new_header_and_the_old_one_a_header_only_patch(tmp_path, change, shown):
    (name,) = change
    submission = SubmissionSettings(cleanup_seconds=(0.0,))
    async with gateway_player(tmp_path, "salesforce-v4") as player:
        mapping = shipped("salesforce-v4", items_max=2)
        async with player.gateway(mapping, submission=submission) as (gateway, client), httpx.AsyncClient() as shop:
            body = {"shoppingCart": CART, "relatedParty": [{"id": "CD1", "role": "customer"}], "submit": False}
            answer = await gateway.post(body)
            assert answer.status_code == 202, answer.text
            await gateway.work()
            before = await gateway.get(answer.json()["id"])
            assert before["state"] == "draft", before["statusReason"]
            old = before["productOrder"]["id"]
            drafted = trail(player.ledger, old)
            merge_patch = {"Content-Type": "application/merge-patch+json"}
            answer = await gateway.client.patch(f"{CHECKOUTS}/{before['id']}", json=change, headers=merge_patch)
            assert answer.status_code == 200, answer.text
            await gateway.work()
            after = await gateway.get(before["id"])
            assert after["state"] == "draft", after["statusReason"]
            new = after["productOrder"]["id"]
            assert new != old
            document = (await shop.get(f"{player.root}/{mapping.api.resource}/{new}")).json()
            kept = document[name][0]["id"] if name == "relatedParty" else document[name]
            assert {name: kept} == shown
            assert await gateway.cleanup().once() == 1
            assert (await gateway.client.post(f"{CHECKOUTS}/{before['id']}/submit")).status_code == 202
            await gateway.work()
            assert (await gateway.get(before["id"]))["state"] == "submitted"
    (void,) = [call for call in client.calls if call.kind == "abandon"]
    assert set(json.loads(void.body)) == {"externalId", "description"}
    assert (void.method, void.path) == ("PATCH", f"{mapping.api.resource}/{old}")
    told = trail(player.ledger, old)
    assert [entry["effect"] for entry in told] == ["created", "changed", "changed"]
    assert told[-1]["externalId"].startswith("void-gw1-")
    assert told[-1]["lines"] == drafted[-1]["lines"] != []
    assert [entry["effect"] for entry in trail(player.ledger, new)] == ["created", "changed", "submitted"]


@pytest.mark.parametrize(
    ("name", "date"), [("salesforce-v4", "2026-12-01T00:00:00.000+0000"), ("tmf622-v5", "2026-12-01T00:00:00Z")]
)
async def test_a_change_of_the_header_alone_is_a_patch_of_the_draft_that_is_there(tmp_path, name, date):
    async with gateway_player(tmp_path, name) as player:
        mapping = shipped(name, items_max=2)
        async with player.gateway(mapping) as (gateway, client), httpx.AsyncClient() as shop:
            body = {"shoppingCart": CART, "relatedParty": [{"id": "CD1", "role": "customer"}], "submit": False}
            checkout = (await gateway.post({**body, "description": "first"})).json()
            await gateway.work()
            order = (await gateway.get(checkout))["productOrder"]["id"]
            path = f"{CHECKOUTS}/{checkout['id']}"
            # Two changes that follow each other are one call; a third one, later, is another.
            for change in (
                {"description": "second"},
                {"description": "third", "requestedStartDate": "2026-12-01T00:00:00Z"},
            ):
                answer = await gateway.client.patch(path, json=change)
                assert (answer.status_code, answer.json()["state"]) == (200, "drafting")
            await gateway.work()
            between = await gateway.get(checkout)
            assert (await gateway.client.patch(path, json={"description": "fourth"})).status_code == 200
            await gateway.work()
            after = await gateway.get(checkout)

            for shown in (between, after):
                assert (shown["state"], shown["productOrder"]["id"], shown["abandonedOrder"]) == ("draft", order, [])
                assert shown["reason"]["code"] == "waiting_client"
            kinds = ["create", "add", "header", "header", "submit"]
            assert [step["kind"] for step in after["step"]] == kinds
            assert [step["state"] for step in after["step"]] == [*["done"] * 4, "planned"]
            assert after["progress"] == {"stepsTotal": 5, "stepsDone": 4}
            document = (await shop.get(f"{player.root}/{mapping.api.resource}/{order}")).json()
            assert (document["description"], document["requestedStartDate"]) == ("fourth", date)
            assert (await gateway.client.post(f"{path}/submit")).status_code == 202
            await gateway.work()
            ordered = await gateway.get(checkout)
            assert (ordered["state"], ordered["productOrder"]["id"]) == ("submitted", order)
    assert [call.kind for call in client.calls] == kinds
    assert {entry["order"] for entry in trail(player.ledger, order)} == {order}
    assert len({json.loads(line)["order"] for line in player.ledger.read_text("utf-8").splitlines()}) == 1


async def test_what_is_taken_out_of_the_header_makes_a_new_draft(tmp_path):
    async with (
        gateway_player(tmp_path, "salesforce-v4") as player,
        player.gateway(shipped("salesforce-v4")) as (gateway, _client),
    ):
        body = {"shoppingCart": CART, "relatedParty": [{"id": "CD1", "role": "customer"}], "submit": False}
        checkout = (await gateway.post({**body, "description": "first"})).json()
        await gateway.work()
        answer = await gateway.client.patch(
            f"{CHECKOUTS}/{checkout['id']}",
            json={"description": None},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.status_code == 200
        await gateway.work()
        assert len((await gateway.get(checkout))["abandonedOrder"]) == 1
