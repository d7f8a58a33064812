"""Relationships of a cart point to items of the same cart, at any depth."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.carts.rules import check_cart
from gateway.errors import InvalidBodyError
from gateway.settings import CartSettings


def item(item_id: str, *targets: Any, **more: Any) -> dict[str, Any]:
    relationships = [
        {"relationshipType": "reliesOn", **({} if target is None else {"id": target})} for target in targets
    ]
    return {"id": item_id, "cartItemRelationship": relationships, **more}


def test_targets_may_stand_anywhere_in_the_cart() -> None:
    inside = item("3", "1", "2", "4")
    document = {"cartItem": [item("1", "3"), item("2", "2", None, cartItem=[inside]), item("4", status="saveForLater")]}

    check_cart(document, CartSettings())


def test_a_target_that_is_no_item_of_the_cart_is_named() -> None:
    document = {"cartItem": [item("1", "1", "9"), item("2", cartItem=[item("3", "8")])]}

    with pytest.raises(InvalidBodyError) as caught:
        check_cart(document, CartSettings())

    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        ("cartItem[0].cartItemRelationship[1].id", "names no item of this cart"),
        ("cartItem[1].cartItem[0].cartItemRelationship[0].id", "names no item of this cart"),
    ]


def test_an_id_that_the_server_gives_is_no_target_yet() -> None:
    with pytest.raises(InvalidBodyError):
        check_cart({"cartItem": [{}, item("2", "01")]}, CartSettings())
