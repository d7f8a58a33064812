"""What an order calls otherwise than a cart: names of attributes in documents, in paths and in sentences. Pure.

An order of a partner goes the way of a cart, because that is what all of the gateway judges and translates. So it is given a cart's
names on the way in, and whatever is told about it has the order's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from gateway.documents import Json
from gateway.errors import Problem
from gateway.ordering import Finding

ITEMS: Final = "productOrderItem"
TOTALS: Final = "orderTotalPrice"
_RELATIONS: Final = "productOrderItemRelationship"
CART_ITEMS: Final = "cartItem"
CART_TOTALS: Final = "cartTotalPrice"
_CART_RELATIONS: Final = "cartItemRelationship"
_TO_CART: Final = {ITEMS: CART_ITEMS, _RELATIONS: _CART_RELATIONS}
_TO_ORDER: Final = {ours: theirs for theirs, ours in _TO_CART.items()}
_IN_PATHS: Final = {**_TO_ORDER, CART_TOTALS: TOTALS}
_SENTENCES: Final = (
    ("cartItem", "productOrderItem"),
    ("the checkout request", "the order"),
    ("an attribute of a checkout", "an attribute of a product order"),
    ("cart item", "order item"),
    ("shopping cart", "order"),
    ("A cart", "An order"),
    ("a cart", "an order"),
    ("cart", "order"),
)


def cart_items(items: object) -> Json:
    """Return the items of an order as those of a cart; what is not an item stays as it is."""
    return _renamed(items, ITEMS, _TO_CART)


def order_items(items: object) -> Json:
    """Return the items of a cart as those of an order."""
    return _renamed(items, CART_ITEMS, _TO_ORDER)


def _renamed(items: Any, inner: str, names: Mapping[str, str]) -> Any:
    """Return items with other names; without recursion into anything but items, which the depth of a body bounds."""
    if type(items) is not list:
        return items
    found = []
    for item in items:
        if type(item) is not dict:
            found.append(item)
            continue
        renamed = {names.get(name, name): value for name, value in item.items()}
        if inner in item:
            renamed[names[inner]] = _renamed(item[inner], inner, names)
        found.append(renamed)
    return found


def order_path(path: str) -> str:
    """Return a path in a cart or a checkout request as the path in the order that these were made from."""
    if path == "checkout":
        return ""
    parts = path.removeprefix("checkout.").removeprefix("shoppingCart.").split(".")
    for place, part in enumerate(parts):
        name, bracket, rest = part.partition("[")
        parts[place] = f"{_IN_PATHS.get(name, name)}{bracket}{rest}"
        if name not in {CART_ITEMS, ITEMS}:
            break  # nothing inside a product is renamed
    return ".".join(parts)


def order_sentence(message: str) -> str:
    """Return what is said of a cart as what is said of an order; sentences carry no values of documents."""
    for of_cart, of_order in _SENTENCES:
        message = message.replace(of_cart, of_order)
    return message


def order_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings about a cart as findings about the order."""
    return tuple(
        replace(finding, path=order_path(finding.path), message=order_sentence(finding.message)) for finding in findings
    )


def order_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return what is wrong with a cart as what is wrong with the order."""
    return [Problem(order_path(problem.path), order_sentence(problem.message)) for problem in problems]
