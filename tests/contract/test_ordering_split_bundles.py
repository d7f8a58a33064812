"""A bundle that is split over several calls, with the same mandatory product several times: each call is about the right lines."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace
from ordering_gateway import gateway_player
from ordering_play import player, shipped

from gateway.ordering.mapping.catalogue import Catalogue

CATALOG = """
[[product]]
code = "PLAN"
child = [{code = "SIM", minimum = 1}, {code = "OPTION"}]
[[product]]
code = "SIM"
child = [{code = "APP"}]
[[product]]
code = "OPTION"
[[product]]
code = "APP"
"""


def salesforce(*, echoed=True, **limits):
    mapping = shipped("salesforce-v4", **limits)
    tables = replace(mapping.tables, catalogue=Catalogue(mandatory={"PLAN": frozenset({"SIM"})}))
    return replace(mapping, tables=tables, lines=replace(mapping.lines, item_id_echoed=echoed))


def item(item_id, code, *children, altered="", **values):
    listed = [{"name": name, "value": value} for name, value in values.items()]
    made = {"id": item_id, "action": "add", "quantity": 1, "productOffering": {"id": code}}
    if listed:
        made["product"] = {"productCharacteristic": listed}
    if altered:
        alteration = {"name": altered, "price": {"percentage": 50}}
        made["itemPrice"] = [{"priceType": "oneTime", "priceAlteration": [alteration]}]
    return made | ({"cartItem": list(children)} if children else {})


def cart(*items):
    return {"id": "c", "relatedParty": [{"id": "CD1", "role": "customer"}], "cartItem": list(items)}


def families(lines):
    """Each SIM as its size, how many products are beneath it, and what its price is altered by."""
    beneath = Counter(line["parent"] for line in lines)
    return sorted(
        (line["characteristics"]["SIZE"], beneath[line["id"]], *(one["name"] for one in line["alterations"]))
        for line in lines
        if line["offering"] == "SIM"
    )


def named_lines(bodies):
    """The actions and line ids of the children of each PATCH, by the id of their item."""
    found = {}
    stack = [item for body in bodies[1:] for item in body.get("productOrderItem", ())]
    while stack:
        node = stack.pop()
        stack += node.get("productOrderItem", ())
        if "id" in node:
            found[node["id"]] = (node["action"], node.get("orderLineItemId"))
    return found


def many_sims():
    """The mandatory SIM is far from its bundle; two are alike but for what is beneath them and what they cost."""
    return cart(
        item(
            "1",
            "PLAN",
            *(item(f"1.{number}", "OPTION") for number in range(4)),
            item("1.a", "SIM", item("1.a.1", "APP"), SIZE="nano", altered="First"),
            item("1.b", "SIM", item("1.b.1", "APP"), item("1.b.2", "APP"), SIZE="nano", altered="Second"),
            item("1.c", "SIM", SIZE="esim"),
        )
    )


IN_THE_POST = 6
"""So many items: then the first SIM is in the POST, its siblings are not."""
WANTED = [("esim", 0), ("nano", 1, "First"), ("nano", 2, "Second")]


@pytest.mark.parametrize("items_max", [3, 4, IN_THE_POST])
@pytest.mark.parametrize("echoed", [True, False], ids=["ids echoed", "ids not echoed"])
async def test_a_mandatory_product_several_times_in_several_calls(tmp_path, items_max, echoed):
    async with player(tmp_path, "salesforce-v4", catalog=CATALOG) as sandbox:
        played = await sandbox.play(many_sims(), salesforce(echoed=echoed, items_max=items_max))
    assert families(played.lines) == WANTED
    assert Counter(line["offering"] for line in played.lines) == {"PLAN": 1, "OPTION": 4, "SIM": 3, "APP": 3}
    sent = named_lines(played.bodies)
    if items_max == IN_THE_POST:
        assert sent.pop("1.a", None) is None
    else:
        assert sent["1.a"] == ("modify", played.line_ids["1.a"]), "it is there already, so its line is named"
    assert [sent[other] for other in ("1.b", "1.c")] == [("add", None)] * 2


async def test_the_worker_names_the_line_of_a_mandatory_product_too(tmp_path):
    async with gateway_player(tmp_path, "salesforce-v4", catalog=CATALOG) as sandbox:
        played = await sandbox.play(many_sims(), salesforce(echoed=False, items_max=4))
    assert families(played.lines) == WANTED
    assert named_lines(played.bodies)["1.a"] == ("modify", played.line_ids["1.a"])


async def test_the_one_that_is_there_is_configured_before_another_is_added_where_room_would_have_it_otherwise(tmp_path):
    """The first would leave room for the second in the POST: added first, it would be taken for the one that is there."""
    first = item("1.a", "SIM", SIZE="nano", B="1", C="1", D="1")
    bundle = item("1", "PLAN", first, item("1.b", "SIM", SIZE="esim", B="2", C="2"), X="1", Y="1", Z="1")
    async with player(tmp_path, "salesforce-v4", catalog=CATALOG) as sandbox:
        played = await sandbox.play(cart(bundle), salesforce(characteristics_max=6))
    assert [step.item_ids for step in played.plan.steps[:3]] == [("1",), ("1.a",), ("1.b",)]
    assert families(played.lines) == [("esim", 0), ("nano", 0)]
