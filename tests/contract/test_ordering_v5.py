"""A cart becomes an order on a TMF622 v5 server: a draft that grows, by appends or by merge patches, and is submitted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from ordering_gateway import gateway_player
from ordering_play import player, shipped, tree

CART = {
    "id": "cart-1",
    "relatedParty": [{"id": "CD1", "role": "customer", "@referredType": "Customer", "name": "Jo"}],
    "cartTotalPrice": [{"priceType": "recurring", "recurringChargePeriod": "monthly", "price": {"percentage": 5}}],
    "cartItem": [
        {
            "id": "1",
            "action": "add",
            "quantity": 1,
            "productOffering": {"id": "MOBILE_PLAN", "href": "https://host/offering/MOBILE_PLAN"},
            "product": {
                "productCharacteristic": [
                    {"name": "speed", "value": 100},
                    {"name": "roaming", "value": True},
                    {"name": "ratio", "value": 1.5},
                    {"name": "colours", "value": ["red", "blue"]},
                    {"name": "shape", "value": {"width": 3}},
                ],
                "place": [{"id": "PL1", "role": "installation"}],
                "relatedParty": [{"id": "U1", "role": "user", "@referredType": "Individual"}],
                "productRelationship": [{"relationshipType": "reliesOn", "product": {"id": "P9"}}],
            },
            "itemPrice": [
                {
                    "priceType": "recurring",
                    "recurringChargePeriod": "month",
                    "price": {"dutyFreeAmount": {"unit": "EUR", "value": 29.9}},
                    "priceAlteration": [{"priceType": "recurring", "price": {"percentage": 50}}],
                }
            ],
            "itemTerm": [{"name": "commitment", "duration": {"amount": 1.5, "units": "year"}}],
            "note": [{"text": "ring twice"}],
            "cartItem": [
                {"id": f"1.{number}", "action": "add", "productOffering": {"id": f"OPTION_{number}"}}
                for number in range(1, 8)
            ],
        },
        {"id": "2", "action": "modify", "product": {"id": "P1"}, "quantity": 2},
        {"id": "3", "action": "delete", "product": {"id": "P2"}},
        {"id": "4", "action": "noChange", "product": {"href": "https://host/product/P3"}},
    ],
}
REQUEST = {
    "externalId": "WEB-1",
    "channel": [{"id": "web"}],
    "billingAccount": {"id": "BA1"},
    "payment": [{"id": "PAY1"}],
    "agreement": [{"id": "AG1"}],
    "quote": [{"id": "Q1"}],
    "productOfferingQualification": [{"id": "POQ1"}],
    "requestedStartDate": "2026-12-01T00:00:00Z",
}


def growing(mapping, growth):
    return replace(mapping, draft=replace(mapping.draft, growth=growth))


@pytest.mark.parametrize("growth", ["json-patch-append", "cumulative-merge"])
async def test_a_v5_order_grows_as_a_draft_and_is_submitted(tmp_path, growth):
    mapping = growing(shipped("tmf622-v5", items_max=4), growth)
    async with player(tmp_path, "tmf622-v5") as sandbox:
        played = await sandbox.play(CART, mapping, REQUEST)
    assert played.ledger[-1]["effect"] == "submitted"
    assert played.ledger[-1]["externalId"] == "gw1-play-0000000000000001"
    assert len(played.lines) == 11
    assert played.kinds == ["create", "add", "add", "submit"]
    assert [entry["effect"] for entry in played.ledger] == ["created", "changed", "changed", "submitted"]
    assert [len(entry["lines"]) for entry in played.ledger] == [4, 8, 11, 11]
    assert played.bodies[-1] == {"@type": "ProductOrder", "state": "acknowledged"}
    (plan_line,) = [line for line in played.lines if line["offering"] == "MOBILE_PLAN"]
    assert plan_line["characteristics"] == {
        "speed": 100, "roaming": True, "ratio": 1.5, "colours": ["red", "blue"], "shape": {"width": 3},
    }  # fmt: skip
    assert len(plan_line["alterations"]) == 1


@pytest.mark.parametrize("played_by", [player, gateway_player], ids=["stages", "gateway"])
async def test_a_merge_patch_that_carries_everything_so_far_replaces_nothing(tmp_path, played_by):
    mapping = growing(shipped("tmf622-v5", items_max=3), "cumulative-merge")
    items = [
        {"id": str(number), "action": "add", "productOffering": {"id": f"P{number}"}, "note": [{"text": "x" * 400}]}
        for number in range(8)
    ]
    async with played_by(tmp_path, "tmf622-v5") as sandbox:
        played = await sandbox.play({"cartItem": items, "relatedParty": CART["relatedParty"]}, mapping)
    assert played.kinds == ["create", "add", "add", "submit"]
    sent = [[one["id"] for one in body["productOrderItem"]] for body in played.bodies[:-1]]
    assert sent == [[str(number) for number in range(count)] for count in (3, 6, 8)]
    assert [len(entry["lines"]) for entry in played.ledger] == [3, 6, 8, 8]
    assert [path for path, *_ in tree(played.lines)] == [f"/P{number}" for number in range(8)]


async def test_the_order_system_does_replace_what_a_merge_patch_leaves_out(tmp_path):
    """The order system of these tests is one that would lose the first items to a PATCH of the new ones alone."""
    items = [{"id": str(number), "action": "add", "productOffering": {"id": f"P{number}"}} for number in range(8)]
    mapping = growing(shipped("tmf622-v5", items_max=3), "cumulative-merge")
    additive = replace(mapping, draft=replace(mapping.draft, growth="additive"))
    async with player(tmp_path, "tmf622-v5") as sandbox:
        with pytest.raises(AssertionError, match="Match"):
            await sandbox.play({"cartItem": items}, additive)
    effects = [(entry["effect"], len(entry["lines"])) for entry in sandbox.ledger_entries()]
    assert effects == [("created", 3), ("changed", 3)]


async def test_booleans_as_strings_are_found_again(tmp_path):
    mapping = shipped("tmf622-v5")
    mapping = replace(mapping, item=replace(mapping.item, boolean_characteristics="string"))
    listed = [{"name": "on", "value": True}, {"name": "each", "value": [True, False]}, {"name": "mixed", "value": [1, "a"]}]  # fmt: skip
    item = {
        "id": "1", "action": "add", "productOffering": {"id": "A"}, "product": {"productCharacteristic": listed},
    }  # fmt: skip
    async with player(tmp_path, "tmf622-v5") as sandbox:
        played = await sandbox.play({"cartItem": [item]}, mapping)
    sent = played.bodies[0]["productOrderItem"][0]["product"]["productCharacteristic"]
    assert [(one["@type"], one["value"], one.get("valueType")) for one in sent] == [
        ("StringCharacteristic", "true", "boolean"),
        ("StringArrayCharacteristic", ["true", "false"], "boolean"),
        ("StringArrayCharacteristic", ["1", "a"], None),
    ]
