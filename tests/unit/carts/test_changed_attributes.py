"""`fieldPath` of change events: the attributes that a change concerns, not those that only follow it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.carts.events import changed_attributes

CART: dict[str, Any] = {
    "id": "1",
    "href": "/1",
    "validFor": {"endDateTime": "2027-01-01T00:00:00Z"},
    "cartItem": [{"id": "01", "quantity": 1}],
    "cartTotalPrice": [{"priceType": "oneTime"}],
    "contactMedium": [{"mediumType": "email"}],
}
MOVED_ON = {"validFor": {"endDateTime": "2027-02-01T00:00:00Z"}}


@pytest.mark.parametrize(
    ("change", "given", "expected"),
    [
        ({"contactMedium": []}, False, "contactMedium"),
        ({"contactMedium": None, **MOVED_ON}, False, "contactMedium"),
        ({"contactMedium": [], "@type": "Cart", "vendor": None}, False, "@type,contactMedium,vendor"),
        ({"cartItem": [], "cartTotalPrice": [], **MOVED_ON}, False, "cartItem"),
        ({"cartTotalPrice": [], **MOVED_ON}, False, "cartTotalPrice"),
        # The server's doing, when there is nothing else: the cart was touched.
        (MOVED_ON, False, "validFor"),
        ({"contactMedium": [], **MOVED_ON}, True, "contactMedium,validFor"),
        ({"@v5": {"kept": True}}, False, None),
        ({}, False, None),
    ],
)
def test_what_a_change_concerns_is_named(change: dict[str, Any], given: bool, expected: str | None) -> None:
    after = {**CART, **change}

    assert changed_attributes(json.dumps(CART), json.dumps(after), expiry_given=given) == expected


def test_an_attribute_that_is_gone_or_new_has_changed() -> None:
    without = {name: value for name, value in CART.items() if name != "contactMedium"}

    assert changed_attributes(json.dumps(CART), json.dumps(without)) == "contactMedium"
    assert changed_attributes(json.dumps(without), json.dumps(CART)) == "contactMedium"


def test_other_digits_of_the_same_number_are_no_change_of_value() -> None:
    assert changed_attributes('{"x":1.50}', '{"x":1.5}') is None
