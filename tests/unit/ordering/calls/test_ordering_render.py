"""Calls as bytes: paths, markers, slots and words as the mapping says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.ordering.calls.plan import check_plan, plan
from gateway.ordering.calls.render import render, render_tombstone, render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.model import Order, OrderLine
from gateway.sandbox.json_patch import Patcher

MAPPINGS = Path(__file__).resolve().parents[4] / "mappings"


def load(name):
    return parse_mapping((MAPPINGS / f"{name}.toml").read_bytes(), f"{name}.toml")


SALESFORCE = load("salesforce-v4")
PLAIN = load("tmf622-v4")


def line(item_id, parent=None, *, action="add", mandatory=False, alterations=(), **item):
    return OrderLine(
        id=item_id,
        cart_item_id=item_id,
        parent_id=parent,
        root_id=parent or item_id,
        depth=2 if parent else 1,
        item={"id": item_id, "action": action, "productOffering": {"id": f"P{item_id}"}, **item},
        mandatory=mandatory,
        alterations=alterations,
    )


def order(*lines, **header):
    return Order(header=header, lines=lines)


def calls(one, mapping, *, known=None, order_id="00000001", marker="gw1-marker"):
    planned, findings = plan(one, mapping)
    assert planned is not None, findings
    check_plan(one, planned, mapping)
    return [
        render(step, one, planned, mapping, known_line_ids=known or {}, marker=marker, order_id=order_id)
        for step in planned.steps
    ]


def bodies(*arguments, **options):
    return [json.loads(call.body) for call in calls(*arguments, **options)]


def with_limits(mapping, **limits):
    return replace(mapping, limits=replace(mapping.limits, **limits))


def flat(mapping):
    return replace(mapping, item=replace(mapping.item, hierarchy="flat", relationships=True))


def test_a_draft_always_says_that_it_is_one():
    create, submit = calls(order(line("1")), SALESFORCE)
    body = json.loads(create.body)
    assert (create.method, create.path, create.media_type) == ("POST", "productorder", "application/json")
    assert body["submitCart"] is False
    assert body["externalId"] == "gw1-marker"
    assert body["@type"] == "ProductOrder"
    assert (submit.method, submit.path) == ("PATCH", "productorder/00000001")
    assert json.loads(submit.body) == {"state": "Activated"}


def test_an_order_id_cannot_leave_its_path():
    _, submit = calls(order(line("1")), SALESFORCE, order_id="../a b?c#d/e")
    assert submit.path == "productorder/..%2Fa%20b%3Fc%23d%2Fe"


def test_a_price_call_names_the_line_and_no_action():
    alteration = {"name": "Half", "priceType": "oneTime", "price": {"percentage": 50}}
    _, price, _ = calls(order(line("1", alterations=(alteration,))), SALESFORCE, known={"1": "802A"})
    assert json.loads(price.body) == {
        "productOrderItem": [{"orderLineItemId": "802A", "itemPrice": [{"priceAlteration": [alteration]}]}]
    }
    assert price.item_count == 1


def test_a_line_id_that_is_not_known_is_an_error_that_names_the_item():
    with pytest.raises(LookupError, match="item 1"):
        calls(order(line("1", alterations=({"price": {}},))), SALESFORCE)


def test_a_patch_without_an_order_id_is_an_error():
    with pytest.raises(LookupError, match="id of the order"):
        calls(order(line("1")), SALESFORCE, order_id=None)


def test_a_mandatory_child_is_modified_not_added():
    ((parent,), _) = (
        body.get("productOrderItem", ())
        for body in bodies(order(line("1"), line("2", "1", mandatory=True)), SALESFORCE)
    )
    assert parent["productOrderItem"][0]["action"] == "modify"


def test_actions_in_another_case():
    mapping = replace(SALESFORCE, item=replace(SALESFORCE.item, action_case="capitalised"))
    lines = [line("1"), *(line(str(number), "1") for number in range(2, 6))]
    create, add, _ = bodies(order(*lines), with_limits(mapping, items_max=4), known={"1": "802A"})
    assert create["productOrderItem"][0]["action"] == "Add"
    assert add["productOrderItem"][0] | {"productOrderItem": None} == {
        "orderLineItemId": "802A",
        "action": "Modify",
        "productOrderItem": None,
    }


def test_the_product_code_in_other_slots():
    slots = ("id", "product.productOffering.id")
    mapping = replace(SALESFORCE, item=replace(SALESFORCE.item, product_code=slots))
    given = order(line("1", product={"name": "x", "productOffering": {"name": "kept"}}))
    (item,) = bodies(given, mapping)[0]["productOrderItem"]
    assert item["id"] == "P1"
    assert item["product"] == {"name": "x", "productOffering": {"name": "kept", "id": "P1"}}
    assert "productOffering" not in item
    assert given.lines[0].item["product"]["productOffering"] == {"name": "kept"}, "the order itself is not changed"


def test_characteristics_under_another_name():
    mapping = replace(SALESFORCE, item=replace(SALESFORCE.item, characteristics_slot="characteristic"))
    listed = [{"name": "a", "value": "b"}]
    (item,) = bodies(order(line("1", product={"id": "x", "productCharacteristic": listed})), mapping)[0][
        "productOrderItem"
    ]
    assert item["product"] == {"id": "x", "characteristic": listed}


def test_flat_items_are_tied_both_ways_as_in_the_samples_of_the_standard():
    given = order(line("1"), line("2", "1"), line("3", "1"))
    (body,) = bodies(given, flat(PLAIN))
    ties = {item["id"]: item.get("productOrderItemRelationship") for item in body["productOrderItem"]}
    assert ties == {
        "1": [{"id": "2", "relationshipType": "bundles"}, {"id": "3", "relationshipType": "bundles"}],
        "2": [{"id": "1", "relationshipType": "reliesOn"}],
        "3": [{"id": "1", "relationshipType": "reliesOn"}],
    }


def test_a_tie_that_the_cart_has_named_is_not_doubled_and_the_order_not_changed():
    own = [{"id": "1", "relationshipType": "reliesOn"}, {"id": "9", "relationshipType": "requires"}]
    given = order(line("1"), line("2", "1", productOrderItemRelationship=own))
    (body,) = bodies(given, flat(PLAIN))
    assert body["productOrderItem"][1]["productOrderItemRelationship"] == own
    render_whole(given, flat(PLAIN), "m")
    assert own == [{"id": "1", "relationshipType": "reliesOn"}, {"id": "9", "relationshipType": "requires"}]


def test_flat_children_of_a_later_call_name_the_line_of_their_parent():
    lines = [line("1"), *(line(str(number), "1") for number in range(2, 6))]
    mapping = with_limits(flat(SALESFORCE), items_max=4)
    _, add, _ = bodies(order(*lines), mapping, known={"1": "802A"})
    carrier, child = add["productOrderItem"]
    assert carrier == {
        "orderLineItemId": "802A",
        "action": "modify",
        "productOrderItemRelationship": [{"id": "5", "relationshipType": "bundles"}],
    }
    assert child["productOrderItemRelationship"] == [{"id": "802A", "relationshipType": "reliesOn"}]


def growing(growth, **limits):
    draft = replace(SALESFORCE.draft, growth=growth)
    lines = replace(SALESFORCE.lines, line_id="id")
    return with_limits(replace(SALESFORCE, draft=draft, lines=lines), **limits)


def test_a_merge_patch_carries_everything_so_far():
    given = order(line("1"), line("2", "1"), line("3", "1"))
    create, add, _ = calls(given, growing("cumulative-merge", items_max=2))
    assert [item["id"] for item in json.loads(create.body)["productOrderItem"][0]["productOrderItem"]] == ["2"]
    body = json.loads(add.body)
    assert [item["id"] for item in body["productOrderItem"][0]["productOrderItem"]] == ["2", "3"]
    assert add.item_count == 3


def test_a_json_patch_appends_beneath_the_place_of_the_parent():
    given = order(line("0"), line("1"), *(line(str(number), "1") for number in range(2, 7)), line("7"))
    create, add, _ = calls(given, growing("json-patch-append", items_max=4))
    assert len(json.loads(create.body)["productOrderItem"]) == 2
    assert add.media_type == "application/json-patch+json"
    operations = [(one["op"], one["path"], one["value"]) for one in json.loads(add.body)]
    assert operations[0] == ("add", "/submitCart", False)
    assert [(op, path, value["id"]) for op, path, value in operations[1:]] == [
        ("add", "/productOrderItem/1/productOrderItem/-", "4"),
        ("add", "/productOrderItem/1/productOrderItem/-", "5"),
        ("add", "/productOrderItem/1/productOrderItem/-", "6"),
        ("add", "/productOrderItem/-", "7"),
    ]


def test_a_json_patch_brings_the_list_for_the_first_child_of_a_parent():
    leaves = [replace(line(leaf, "2"), root_id="1", depth=3) for leaf in ("3", "4")]
    given = order(line("1"), line("2", "1"), *leaves, line("5", "1"))
    create, *adds, _ = calls(given, growing("json-patch-append", items_max=2))
    document = json.loads(create.body)
    for call in adds:
        patcher = Patcher(document)
        for operation in json.loads(call.body):
            patcher.apply(operation, "body")
        document = patcher.document

    def tree(node):
        return {item["id"]: tree(item) for item in node.get("productOrderItem", [])}

    assert len(adds) == 2
    assert tree(document) == {"1": {"2": {"3": {}, "4": {}}, "5": {}}}


def test_the_external_id_of_v5_is_a_list_of_identifiers():
    mapping = replace(PLAIN, dialect="tmf622-v5")
    (body,) = bodies(order(line("1")), mapping)
    assert body["externalId"] == [
        {
            "@type": "ExternalIdentifier",
            "owner": "tmf-checkout-gateway",
            "externalIdentifierType": "checkout",
            "id": "gw1-marker",
        }
    ]


def test_the_marker_goes_into_its_slot():
    mapping = replace(PLAIN, recovery=replace(PLAIN.recovery, marker_slot="description"))
    (body,) = bodies(order(line("1")), mapping)
    assert body["description"] == "gw1-marker"
    assert "externalId" not in body


def test_a_tombstone_carries_the_marker():
    tombstone = render_tombstone(SALESFORCE, "0/1", "gw1-x")
    assert (tombstone.method, tombstone.path) == ("PATCH", "productorder/0%2F1")
    assert json.loads(tombstone.body)["externalId"] == "void-gw1-x"


def test_the_whole_order_shows_alterations_that_are_sent_later():
    alteration = {"name": "Half", "price": {"percentage": 50}}
    whole = render_whole(order(line("1", alterations=(alteration,))), SALESFORCE, "m")
    assert whole["productOrderItem"][0]["itemPrice"] == [{"priceAlteration": [alteration]}]
