"""Identifiers that are written as numbers, as many senders do, are read as texts: stored so, and told where the cart is sent whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway, running, settings_of
from click.testing import CliRunner

from gateway.carts.dialects import DIALECTS
from gateway.cli import main
from gateway.settings import Settings

ITEMS: list[dict[str, Any]] = [
    {"id": 1, "action": "add", "quantity": 1, "productOffering": {"id": 7}},
    {"id": 2, "action": "add", "quantity": 1, "productOffering": {"id": 8}, "own": {"id": 5}},
]
V4: dict[str, Any] = {
    "relatedParty": [{"id": 42, "role": "customer", "@referredType": "Customer"}],
    "cartItem": [ITEMS[0], {**ITEMS[1], "cartItemRelationship": [{"id": 1, "relationshipType": "childOf"}]}],
}
R17: dict[str, Any] = {
    "relatedParty": [{"id": 42, "role": "customer"}],
    "cartItem": [ITEMS[0], {**ITEMS[1], "cartItemRelationship": [{"id": 1, "type": "childOf"}]}],
}
PARTY_V5 = {"@type": "PartyRef", "@referredType": "Customer", "id": 42}
V5: dict[str, Any] = {
    "@type": "ShoppingCart",
    "relatedParty": [{"@type": "RelatedPartyRefOrPartyRoleRef", "role": "customer", "partyOrPartyRole": PARTY_V5}],
    "cartItem": [
        {**item, "@type": "CartItem", "productOffering": {**item["productOffering"], "@type": "ProductOfferingRef"}}
        for item in ITEMS
    ],
}
CARTS_BY_VERSION = {"v1": R17, "v4": V4, "v5": V5}
PARTY_PATH = {
    "v1": "relatedParty[0].id",
    "v4": "relatedParty[0].id",
    "v5": "relatedParty[0].partyOrPartyRole.id",
}


def ids_in(value: Any) -> list[Any]:
    """Return every `id` of a document but those of attributes of the client's own."""
    if isinstance(value, dict):
        own = [inner for name, inner in value.items() if name == "id"]
        return own + [found for name, inner in value.items() if name != "own" for found in ids_in(inner)]
    return [found for entry in value for found in ids_in(entry)] if isinstance(value, list) else []


async def previewed(gateway: Gateway, cart: dict[str, Any]) -> dict[str, Any]:
    answer = await gateway.post({"shoppingCart": cart, "upstream": "plain"}, f"{CHECKOUTS}/preview")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize("version", CARTS_BY_VERSION)
async def test_numbers_for_ids_are_read_as_texts_in_every_version(
    settings: Settings, tmp_path: Path, version: str
) -> None:
    cart = CARTS_BY_VERSION[version]
    async with running(settings_of(settings.storage)) as gateway:
        posted = await gateway.post(cart, DIALECTS[version].carts_path)
        assert posted.status_code == 201, posted.text
        stored = await previewed(gateway, {"id": posted.json()["id"]})
        whole = await previewed(gateway, cart)

    shown = posted.json()
    assert all(isinstance(each, str) for each in ids_in(shown))
    assert shown["cartItem"][1]["own"] == {"id": 5}, "what is the client's own stays as it was sent"
    assert ids_in(whole["order"]["productOrderItem"]) == ids_in(stored["order"]["productOrderItem"])
    assert all(isinstance(each, str) for each in ids_in(whole["order"]))
    told = {finding["path"] for finding in whole["finding"] if finding["code"] == "converted"}
    assert {"cartItem[0].id", "cartItem[1].productOffering.id", PARTY_PATH[version]} <= told
    assert not [finding for finding in stored["finding"] if finding["code"] == "converted"]

    file = tmp_path / "cart.json"
    file.write_text(json.dumps(cart), encoding="utf-8")
    dry = CliRunner().invoke(main, ["translate", str(file), "--mapping", "tmf622-v4", "--format", "json"])
    assert dry.exit_code == 0, dry.output
    assert ids_in(json.loads(dry.stdout)["order"]) == ids_in(whole["order"])
    assert {each["path"] for each in json.loads(dry.stdout)["finding"] if each["code"] == "converted"} == told


async def test_a_patch_may_write_ids_as_numbers_too(settings: Settings) -> None:
    async with running(settings_of(settings.storage)) as gateway:
        cart_id = await gateway.new_cart(V4)
        answer = await gateway.client.patch(
            f"{CARTS}/{cart_id}",
            content=json.dumps({"cartItem": [{**ITEMS[0], "id": 9}]}),
            headers={"Content-Type": "application/merge-patch+json"},
        )

    assert answer.status_code == 200, answer.text
    assert ids_in(answer.json()["cartItem"]) == ["9", "7"]


@pytest.mark.parametrize("wrong", [1.5, True, [1]], ids=["fraction", "boolean", "list"])
async def test_nothing_but_a_whole_number_stands_for_an_id(settings: Settings, wrong: Any) -> None:
    async with running(settings_of(settings.storage)) as gateway:
        answer = await gateway.post({**V4, "cartItem": [{**ITEMS[0], "id": wrong}]}, CARTS)

    assert answer.status_code == 400
    assert answer.json()["problem"][0]["path"] == "cartItem[0].id"


async def test_a_number_and_its_text_are_one_id(settings: Settings) -> None:
    async with running(settings_of(settings.storage)) as gateway:
        answer = await gateway.post({**V4, "cartItem": [ITEMS[0], {**ITEMS[0], "id": "1"}]}, CARTS)

    assert answer.status_code == 400
    assert "ids are unique" in answer.text
