"""What is wrong with a cart of TMF663 v5 in its own terms: what its API file says of a cart that is sent (`ShoppingCart_FVO`).

What v5 shares with the stored form (ids that must be unique, references to items) is checked there.
"""

from __future__ import annotations

from typing import Final

from gateway.documents import JsonObject
from gateway.errors import Problem
from gateway.tmf.schema import Shape, lenient_definitions
from gateway.tmf.schema_keywords import LENIENT_FORMATS

CART: Final = Shape(lenient_definitions("tmf663_v5"), "ShoppingCart_FVO", LENIENT_FORMATS)


def check(document: JsonObject) -> list[Problem]:
    """Return every problem of a v5 cart, with paths in its own names; known attributes that are null are removed.

    Attributes that only the server writes (`cartTotalPrice`, `itemTotalPrice`, dates) are not looked at.
    """
    problems: list[Problem] = []
    CART.check(document, problems)
    return problems
