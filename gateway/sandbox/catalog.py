"""The product catalogue: which codes can be ordered, which children come with a bundle, what has a price.

Without a file every code is accepted and no bundle is known. The file is TOML:

    [[product]]
    code = "MOBILE_PLAN"
    price_list_entry = true            # false: cannot be ordered at all
    base_charge = true                 # false: its price cannot be altered
    price = [{ type = "recurring", period = "month", amount = "19.90", currency = "EUR" }]
    attribute = { ATTR_SPEED = "Number" }

    [[product.child]]
    code = "SIM_CARD"
    minimum = 1                        # 1 or more: mandatory, appears by itself
    maximum = 1

`price` is what one costs; with one price in the file, orders show what they cost.
A product that lists no child takes none; every code named as a child needs a `[[product]]` of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec


class Child(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product that can stand under another one, and how often."""

    code: str
    minimum: int = 0
    maximum: int | None = None


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one of a product costs: once, or in each period."""

    type: str
    amount: Decimal
    period: str = ""
    currency: str = "EUR"


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One product of the catalogue."""

    code: str
    price_list_entry: bool = True
    base_charge: bool = True
    attribute: dict[str, str] = {}
    child: list[Child] = []
    price: list[Price] = []

    def child_named(self, code: str) -> Child | None:
        """Return the rule for a child, or None when the product does not take it."""
        return next((child for child in self.child if child.code == code), None)


class Catalog:
    """Products by code; `is_open` when no catalogue was given and every code goes."""

    def __init__(self, products: list[Product] | None) -> None:
        self.is_open = products is None
        self._products = {product.code: product for product in products or []}
        self.has_prices = any(product.price for product in products or [])

    def product(self, code: str) -> Product | None:
        """Return a product, or None when the code is unknown (or nothing is known about any)."""
        return self._products.get(code)

    def mandatory_children(self, code: str) -> Iterator[str]:
        """Yield the codes that come with a product by themselves, each as often as its minimum."""
        product = self._products.get(code)
        for child in product.child if product else ():
            for _ in range(child.minimum):
                yield child.code


class _File(msgspec.Struct, forbid_unknown_fields=True):
    product: list[Product]


def load_catalog(path: Path | None) -> Catalog:
    """Read a catalogue file; ValueError tells every mistake in it."""
    if path is None:
        return Catalog(None)
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        products = msgspec.convert(document, _File).product
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}: {error}") from error
    mistakes = list(_mistakes(products))
    if mistakes:
        raise ValueError(f"{path}: " + "; ".join(mistakes))
    return Catalog(products)


def _mistakes(products: list[Product]) -> Iterator[str]:
    by_code: dict[str, Product] = {}
    for product in products:
        if product.code in by_code:
            yield f"product {product.code!r} is there twice"
        by_code[product.code] = product
    for product in products:
        for child in product.child:
            if child.code not in by_code:
                yield f"child {child.code!r} of {product.code!r} has no [[product]]"
            if child.minimum < 0 or (child.maximum is not None and child.maximum < child.minimum):
                yield f"child {child.code!r} of {product.code!r} needs 0 <= minimum <= maximum"
    for product in products:
        if _contains_itself(product.code, by_code):
            yield f"product {product.code!r} contains itself through mandatory children"


def _contains_itself(code: str, by_code: dict[str, Product]) -> bool:
    seen: set[str] = set()
    stack = [code]
    while stack:
        product = by_code.get(stack.pop())
        for child in product.child if product else ():
            if child.minimum < 1:
                continue
            if child.code == code:
                return True
            if child.code not in seen:
                seen.add(child.code)
                stack.append(child.code)
    return False
