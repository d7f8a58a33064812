"""What a v5 order cannot hold is told with the path that it has in the cart, whatever was dropped before it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.ordering.calls.render import render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.translation.translate import translate

FILE = Path(__file__).resolve().parents[4] / "mappings" / "tmf622-v5.toml"
V5 = parse_mapping(FILE.read_bytes(), FILE.name)


def told(**attributes):
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A"}, **attributes}
    result = translate({"cartItem": [item]}, {}, V5, now=datetime(2026, 11, 21, tzinfo=UTC))
    inside = "cartItem[0]."
    return {(one.code, one.path.removeprefix(inside)) for one in result.findings if one.path.startswith(inside)}, result


def related(**product):
    return {"relationshipType": "reliesOn", "product": product}


def test_relationships_after_a_dropped_one_keep_their_places_in_the_cart():
    listed = [{"product": {"id": "untyped"}}, related(name="nameless"), {"relationshipType": "r"}, related(id="P", status="x")]  # fmt: skip
    found, result = told(product={"productRelationship": listed})
    where = "product.productRelationship"
    assert found == {
        ("dropped", f"{where}[0]"), ("relationship_dropped", f"{where}[1]"), ("dropped", f"{where}[2]"),
        ("dropped", f"{where}[3].product.status"),
    }  # fmt: skip
    (line,) = result.order.lines
    assert line.item["product"]["productRelationship"] == [related(id="P")]


def test_names_of_the_related_product_are_the_carts():
    listed = [
        {"type": "r"},
        {"type": "reliesOn", "product": {"id": "P", "characteristic": [{"name": "a", "value": "b"}]}},
    ]
    found, _ = told(product={"productRelationship": listed})
    assert ("dropped", "product.productRelationship[1].product.characteristic") in found


@pytest.mark.parametrize("single", [False, True], ids=["array", "object"])
@pytest.mark.parametrize(
    ("attribute", "value", "code", "inside"),
    [
        ("product.productRelationship", related(name="nameless"), "relationship_dropped", ""),
        ("product.agreementItem", {"agreementId": "AG"}, "dropped", ""),
        ("product.productPrice", {"name": "free"}, "dropped", ""),
        ("itemTerm", {"name": "t", "duration": {"amount": 1.5, "units": "year"}}, "converted", ".duration.amount"),
    ],
)  # fmt: skip
def test_one_object_in_the_place_of_an_array_has_no_index(single, attribute, value, code, inside):
    *outer, name = attribute.split(".")
    given = {name: value if single else [value]}
    found, _ = told(**({"product": given} if outer else given))
    assert (code, f"{attribute}{'' if single else '[0]'}{inside}") in found


def test_the_cart_is_named_with_its_owner():
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A"}}
    cart = {"id": "CART-1", "cartItem": [item]}
    result = translate(cart, {"externalId": "WEB-1"}, V5, now=datetime(2026, 11, 21, tzinfo=UTC))
    assert result.order.header["externalId"] == [
        {"externalIdentifierType": "ProductOrder", "id": "WEB-1"},
        {"owner": "tmf-checkout-gateway", "externalIdentifierType": "ShoppingCart", "id": "CART-1"},
    ]


def test_products_nested_too_deep_are_dropped_with_all_they_relate_to():
    product = {"name": "innermost", "productRelationship": [related(id="P")]}
    for _ in range(9):
        product = {"name": "outer", "product": [product], "productRelationship": [{"product": {}}, related(id="Q")]}
    found, result = told(product=product)
    assert ("dropped", "product" + ".product[0]" * 8) in found
    assert ("dropped", "product.product[0].productRelationship[0]") in found
    (line,) = result.order.lines
    assert line.item["product"]["product"][0]["productRelationship"] == [related(id="Q")]


@pytest.mark.parametrize("odd", [[], {}, 1])
def test_a_type_that_is_no_text_stops_nothing(odd):
    parties = [{"role": "user", "partyOrPartyRole": {"href": "p/1", "@type": odd}}]
    _, result = told(product={"relatedParty": parties, "place": [{"role": "here", "@type": odd, "id": "1"}]})
    product = render_whole(result.order, V5, "marker")["productOrderItem"][0]["product"]
    assert product["place"][0]["place"] == {"@type": "PlaceRef", "id": "1"}
    assert product["relatedParty"][0]["partyOrPartyRole"]["id"] == "1"
