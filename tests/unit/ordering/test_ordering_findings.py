"""Findings: every code is used, no message carries a value of the cart, and the rules that a golden file hides in length."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render
from gateway.ordering.findings import CODES, Findings
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.tracing.explain import explain_text
from gateway.ordering.translation.translate import translate

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET = "Zaphod-1234"
MAPPINGS = {
    file.stem: parse_mapping(file.read_bytes(), file.name) for file in sorted((ROOT / "mappings").glob("*.toml"))
}
PLAIN = MAPPINGS["tmf622-v4"]


def test_every_code_is_made_somewhere_and_every_made_code_is_known():
    source = "".join(file.read_text("utf-8") for file in (ROOT / "gateway" / "ordering").rglob("*.py"))
    made = set(re.findall(r'(?:\.(?:info|warning|error)\(\s*|\bFinding\([^()]*\bcode=)"([a-z_]+)"', source))
    # Findings of the gates before the order, of the submission, and of following the order.
    stages = ("checkouts", "submission", "tracking")
    later = "".join(file.read_text("utf-8") for stage in stages for file in (ROOT / "gateway" / stage).rglob("*.py"))
    made |= set(re.findall(r'(?:\bFinding\([^()]*\bcode=|\b_error\(|\b_finding\()"([a-z_]+)"', later))
    # What a catalogue leaves in doubt becomes a finding where the bundle is in the cart.
    catalogue = (ROOT / "gateway" / "upstream" / "catalogue.py").read_text("utf-8")
    made |= set(re.findall(r'\bDoubt\(\s*"([a-z_]+)"', catalogue))
    assert made == set(CODES)


def test_an_unknown_code_is_a_defect():
    with pytest.raises(AssertionError):
        Findings().info("no_such_code", "", "")


def full_of(value):
    """A cart that has `value` wherever a text may stand, right and wrong."""
    price = {
        "name": value,
        "priceType": value,
        "recurringChargePeriod": value,
        "price": {"percentage": value, "dutyFreeAmount": {"money": {"unit": value, "value": value}, "taxRate": value}},
        "priceAlteration": [
            {"priceType": "recurring", "priceCondition": value, "price": {"percentage": 1}, "validFor": value},
            {"name": value, "applicationDuration": value},
        ],
    }
    item = {
        "id": "1",
        "action": value,
        "quantity": value,
        "status": value,
        "productOffering": {"name": value, "href": value},
        "product": {
            "name": value,
            "characteristic": [{"name": value, "value": value}, {"value": value}],
            "place": [{"name": value}, value],
            "relatedParty": [{"name": value}],
            "productRelationship": [{"type": value}, {"id": value}],
        },
        "itemPrice": [price],
        "note": [{"author": value, "text": value, "date": value}, value],
        "itemTerm": value,
        "cartItemRelationship": [{"id": value, "type": value}, value],
    }
    return {
        "cartItem": [item, value],
        "relatedParty": [{"name": value}, {"id": 1, "name": value}, value],
        "contactMedium": [{"characteristic": {"emailAddress": value, "street1": value}}],
        "cartTotalPrice": [price],
        "validFor": value,
    }


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_no_finding_carries_a_value(mapping):
    request = {
        "relatedParty": SECRET,
        "requestedStartDate": SECRET,
        "channel": [{"name": SECRET}],
        "externalId": SECRET,
    }
    for given in ({}, request):
        findings = translate(full_of(SECRET), given, mapping, now=NOW).findings
        assert len(findings) > 20
        for finding in findings:
            assert SECRET not in finding.message
            assert SECRET not in finding.path


def test_the_marker_is_not_part_of_the_order():
    cart = {"id": "c", "cartItem": [{"id": "1", "action": "add", "productOffering": {"id": "A"}}]}
    translation = translate(cart, {"externalId": "WEB-1"}, PLAIN, now=NOW)
    assert "externalId" not in translation.order.header
    assert [finding.code for finding in translation.findings] == ["marker"]


def test_lines_come_parents_first_and_know_their_cart_item():
    children = [{"id": "b", "action": "add", "productOffering": {"id": "B"}}]
    cart = {
        "cartItem": [
            {"id": "late", "action": "add", "productOffering": {"id": "C"}, "cartItemRelationship": [
                {"id": "a", "relationshipType": "bundledBy"}]},
            {"id": "a", "action": "add", "productOffering": {"id": "A"}, "cartItem": children},
        ]
    }  # fmt: skip
    lines = translate(cart, {}, PLAIN, now=NOW).order.lines
    assert [(line.id, line.cart_item_id, line.parent_id, line.root_id, line.depth, line.path) for line in lines] == [
        ("a", "a", None, "a", 1, "cartItem[1]"),
        ("late", "late", "a", "a", 2, "cartItem[0]"),
        ("b", "b", "a", "a", 2, "cartItem[1].cartItem[0]"),
    ]


def test_parties_are_chosen_by_role_in_the_mapping_s_order():
    mapping = replace(PLAIN, order=replace(PLAIN.order, party_roles=("account", "customer")))
    cart = {
        "relatedParty": [
            {"id": "1", "role": "customer"},
            {"name": SECRET, "role": "agent"},
            {"id": "3", "role": "Account"},
        ],
        "cartItem": [{"id": "1", "action": "add", "productOffering": {"id": "A"}}],
    }
    translation = translate(cart, {}, mapping, now=NOW)
    assert [party["id"] for party in translation.order.header["relatedParty"]] == ["3", "1"]
    assert [finding.path for finding in translation.findings if finding.code == "dropped"] == ["relatedParty[1]"]


def test_defaults_of_the_mapping_fill_what_is_absent():
    mapping = replace(PLAIN, order=replace(PLAIN.order, defaults={"category": "B2C", "channel": [{"id": "web"}]}))
    cart = {"cartItem": [{"id": "1", "action": "add", "productOffering": {"id": "A"}}]}
    header = translate(cart, {"category": "B2B"}, mapping, now=NOW).order.header
    assert header == {"category": "B2B", "channel": [{"id": "web"}]}


def test_a_cart_of_any_depth_is_refused_not_a_crash():
    item = {"id": "0", "action": "add", "productOffering": {"id": "A"}}
    for number in range(1, 500):
        item = {"id": str(number), "action": "add", "productOffering": {"id": "A"}, "cartItem": [item]}
    assert "too_deep" in {finding.code for finding in translate({"cartItem": [item]}, {}, PLAIN, now=NOW).findings}
    chain = [
        {"id": str(number), "action": "add", "productOffering": {"id": "A"}, "cartItemRelationship": [
            {"id": str(number + 1), "relationshipType": "bundles"}]}
        for number in range(500)
    ]  # fmt: skip
    assert "too_deep" in {finding.code for finding in translate({"cartItem": chain}, {}, PLAIN, now=NOW).findings}


def test_the_explanation_names_findings_lines_and_calls():
    cart = {
        "cartItem": [{"id": "7", "action": "add", "quantity": 2, "productOffering": {"id": "A"}, "status": "Active"}]
    }
    translation = translate(cart, {}, PLAIN, now=NOW)
    planned, _ = plan(translation.order, PLAIN)
    calls = [
        render(step, translation.order, planned, PLAIN, known_line_ids={}, marker="m", order_id=None)
        for step in planned.steps
    ]
    text = explain_text(translation, planned, calls)
    assert "No findings" in text
    assert re.search(r"^7 +add +2 +A +cartItem\[0\]$", text, re.MULTILINE)
    assert re.search(rf"^1 +create +POST productOrder +1 +{len(calls[0].body)} +7$", text, re.MULTILINE)
    refused = translate({"cartItem": []}, {}, PLAIN, now=NOW)
    assert "nothing_to_order" in explain_text(refused, None)


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        ((), "The cart is empty"),
        (("saved", "saved"), "Every item is saved for later"),
        (("noChange", "noChange"), "No item changes anything"),
        (("saved", "noChange"), "No active item changes anything"),
    ],
)
def test_why_nothing_is_ordered_is_true_of_every_item(kinds, why):
    items = {
        "saved": {"action": "add", "status": "saveForLater"},
        "noChange": {"action": "noChange", "status": "active"},
    }
    cart = {"cartItem": [{"id": str(n), "product": {"id": "P"}, **items[kind]} for n, kind in enumerate(kinds)]}
    for mapping in MAPPINGS.values():
        if mapping.name == "salesforce-v4":
            cart["relatedParty"] = [{"id": "1", "role": "customer"}]
        found = {each.code: each.message for each in translate(cart, {}, mapping, now=NOW).findings}
        # A plain server is told of items that change nothing.
        if "nothing_to_order" in found or "noChange" not in kinds:
            assert found["nothing_to_order"].startswith(why)
        else:
            assert mapping.name != "salesforce-v4"


@pytest.mark.parametrize(
    ("duration", "told"),
    [("3", {"wrong_type"}), (1.5, {"bad_number"}), (None, {"recurring_incomplete"}), (3, set())],
)
def test_one_mistake_in_a_recurring_alteration_is_told_once(duration, told):
    alteration = {"name": "Half", "priceType": "discount", "applicationDuration": duration, "price": {"percentage": 50}}
    price = {"priceType": "recurring", "recurringChargePeriod": "month", "priceAlteration": [alteration]}
    item = {"id": "1", "action": "add", "productOffering": {"id": "A"}, "itemPrice": [price]}
    cart = {"relatedParty": [{"id": "9", "role": "customer"}], "cartItem": [item]}
    mapping = MAPPINGS["salesforce-v4"]
    mapping = replace(mapping, price=replace(mapping.price, endless_duration=0))
    translation = translate(cart, {}, mapping, now=NOW)
    assert {finding.code for finding in translation.findings if finding.severity == "error"} == told


@pytest.mark.parametrize("given", [None, 3, "three"])
def test_an_alteration_without_an_end_gets_the_mappings_duration(given):
    alteration = {"name": "Half", "priceType": "recurring", "applicationDuration": given, "price": {"percentage": 50}}
    price = {"priceType": "recurring", "recurringChargePeriod": "month", "priceAlteration": [alteration]}
    item = {"id": "1", "action": "add", "productOffering": {"id": "A"}, "itemPrice": [price]}
    cart = {"relatedParty": [{"id": "9", "role": "customer"}], "cartItem": [item]}

    translation = translate(cart, {}, MAPPINGS["salesforce-v4"], now=NOW)

    where = "cartItem[0].itemPrice[0].priceAlteration[0].applicationDuration"
    told = {(each.severity, each.code) for each in translation.findings if each.path == where}
    if given == "three":
        assert told == {("error", "wrong_type")}
    else:
        (line,) = translation.order.lines
        assert line.alterations[0]["applicationDuration"] == (given or 9999)
        assert told == (set() if given else {("warning", "defaulted")})
