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
        ({"description": "for the new office"}, {"description": "for the new office"}),
        ({"requestedStartDate": "2026-12-01T00:00:00Z"}, {"requestedStartDate": "2026-12-01T00:00:00.000+0000"}),
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
