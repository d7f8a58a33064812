"""Salesforce: the action matrix, bundles without a catalogue, assets."""

from __future__ import annotations

from collections import Counter

import pytest
from sandbox_bodies import line_id, patch, shape


@pytest.mark.parametrize("action", ["add", "Add", "ADD"])
async def test_add_in_any_letter_case(start, make, action):
    upstream = await start()
    await upstream.post(make.draft())
    assert (await patch(upstream, make.add("2", "B", action=action))).status_code == 200
    assert upstream.ledger()[-1]["lines"][-1]["action"] == "add"


async def test_patch_adds_and_never_replaces(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    await patch(upstream, make.add("2", "B"))
    await patch(upstream, make.add("3", "C"))
    assert [path for path, _, _ in shape(upstream)] == ["/A", "/B", "/C"]


async def test_an_item_sent_twice_is_two_lines(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    for _ in range(2):
        await patch(upstream, make.add("2", "B"))
    assert Counter(path for path, _, _ in shape(upstream)) == {"/A": 1, "/B": 2}


async def test_a_post_sent_twice_is_two_orders_with_the_same_external_id(start, make):
    upstream = await start()
    for _ in range(2):
        await upstream.post(make.draft())
    assert [entry["externalId"] for entry in upstream.ledger()] == ["CART-1", "CART-1"]


async def test_the_same_product_twice_with_different_attributes(start, make):
    upstream = await start()
    await upstream.post(
        make.draft(
            make.add("1", "IPHONE_16", product=make.attributes(ATTR_COLOR="White")),
            make.add("2", "IPHONE_16", product=make.attributes(ATTR_COLOR="Black")),
        ),
    )
    assert shape(upstream) == [("/IPHONE_16", 1, {"ATTR_COLOR": "White"}), ("/IPHONE_16", 1, {"ATTR_COLOR": "Black"})]


async def test_modify_changes_quantity_and_merges_attributes(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A", product=make.attributes(X="1", Y="1"))))
    item = {"orderLineItemId": line_id(upstream, "A"), "action": "modify", "quantity": 4}
    await patch(upstream, item | {"product": make.attributes(Y="2", Z="3")})
    assert shape(upstream) == [("/A", 4, {"X": "1", "Y": "2", "Z": "3"})]
    await patch(upstream, {"id": "1", "action": "modify", "quantity": 5})
    assert shape(upstream)[0][1] == 5
    assert upstream.ledger()[-1]["lines"][0]["action"] == "add"


async def test_get_shows_a_line_as_it_is_now(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    for quantity in (2, 3):
        patched = await patch(upstream, {"id": "1", "action": "modify", "quantity": quantity})
        read = await upstream.get("00000001")
        assert [answer.json()["productOrderItem"][0]["quantity"] for answer in (patched, read)] == [quantity, quantity]


async def test_delete_takes_the_children_along(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A", make.add("2", "B", make.add("3", "C"))), make.add("4", "D")))
    await patch(upstream, {"orderLineItemId": line_id(upstream, "A"), "action": "delete"})
    assert [path for path, _, _ in shape(upstream)] == ["/D"]
    assert [item["id"] for item in (await upstream.get("00000001")).json()["productOrderItem"]] == ["4"]


async def test_children_are_put_under_an_existing_root(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A")))
    wrapper = {"orderLineItemId": line_id(upstream, "A"), "action": "modify"}
    await patch(upstream, wrapper | {"productOrderItem": [make.add("2", "B"), make.add("3", "C", make.add("4", "D"))]})
    await patch(upstream, {"id": "1", "action": "modify", "productOrderItem": [make.add("5", "E")]})
    grandchild = {"orderLineItemId": line_id(upstream, "C"), "action": "modify"}
    await patch(upstream, grandchild | {"productOrderItem": [make.add("6", "F")]})
    through = {"orderLineItemId": line_id(upstream, "A"), "action": "modify", "productOrderItem": []}
    through["productOrderItem"] = [grandchild | {"productOrderItem": [make.add("7", "G")]}]
    await patch(upstream, through)
    assert {path for path, _, _ in shape(upstream)} == {"/A", "/A/B", "/A/C", "/A/C/D", "/A/E", "/A/C/F", "/A/C/G"}
    (root,) = (await upstream.get("00000001")).json()["productOrderItem"]
    assert [child["id"] for child in root["productOrderItem"]] == ["2", "3", "5"]


async def test_a_flat_bundle_is_read_like_a_nested_one(start, make):
    upstream = await start()
    bundles = [{"id": "2", "relationshipType": "bundles"}]
    await upstream.post(
        make.draft(
            make.add("1", "A", productOrderItemRelationship=bundles),
            make.add("2", "B"),
            make.add("3", "C", productOrderItemRelationship=[{"id": "2", "relationshipType": "bundledBy"}]),
            make.add("4", "D", productOrderItemRelationship=[{"id": "1", "relationshipType": "reliesOn"}]),
        ),
    )
    assert {path for path, _, _ in shape(upstream)} == {"/A", "/A/B", "/A/B/C", "/D"}
    circle = [
        make.add("8", "X", productOrderItemRelationship=[{"id": "9", "relationshipType": "bundles"}]),
        make.add("9", "Y", productOrderItemRelationship=[{"id": "8", "relationshipType": "bundles"}]),
    ]
    before = (await upstream.get("00000001")).json()
    itself = [make.add("9", "Y", productOrderItemRelationship=[{"id": "9", "relationshipType": "bundles"}])]
    for items in (circle, [*circle, make.add("10", "Z")], [make.add("10", "Z"), *itself]):
        assert (await patch(upstream, *items)).status_code == 400
        assert (await upstream.get("00000001")).json() == before


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"id": "9", "action": "modify"}, "productOrderItem[0]"),
        ({"orderLineItemId": "802x", "action": "modify"}, "productOrderItem[0].orderLineItemId"),
        ({"id": "9", "action": "delete"}, "productOrderItem[0]"),
        ({"id": "1"}, "productOrderItem[0].action"),
        ({"id": "1", "action": "noChange"}, "productOrderItem[0].action"),
        ({"id": "1", "action": "modify", "productOffering": {"id": "Z"}}, "productOrderItem[0].productOffering.id"),
        (
            {"id": "1", "action": "modify", "productOrderItem": [{"id": "9", "action": "delete"}]},
            "productOrderItem[0].productOrderItem[0]",
        ),
        ({"id": ["1"], "action": "modify"}, "productOrderItem[0].id"),
        ({"id": 1, "action": "delete"}, "productOrderItem[0].id"),
        (
            {"id": "1", "action": "modify", "productOrderItem": [{"id": {}, "action": "modify"}]},
            "productOrderItem[0].productOrderItem[0].id",
        ),
        ({"id": "2", "action": "add", "product": "x"}, "productOrderItem[0].product"),
        ({"id": "1", "action": "modify", "product": [1]}, "productOrderItem[0].product"),
    ],
)
async def test_a_wrong_item_is_refused(start, make, item, path):
    upstream = await start()
    await upstream.post(make.draft())
    answer = await patch(upstream, item)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(path + ":")


async def test_an_ambiguous_item_id_is_refused(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A"), make.add("1", "A")))
    answer = await patch(upstream, {"id": "1", "action": "delete"})
    assert answer.status_code == 400
    assert "orderLineItemId" in answer.json()["message"]


async def test_a_patch_is_all_or_nothing(start, make):
    upstream = await start()
    await upstream.post(make.draft(make.add("1", "A", make.add("2", "B")), make.add("3", "C")))
    before = (await upstream.get("00000001")).json()
    answer = await upstream.patch(
        "00000001",
        {
            "description": "changed",
            "productOrderItem": [
                make.add("4", "D", make.add("5", "E")),
                {"id": "2", "action": "modify", "quantity": 9},
                {"id": "1", "action": "delete"},
                {"id": "3", "action": "modify", "productOrderItem": [make.add("6", "F")]},
                make.add("7", "REFUSE_ME"),
            ],
        },
    )
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("productOrderItem[4].productOffering.id:")
    assert (await upstream.get("00000001")).json() == before
    assert len(upstream.ledger()) == 1
    await patch(upstream, {"id": "2", "action": "modify", "quantity": 2})
    assert [(path, quantity) for path, quantity, _ in shape(upstream)] == [("/A", 1), ("/A/B", 2), ("/C", 1)]


async def test_without_a_catalogue_modify_of_a_new_child_is_the_mandatory_one(start, make):
    upstream = await start()
    sim = {"id": "2", "action": "modify", "productOffering": {"id": "SIM"}, "product": make.attributes(SIZE="nano")}
    await upstream.post(make.draft(make.add("1", "PLAN", sim)))
    assert shape(upstream) == [("/PLAN", 1, {}), ("/PLAN/SIM", 1, {"SIZE": "nano"})]
    assert upstream.ledger()[-1]["lines"][1]["action"] == "add"
    again = {"id": "1", "action": "modify", "productOrderItem": [sim | {"product": make.attributes(SIZE="micro")}]}
    await patch(upstream, again)
    assert shape(upstream) == [("/PLAN", 1, {}), ("/PLAN/SIM", 1, {"SIZE": "micro"})]


# -- assets -------------------------------------------------------------------------------------------------------


async def test_an_order_from_assets(start, make):
    upstream = await start()
    item = {"id": "1", "action": "modify", "product": {"id": "ASSET-1"} | make.attributes(SPEED="500")}
    answer = await upstream.post(make.draft(item))
    assert answer.status_code == 201
    (line,) = upstream.ledger()[-1]["lines"]
    assert (line["action"], line["offering"], line["characteristics"]) == ("modify", None, {"SPEED": "500"})
    change = {"action": "modify", "product": {"id": "ASSET-1"} | make.attributes(SPEED="900")}
    assert (await patch(upstream, change, make.add("2", "NEW"))).status_code == 200
    assert [line["characteristics"] for line in upstream.ledger()[-1]["lines"]] == [{"SPEED": "900"}, {}]


@pytest.mark.parametrize(
    "extra",
    [
        {"id": "2", "action": "add", "productOffering": {"id": "NEW"}},
        {"id": "2", "action": "modify"},
        {"id": "2", "action": "delete", "product": {"id": "ASSET-2"}},
    ],
)
async def test_an_order_from_assets_takes_nothing_else(start, make, extra):
    upstream = await start()
    item = {"id": "1", "action": "modify", "product": {"id": "ASSET-1"}}
    assert (await upstream.post(make.draft(item, extra))).status_code == 400
    assert upstream.ledger() == []


def asset(asset_id, *children, action="modify"):
    made = {"id": asset_id.lower(), "action": action, "product": {"id": asset_id}}
    return made | ({"productOrderItem": list(children)} if children else {})


async def test_beneath_an_asset_a_patch_changes_adds_and_removes(start, make):
    upstream = await start()
    await upstream.post(make.draft(asset("A1")))
    changed = asset("A1-1", make.add("new", "ROAMING", make.add("detail", "DETAIL")), asset("A1-1-1", action="delete"))
    removed = asset("A1-2", asset("A1-2-1", action="delete"), action="delete")
    root = asset("A1", changed, removed)
    assert (await patch(upstream, root)).status_code == 200
    lines = {line["product"] or line["offering"]: line for line in upstream.ledger()[-1]["lines"]}
    parents = {
        name: next((one for one in lines if lines[one]["id"] == line["parent"]), None) for name, line in lines.items()
    }
    assert parents == {
        "A1": None, "A1-1": "A1", "ROAMING": "A1-1", "DETAIL": "ROAMING", "A1-1-1": "A1-1", "A1-2": "A1", "A1-2-1": "A1-2",
    }  # fmt: skip
    actions = {name: line["action"] for name, line in lines.items()}
    assert Counter(actions.values()) == {"modify": 2, "add": 2, "delete": 3}
    assert actions["A1-1"] == "modify"
    assert actions["A1-2-1"] == "delete"


@pytest.mark.parametrize("action", ["add", "modify"])
async def test_beneath_an_asset_that_is_removed_everything_is(start, make, action):
    upstream = await start()
    await upstream.post(make.draft(asset("A1")))
    child = make.add("new", "ROAMING") if action == "add" else asset("A1-2-1")
    answer = await patch(upstream, asset("A1", asset("A1-2", child, action="delete")))
    assert answer.status_code == 400
    assert len(upstream.ledger()) == 1
