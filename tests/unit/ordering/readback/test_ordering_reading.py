"""Orders read back, in every shape order systems are known to show."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.model import NO_MARKER, Marker
from gateway.ordering.readback.reading import read_order

MAPPINGS = Path(__file__).resolve().parents[4] / "mappings"


def load(name):
    return parse_mapping((MAPPINGS / f"{name}.toml").read_bytes(), f"{name}.toml")


SALESFORCE = load("salesforce-v4")
PLAIN = load("tmf622-v4")


@pytest.mark.parametrize("document", [None, 5, "x", [], {}, {"id": None}, {"id": ""}, {"id": {}}, {"id": True}])
def test_what_has_no_id_is_no_order(document):
    assert read_order(document, PLAIN) is None


def test_the_order_of_the_vendor_sample():
    document = {
        "id": "00001234",
        "href": "/services/apexrest/x/Order/801",
        "externalId": "gw1-abc",
        "state": "Draft",
        "note": "id:1;date:2025-01-01T00:00:00.000Z;text:free",
        "productOrderItem": [
            {
                "@type": "ProductOrderItem",
                "id": "1",
                "action": "Add",
                "quantity": 1,
                "orderLineItemId": "802A",
                "productOffering": {"id": "PLAN"},
                "product": {
                    "productCharacteristics": [
                        {"name": "ATTR_COLOR", "valueType": "Picklist", "value": "White"},
                        {"name": "ATTR_UNSET", "valueType": "Text"},
                        {"name": "ATTR_TWICE", "value": "a"},
                        {"name": "ATTR_TWICE", "value": "b"},
                    ]
                },
                "productOrderItem": [{"id": "2", "action": "Modify", "orderLineItemId": "802B", "quantity": "x"}],
            }
        ],
    }
    order = read_order(document, SALESFORCE)
    assert (order.id, order.state, order.marker, order.href) == (
        "00001234",
        "Draft",
        Marker(("gw1-abc",)),
        "/services/apexrest/x/Order/801",
    )
    parent, child = order.lines
    assert (parent.line_id, parent.item_id, parent.parent_line_id) == ("802A", "1", None)
    assert (parent.offering, parent.action, parent.quantity) == ("PLAN", "add", 1)
    assert parent.characteristics == {"ATTR_COLOR": "White", "ATTR_TWICE": ["a", "b"]}
    assert (child.line_id, child.parent_line_id, child.action, child.quantity) == ("802B", "802A", "modify", None)
    assert parent.alterations is None, "the mapping says they cannot be read"


def test_a_missing_state_is_empty_and_a_numeric_id_is_text():
    order = read_order({"id": 42}, PLAIN)
    assert (order.id, order.state, order.marker, order.lines) == ("42", "", NO_MARKER, ())


def test_flat_items_find_their_parents_by_relationships():
    flat = replace(PLAIN, item=replace(PLAIN.item, hierarchy="flat"))
    document = {
        "id": "1",
        "productOrderItem": [
            {"id": "c2", "productOrderItemRelationship": [{"id": "p", "relationshipType": "reliesOn"}]},
            {"id": "c1", "productOrderItemRelationship": []},
            {"id": "p", "productOrderItemRelationship": [{"id": "c1", "relationshipType": "bundles"}]},
        ],
    }
    lines = read_order(document, flat).lines
    assert [(line.line_id, line.parent_line_id) for line in lines] == [("p", None), ("c2", "p"), ("c1", "p")]


def test_relationships_in_a_circle_lose_no_line():
    document = {
        "id": "1",
        "productOrderItem": [
            {"id": "a", "productOrderItemRelationship": [{"id": "b", "relationshipType": "bundles"}]},
            {"id": "b", "productOrderItemRelationship": [{"id": "a", "relationshipType": "bundles"}]},
        ],
    }
    assert {line.line_id for line in read_order(document, PLAIN).lines} == {"a", "b"}


def test_the_marker_in_the_list_of_v5():
    mapping = replace(PLAIN, dialect="tmf622-v5")
    listed = [{"id": "other", "externalIdentifierType": "crm"}, {"id": "gw1-x", "externalIdentifierType": "checkout"}]
    assert read_order({"id": "1", "externalId": listed}, mapping).marker == Marker(("other", "gw1-x"))
    assert read_order({"id": "1", "externalId": listed[:1]}, mapping).marker == Marker(("other",))
    assert read_order({"id": "1", "externalId": []}, mapping).marker == NO_MARKER


def test_alterations_and_the_state_of_a_line():
    document = {
        "id": "1",
        "productOrderItem": [
            {"id": "a", "state": "inProgress", "itemPrice": [{"priceAlteration": [{"name": "x"}]}, {}, 5]}
        ],
    }
    (line,) = read_order(document, PLAIN).lines
    assert line.alterations == ({"name": "x"},)
    assert line.state == "inProgress"


def test_a_line_without_any_id_still_counts():
    lines = read_order({"id": "1", "productOrderItem": [{}, {"action": "add"}]}, PLAIN).lines
    assert len({line.line_id for line in lines}) == 2
