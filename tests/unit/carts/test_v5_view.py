"""A cart that v4 wrote, in v5: classes that v5 does not have are written as those that it has."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.carts.dialects import v5


def shown(product: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = v5.from_canonical({"cartItem": [{"id": "1", "product": product}]})["cartItem"][0]["product"]
    return found


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ({"name": "x"}, "Product"),
        ({"@type": "ProductRefOrValue", "name": "x"}, "Product"),
        ({"@type": "ProductRefOrValue", "id": "7", "@referredType": "Product"}, "ProductRef"),
        ({"@type": "Product", "id": "7"}, "Product"),
        ({"@type": "Line", "@schemaLocation": "https://x.test/line.json"}, "Line"),
    ],
)
def test_the_class_of_a_product(product, expected):
    assert shown(product)["@type"] == expected


@pytest.mark.parametrize(("given", "referred"), [("GeographicAddressRef", "GeographicAddress"), ("ShopRef", "Shop")])
def test_a_reference_to_a_place_says_what_is_referred_to(given, referred):
    (place,) = shown({"place": [{"@type": given, "id": "a", "role": "r"}]})["place"]
    assert place == {
        "role": "r",
        "@type": "RelatedPlaceRefOrValue",
        "place": {"@type": "PlaceRef", "@referredType": referred, "id": "a"},
    }


def test_a_relationship_between_products_refers_to_the_other_and_says_no_class_of_v4():
    related = [{"relationshipType": "reliesOn", "product": {"@type": "ProductRefOrValue", "id": "7"}}]
    assert shown({"productRelationship": related})["productRelationship"] == [
        {"id": "7", "relationshipType": "reliesOn", "@type": "ProductRelationship"}
    ]
