"""The order system's paths into a call are told as the cart's paths."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.ordering import Order
from gateway.ordering.model import OrderLine
from gateway.submission.decisions.refusal import cart_problems
from gateway.upstream.reasons import UpstreamReason


def line(item_id: str, path: str, parent: str | None = None) -> OrderLine:
    return OrderLine(
        id=item_id,
        cart_item_id=item_id,
        parent_id=parent,
        root_id=parent or item_id,
        depth=1 + bool(parent),
        item={},
        path=path,
    )


ORDER = Order(
    header={},
    lines=(line("a", "cartItem[1]"), line("b", "cartItem[1].cartItem[0]", "a"), line("c", "cartItem[3]")),
)
ITEMS: list[dict[str, Any]] = [{"id": "a", "productOrderItem": [{"id": "b"}]}, {"id": "c"}]
CALL = json.dumps({"productOrderItem": ITEMS}).encode()
PATCH = json.dumps([{"op": "add", "path": "/productOrderItem/-", "value": item} for item in ITEMS]).encode()


@pytest.mark.parametrize("body", [CALL, PATCH])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/productOrderItem/1/productOffering/id", "cartItem[3].productOffering.id"),
        ("#/productOrderItem/0/productOrderItem/0/action", "cartItem[1].cartItem[0].action"),
        (
            "$.productOrderItem[0].product.productCharacteristic[2].value",
            "cartItem[1].product.productCharacteristic[2].value",
        ),
        ("productOrderItem.1.productOffering", "cartItem[3].productOffering"),
        ("body.productOrderItem[1]", "cartItem[3]"),
        ("orderItem[1].quantity", "cartItem[3].quantity"),
        ("productOrderItem[0].productOrderItemRelationship[0]", "cartItem[1].cartItemRelationship[0]"),
        ("/relatedParty/0/id", "relatedParty[0].id"),
        ("productOrderItem[9].action", "productOrderItem[9].action"),
        ("productOrderItem[999999999999].action", "productOrderItem[999999999999].action"),
        ("", ""),
    ],
)
def test_a_path_into_the_call_is_one_of_the_cart(path, expected, body):
    (problem,) = cart_problems([UpstreamReason("no", "E", path)], ORDER, body)
    assert (problem.path, problem.message, problem.upstreamCode) == (expected, "no", "E")


def test_an_item_named_by_its_id_and_one_named_in_the_text_are_found():
    reasons = [
        UpstreamReason("out of stock", item="b"),
        UpstreamReason("Property: version not allowed in resource productOrderItem.1.productOffering"),
        UpstreamReason("who is that", item="nobody"),
    ]
    assert [problem.path for problem in cart_problems(reasons, ORDER, CALL)] == [
        "cartItem[1].cartItem[0]",
        "cartItem[3].productOffering",
        "",
    ]


def test_a_body_that_is_no_json_ends_nothing():
    assert (
        cart_problems([UpstreamReason("no", "", "/productOrderItem/0")], ORDER, b"{")[0].path == "/productOrderItem/0"
    )
