"""What is wrong with an R17 cart in its own terms: its schema file, and what the text says of items as a whole.

Actions and statuses are read in any case, with underscores or without, `cardItem` as `cartItem`, a note as one or as a list:
the tables and samples of R17 do not agree with each other, and channels were written from either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.documents import JsonObject
from gateway.errors import Problem
from gateway.tmf.schema import Shape, lenient_definitions
from gateway.tmf.schema_keywords import LENIENT_FORMATS
from gateway.tmf.shapes import Path, report

CART: Final = Shape(lenient_definitions("tmf663_r17"), "ShoppingCart", LENIENT_FORMATS)
# What an item does to a product that there is already.
_CHANGES: Final = frozenset({"modify", "delete", "nochange"})


def check(document: JsonObject) -> list[Problem]:
    """Return every problem of an R17 cart, with paths in its own names; known attributes that are null are removed."""
    problems: list[Problem] = []
    CART.check(document, problems)
    for item, path in _items(document, ()):
        if "cardItem" in item and "cartItem" in item:
            report(problems, (*path, "cardItem"), "is another spelling of cartItem; send one of them")
        product, action = item.get("product"), item.get("action")
        changes = type(action) is str and action.replace("_", "").lower() in _CHANGES
        if changes and not (type(product) is dict and (product.get("id") or product.get("href"))):
            report(problems, (*path, "product"), "needs id or href of the product that the action is about")
    return problems


def _items(holder: JsonObject, path: Path) -> Iterator[tuple[JsonObject, Path]]:
    """Yield every item with its path; what is not an item is passed over."""
    for name in ("cartItem", "cardItem"):
        entries = holder.get(name)
        for index, item in enumerate(entries if type(entries) is list else ()):
            if type(item) is dict:
                inside = (*path, name, index)
                yield item, inside
                yield from _items(item, inside)
