"""Mappings that are odd and right: nothing of a cart is lost by one, and what is sent is found again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.readback.matching import match
from gateway.ordering.readback.reading import read_order
from gateway.ordering.tracing.accounting import account
from gateway.ordering.translation.translate import translate
from gateway.tmf.json import decode_json

CASES = Path(__file__).resolve().parents[2] / "golden" / "cases"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def mapping_of(text: str) -> Mapping:
    return parse_mapping(f'name = "shop"\napi.resource = "orders"\n{text}'.encode(), "shop.toml")


def cart_of(case: str) -> Any:
    return decode_json((CASES / case / "cart.json").read_bytes())


@pytest.mark.parametrize("case", ["notes", "v4-full", "contact-medium", "digits"])
@pytest.mark.parametrize(
    "text",
    [
        'order.attributes = ["relatedParty"]',
        'order.attributes = ["relatedParty", "requestedStartDate"]\ndialect = "tmf622-v5"',
        'recovery.marker_slot = "notificationContact"',
        'item.action_case = "capitalised"',
        'item.characteristics_slot = "value"\nlines.characteristics = ["value"]',
        'item.product_code = ["article.number"]\nlines.offering = ["article.number"]',
        'item.product_code = ["article", "productOffering.id"]',
        'item.product_code = ["id"]\nitem.relationships = false\nlines.item_id_echoed = false\nlines.line_id = "line"',
        'order.defaults = {channelId = "web", quoteId = "1", categoryCode = "B2C", "@schemaLocation" = "https://acme.example/order.json"}',
        'item.attributes = ["productOffering", "product", "itemPrice", "productId", "placeId"]',
        'item.product_attributes = ["productCharacteristic", "subStatus", "productSpecificationId"]',
    ],
)
def test_each_value_is_sent_or_told(text, case):
    mapping, cart = mapping_of(text), cart_of(case)
    translation = translate(cart, {}, mapping, now=NOW)
    order = translation.order
    assert order is not None
    planned, _ = plan(order, mapping)
    assert planned is not None
    call = render(planned.steps[0], order, planned, mapping, known_line_ids={}, marker="gw1-m", order_id=None)
    _, lost = account(cart, {}, order, decode_json(call.body), translation.findings, mapping)
    assert lost == []


def test_a_total_of_the_order_is_sent_where_items_have_no_place_for_theirs():
    total = [{"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 3}}}]
    item = {"id": "1", "action": "add", "productOffering": {"id": "A"}, "itemTotalPrice": total}
    mapping = mapping_of('item.attributes = ["productOffering", "product", "itemPrice"]')
    translation = translate({"cartItem": [item], "cartTotalPrice": total}, {}, mapping, now=NOW)
    assert translation.order is not None
    assert translation.order.header["orderTotalPrice"] == total
    assert "itemTotalPrice" not in translation.order.lines[0].item
    assert [(one.code, one.path) for one in translation.findings] == [("dropped", "cartItem[0].itemTotalPrice")]


def test_a_note_that_goes_to_an_order_without_notes_is_told_where_it_is():
    findings = translate(cart_of("notes"), {}, mapping_of('order.attributes = ["relatedParty"]'), now=NOW).findings
    assert {finding.code for finding in findings if finding.path == "cartItem[0].note"} == {"dropped"}
    assert not any(finding.path == "note" for finding in findings)


@pytest.mark.parametrize("kind", ["reliesOn", "with"])
def test_a_relationship_that_would_make_a_child_of_an_item_is_not_sent_to_a_flat_order(kind):
    """The cart's own reliesOn between two items is what a flat order says of a child and its parent."""
    items = [{"id": each, "action": "add", "productOffering": {"id": each}} for each in ("1", "2")]
    items[1]["cartItemRelationship"] = [{"relationshipType": kind, "id": "1"}]
    items[0]["cartItem"] = [{"id": "3", "action": "add", "productOffering": {"id": "3"}}]
    mapping = mapping_of('item.hierarchy = "flat"')
    translation = translate({"cartItem": items}, {}, mapping, now=NOW)
    dropped = [finding.path for finding in translation.findings if finding.code == "relationship_dropped"]
    assert dropped == (["cartItem[1].cartItemRelationship[0]"] if kind == "reliesOn" else [])
    order = translation.order
    assert order is not None
    planned, _ = plan(order, mapping)
    assert planned is not None
    call = render(planned.steps[0], order, planned, mapping, known_line_ids={}, marker="gw1-m", order_id=None)
    shown = read_order({**json.loads(call.body), "id": "1"}, mapping)
    assert shown is not None
    assert match(order.lines, (), shown, mapping, {}).exact
