"""Actions beneath actions: what cannot be carried out there is refused in words, what can is sent as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.ordering.calls.render import render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.translation.translate import translate

FOLDER = Path(__file__).resolve().parents[4] / "mappings"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MAPPINGS = {
    name: parse_mapping((FOLDER / f"{name}.toml").read_bytes(), f"{name}.toml")
    for name in ("salesforce-v4", "tmf622-v4", "tmf622-v5")
}
PLAIN = ("tmf622-v4", "tmf622-v5")
SALESFORCE = ("salesforce-v4",)
EVERY = tuple(MAPPINGS)
CHILD = "cartItem[0].cartItem[0].action"


def item(item_id, action, *children, **more):
    named = {"productOffering": {"id": f"P{item_id}"}} if action == "add" else {"product": {"id": f"A{item_id}"}}
    if action == "modify":
        named["quantity"] = 2  # a change of nothing is not ordered
    made = {"id": item_id, "action": action, **named, **more}
    return made | ({"cartItem": list(children)} if children else {})


def translated(name, *items):
    cart = {"relatedParty": [{"id": "CD1", "role": "customer"}], "cartItem": list(items)}
    return translate(cart, {}, MAPPINGS[name], now=NOW)


def told(translation, *severities):
    """The findings about actions: code and path of those of the severities."""
    return [
        (one.code, one.path)
        for one in translation.findings
        if one.severity in severities and one.path.endswith(".action")
    ]


@pytest.mark.parametrize(
    ("above", "beneath", "mappings", "code"),
    [
        ("delete", "add", EVERY, "conflicting_action"),
        ("delete", "modify", SALESFORCE, "conflicting_action"),
        ("add", "delete", SALESFORCE, "conflicting_action"),
        ("add", "modify", SALESFORCE, "unsupported_action"),
        ("add", "noChange", SALESFORCE, "unsupported_action"),
        ("add", "add", EVERY, None),
        ("add", "modify", PLAIN, None),
        ("add", "noChange", PLAIN, None),
        ("delete", "delete", PLAIN, None),
        ("noChange", "add", EVERY, None),
        ("noChange", "modify", EVERY, None),
        ("noChange", "delete", EVERY, None),
        ("modify", "add", EVERY, None),
        ("modify", "modify", EVERY, None),
        ("modify", "delete", EVERY, None),
        ("modify", "noChange", EVERY, None),
    ],
)
def test_which_actions_go_beneath_which(above, beneath, mappings, code):
    for name in mappings:
        nested = translated(name, item("1", above, item("2", beneath)))
        relation = [{"relationshipType": "bundles", "id": "2"}]
        flat = translated(name, item("1", above, cartItemRelationship=relation), item("2", beneath))
        own_refusal = (
            [("unsupported_action", "cartItem[0].action")] if (name, above) == ("salesforce-v4", "delete") else []
        )
        for translation, path in ((nested, CHILD), (flat, "cartItem[1].action")):
            assert told(translation, "error") == own_refusal + ([(code, path)] if code else []), name
            assert (translation.order is None) == (code is not None)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize(("above", "beneath"), [("delete", "modify"), ("add", "delete")])
def test_what_is_odd_is_told_and_left_to_an_order_system_that_acts_on_each_product(name, above, beneath):
    """A new bundle may carry the removal of the product that it replaces."""
    translation = translated(name, item("1", above, item("2", beneath)))
    assert translation.order is not None
    assert [line.item["action"] for line in translation.order.lines] == [above, beneath]
    assert told(translation, "warning", "error") == [("conflicting_action", CHILD)]
    assert not told(translation, "error")


@pytest.mark.parametrize(("name", "action"), [*((name, "add") for name in EVERY), ("salesforce-v4", "modify")])
def test_what_is_beneath_a_kept_item_goes_with_the_removed_one_above_both(name, action):
    """An order about an installed product, too: its root is modified, a child removed, and something asked for beneath that."""
    kept = item("3", "noChange", item("4", action))
    translation = translated(name, item("1", "modify", item("2", "delete", kept)))
    path = "cartItem[0].cartItem[0].cartItem[0]"
    assert told(translation, "error") == [("conflicting_action", f"{path}.cartItem[0].action")]
    assert told(translation, "warning") == [("conflicting_action", f"{path}.action")]


@pytest.mark.parametrize("name", EVERY)
def test_a_product_that_is_said_to_be_kept_beneath_a_removed_one_is_told(name):
    translation = translated(name, item("1", "modify", item("2", "delete", item("3", "noChange"))))
    assert translation.order is not None
    assert told(translation, "warning") == [("conflicting_action", "cartItem[0].cartItem[0].cartItem[0].action")]


def test_a_mandatory_child_of_a_new_bundle_may_be_modified_without_being_installed():
    """It comes with its bundle: there is no product yet that the item could name."""
    mandatory = {"bundledProductOfferingOption": {"numberRelOfferLowerLimit": 1}}
    bundle = {"id": "PLAN", "bundledProductOffering": [{"id": "SIM", **mandatory}, {"id": "TV"}]}
    for code, refused in (("SIM", False), ("TV", True)):
        child = {"id": "2", "action": "modify", "productOffering": {"id": code}}
        cart_item = {"id": "1", "action": "add", "productOffering": bundle, "cartItem": [child]}
        translation = translated("salesforce-v4", cart_item)
        errors = {one.code for one in translation.findings if one.severity == "error"}
        assert errors == ({"unsupported_action", "missing_product_reference"} if refused else set())
        if not refused:
            (root,) = render_whole(translation.order, MAPPINGS["salesforce-v4"], "m")["productOrderItem"]
            assert root["productOrderItem"] == [
                {"id": "2", "action": "modify", "productOffering": {"id": "SIM"}, "@type": "ProductOrderItem"}
            ]
        assert "missing_product_reference" in {one.code for one in translated("tmf622-v4", cart_item).findings}
