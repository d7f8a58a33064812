"""What v5 has a type for: each attribute of another type is named by its path, however deep it stands."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from official_cart_schemas import problems

from gateway.carts.dialects import V5
from gateway.carts.rules import check_cart
from gateway.errors import InvalidBodyError
from gateway.settings import CartSettings
from gateway.tmf.json import decode_stored
from gateway.tmf.paths import path_text
from gateway.tmf.shapes import Path
from tests.api.test_cart_v5 import CART

PRICE = {
    "@type": "Price",
    "percentage": 10,
    "taxRate": 20,
    "dutyFreeAmount": {"unit": "EUR", "value": 1},
    "taxIncludedAmount": {"unit": "EUR", "value": 1},
}
PRICED = {
    "name": "n",
    "description": "d",
    "priceType": "recurring",
    "recurringChargePeriod": "month",
    "unitOfMeasure": "u",
    "price": PRICE,
    "productOfferingPrice": {"@type": "ProductOfferingPriceRef", "id": "1", "href": "h", "name": "n"},
}
ALTERED = {
    **PRICED,
    "priceAlteration": [{**PRICED, "@type": "PriceAlteration", "applicationDuration": 1, "priority": 1}],
}
PRODUCT = {
    **CART["cartItem"][0]["product"],
    "agreementItem": [
        {
            "@type": "AgreementItemRef",
            "agreementId": "a",
            "agreementItemId": "1",
            "agreementHref": "h",
            "agreementName": "n",
        }
    ],
    "billingAccount": {"@type": "BillingAccountRef", "id": "1", "name": "n"},
    "productOrderItem": [
        {
            "@type": "RelatedOrderItem",
            "role": "r",
            "orderId": "1",
            "orderItemId": "2",
            "orderHref": "h",
            "orderItemAction": "add",
        }
    ],
    "productPrice": [{**ALTERED, "@type": "ProductPrice"}],
    "productRelationship": [
        {"@type": "ProductRelationship", "id": "p", "href": "h", "name": "n", "relationshipType": "reliesOn"}
    ],
    "productSpecification": {
        "@type": "ProductSpecificationRef",
        "id": "1",
        "version": "2",
        "targetProductSchema": {"@type": "x", "@schemaLocation": "https://shop.example/x.json"},
    },
    "productTerm": [
        {
            "@type": "ProductTerm",
            "name": "n",
            "description": "d",
            "duration": {"amount": 1, "units": "month"},
            "validFor": {"startDateTime": "2026-12-01T08:30:00Z", "endDateTime": "2026-12-02T08:30:00Z"},
        }
    ],
    "realizingService": [{"@type": "ServiceRef", "id": "1", "href": "h"}],
    "relatedParty": CART["relatedParty"],
}
ITEM = {**CART["cartItem"][0], "itemPrice": [{**ALTERED, "@type": "CartPrice"}]}
SENT: dict[str, Any] = {
    **CART,
    "cartItem": [{**ITEM, "product": {**PRODUCT, "product": [PRODUCT]}, "cartItem": [{**ITEM, "id": "2"}]}],
}
# As it is read: numbers with a fraction are Decimal.
WHOLE: dict[str, Any] = decode_stored(json.dumps(SENT))
# Of any type, of the client's own, or what a party or place by value says of itself.
FREE = {"value", "vendor", "city", "streetName", "givenName", "familyName"}


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every attribute that is an object, a list or a value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in FREE:
                yield (*path, name)
                yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


PLACES = list(places(WHOLE))


def replaced(path: Path, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(WHOLE)
    node: Any = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return document


def named(document: dict[str, Any]) -> list[str]:
    """Return the paths of what is wrong with a cart of v5, by its own form or by the one in which it is stored."""
    if found := V5.check(document):
        return [problem.path for problem in found]
    try:
        check_cart(V5.to_canonical(document), CartSettings())
    except InvalidBodyError as error:
        return [problem.path for problem in error.problems]
    return []


def test_the_whole_cart_is_right() -> None:
    assert problems("v5", "ShoppingCart_FVO", SENT) == []
    assert V5.check(copy.deepcopy(WHOLE)) == []
    assert len(PLACES) > 200


def test_another_type_is_named_by_its_path() -> None:
    for path in PLACES:
        found = named(replaced(path, [1]))

        assert any(at.startswith(path_text(path)) for at in found), path_text(path)


def test_what_is_mandatory_is_missed_in_a_product_of_a_product() -> None:
    found = {
        problem.path for problem in V5.check(replaced(("cartItem", 0, "product", "product"), [{"productPrice": [{}]}]))
    }

    inside = "cartItem[0].product.product[0]"
    price = f"{inside}.productPrice[0]"
    assert found == {f"{inside}.@type", f"{price}.@type", f"{price}.price", f"{price}.priceType"}


RIGHT: list[tuple[str, Any]] = [
    ("StringCharacteristic", "x"),
    ("BooleanCharacteristic", True),
    ("IntegerCharacteristic", 128),
    ("NumberCharacteristic", 128),
    ("FloatCharacteristic", Decimal("1.5")),
    ("ObjectCharacteristic", {"x": 1}),
    ("StringArrayCharacteristic", ["x", "y"]),
    ("IntegerArrayCharacteristic", []),
    ("ObjectArrayCharacteristic", [{}]),
]


def characteristic_problems(kind: str, value: Any) -> list[str]:
    path: Path = ("cartItem", 0, "product", "productCharacteristic")
    return named(replaced(path, [{"@type": kind, "name": "n", "value": value}]))


def test_a_characteristic_has_the_value_that_its_type_says() -> None:
    place = "cartItem[0].product.productCharacteristic[0].value"
    for kind, value in RIGHT:
        assert characteristic_problems(kind, value) == []
        for wrong in ([[1]], [True, {}], "x" if kind != "StringCharacteristic" else 1, None):
            found = characteristic_problems(kind, wrong)
            assert found, (kind, wrong)
            assert {path.split("[0].value")[0] + "[0].value" for path in found} == {place}, (kind, wrong)
    # What the API file does not define is the client's own; the base class says nothing of its value.
    for kind in ("VendorCharacteristic", "Characteristic"):
        assert characteristic_problems(kind, [[1]]) == []
