"""What a change of a v4 cart is asked for, however much the cart lacked already, and what asking costs."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.carts.dialects import v4_shape
from gateway.carts.dialects.v4_shape import EARLIER_MAX, look_at
from gateway.errors import Problem
from gateway.tmf.json import decode_json, encode_json

NAMELESS = {"role": "user"}


def asked_for(before: dict[str, Any], after: dict[str, Any]) -> list[Problem]:
    return look_at(after, [before], mandatory=True)[0]


def cart(*products: dict[str, Any]) -> dict[str, Any]:
    items = [
        {"id": str(number), "product": {"productRelationship": [{"relationshipType": "reliesOn", "product": product}]}}
        for number, product in enumerate(products)
    ]
    copied: dict[str, Any] = decode_json(encode_json({"cartItem": items}))
    return copied


def test_what_is_wrong_in_many_places_of_an_object_takes_one_look_at_it(monkeypatch: pytest.MonkeyPatch):
    product: dict[str, Any] = {"id": "1", "description": "x" * 10_000}
    for _ in range(5):
        product = {"agreement": [5] * 90, "product": [product]}
    written: list[int] = []

    def counted(value: Any) -> bytes:
        written.append(len(encode_json(value)))
        return encode_json(value)

    monkeypatch.setattr(v4_shape, "encode_canonical", counted)
    # The other product comes first now, so nothing is where it was.
    assert asked_for(cart(product), cart({"id": "2"}, product)) == []
    assert 0 < sum(written) < 2 * 5 * 15_000


def test_a_change_of_a_cart_with_old_omissions_is_asked_for_new_ones():
    before = cart({"relatedParty": [NAMELESS] * (EARLIER_MAX // 2)})
    after = cart({"relatedParty": [NAMELESS] * (EARLIER_MAX // 2)}, {"place": [{"id": "1"}]})
    (problem,) = asked_for(before, after)
    assert problem.path == "cartItem[1].product.productRelationship[0].product.place[0].role"


def test_more_old_omissions_than_anybody_is_told_of_are_not_compared():
    before = cart({"relatedParty": [NAMELESS] * (EARLIER_MAX + 1)})
    (problem,) = asked_for(before, cart({"place": [{"id": "1"}], "isBundle": "yes"}))
    assert problem.path == "cartItem[0].product.productRelationship[0].product.isBundle"


def test_a_wrong_type_that_an_earlier_release_let_in_is_not_asked_for():
    before = cart({"status": "COMPLETED", "place": [{"role": "x", "name": 5}]})
    moved = cart({"id": "1"}, {"status": "COMPLETED", "place": [{"role": "x", "name": 5}]})
    assert asked_for(before, moved) == []
    (problem,) = asked_for(before, cart({"status": "DONE", "place": [{"role": "x", "name": 5}]}))
    assert problem.path == "cartItem[0].product.productRelationship[0].product.status"
