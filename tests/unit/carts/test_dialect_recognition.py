"""Which version a cart is written in, told by what only one version has."""

from __future__ import annotations

from typing import Any

import pytest
from official_cart_schemas import V5_FILE, v5_document
from r17_samples import CREATE, PATCH, RESOURCE, RETRIEVED

from gateway.carts.dialects.recognition import version_of


@pytest.mark.parametrize(
    ("cart", "version"),
    [
        ({}, "v4"),
        ({"cartItem": [{"id": "1", "note": [{"text": "x"}], "status": "active", "action": "noChange"}]}, "v4"),
        ({"cartItem": 7, "relatedParty": [1], "contactMedium": {}}, "v4"),
        ({"contactMedium": [{"mediumType": "email", "type": "vendor's"}]}, "v4"),
        (CREATE, "v1"),
        (PATCH, "v1"),
        (RESOURCE, "v1"),
        (RETRIEVED, "v1"),
        ({"cartItem": [{"cardItem": [{"action": "add"}]}]}, "v1"),
        ({"cartItem": [{"cartItem": [{"action": "no_change"}]}]}, "v1"),
        ({"cartItem": [{"product": {"characteristic": [{"name": "x"}]}}]}, "v1"),
        ({"cartItem": [{"cartItemRelationship": [{"id": "1", "type": "Shipping"}]}]}, "v1"),
        ({"cartItem": [{"itemPrice": [{"price": {"dutyFreeAmount": {"money": {"value": 1}}}}]}]}, "v1"),
        ({"relatedParty": [{"role": "customer", "partyOrPartyRole": {"id": "1"}}]}, "v5"),
        ({"contactMedium": [{"@type": "EmailContactMedium"}]}, "v5"),
        ({"cartItem": [{"product": {"place": [{"role": "x", "place": {"id": "1"}}]}}]}, "v5"),
        ({"cartItem": [{"product": {"productCharacteristic": [{"@type": "StringCharacteristic"}]}}]}, "v5"),
        ({"cartItem": [{"product": {"productCharacteristic": [{"@type": "Characteristic"}]}}]}, "v4"),
        ({"cartItem": [{"product": {"productCharacteristic": [{"@type": ["x"]}]}}]}, "v4"),
    ],
)
def test_a_cart_is_of_the_version_whose_words_it_has(cart: dict[str, Any], version: str) -> None:
    assert version_of(cart).version == version


@pytest.mark.skipif(not V5_FILE.exists(), reason="the official API file is not beside the repository")
def test_the_official_examples_are_v5() -> None:
    for name, example in v5_document()["components"]["examples"].items():
        if "create_example" in name:
            assert version_of(example["value"]).version == "v5", name
