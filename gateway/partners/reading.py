"""From an order that a client sends, in v4 or v5, to what a checkout is made of: the one judge of every way that it comes in. Pure."""

from __future__ import annotations

from typing import Any, Final

from gateway.carts.rules import check_cart
from gateway.checkouts.orders.ready import INITIAL_STATE, OF_CART_ITEMS, OF_CHECKOUTS, ReadyOrder, ready_order
from gateway.checkouts.orders.shown import V4, OrderDialect
from gateway.checkouts.orders.words import CART_ITEMS, ITEMS, order_problems
from gateway.checkouts.request import check_ready
from gateway.documents import JsonObject
from gateway.errors import InvalidBodyError, Problem
from gateway.settings import CartSettings
from gateway.tmf.schema import Shape, lenient_definitions
from gateway.tmf.schema_keywords import LENIENT_FORMATS
from gateway.tmf.shapes import PROBLEMS_MAX, Path, check_text_lengths, report

# Of v4's mandatory attributes those that the rest of an order tells are asked for by the judge of carts.
_SHAPES: Final = {
    "v4": Shape(lenient_definitions("tmf622_v4", mandatory=False), "ProductOrder_Create", LENIENT_FORMATS),
    "v5": Shape(lenient_definitions("tmf622_v5"), "ProductOrder_FVO", LENIENT_FORMATS),
}


def read_order(given: JsonObject, dialect: OrderDialect, limits: CartSettings) -> ReadyOrder:
    """Return what is made of an order; known attributes that are null are removed from it.

    Raises InvalidBodyError (400) with everything that is wrong, at the paths that the client wrote.
    """
    problems: list[Problem] = []
    _SHAPES[dialect.version].check(given, problems)
    _check_names(given, problems)
    _check_state(given, problems)
    check_text_lengths(given, limits.text_characters_max, problems)
    if not _has_items(given):
        if given.get(ITEMS) == []:
            report(problems, (ITEMS,), "needs at least one item")
        raise InvalidBodyError(problems)
    ready = ready_order(dialect.to_canonical(given))
    _check_content(ready, dialect, limits, problems)
    if problems:
        raise InvalidBodyError(problems[:PROBLEMS_MAX])
    return ready


def _check_content(ready: ReadyOrder, dialect: OrderDialect, limits: CartSettings, problems: list[Problem]) -> None:
    """Report what is wrong with the order as a checkout would have it, but for what is told at the same place already."""
    more: list[Problem] = []
    head, cart = ready.request, ready.request["shoppingCart"]
    parties = {"relatedParty": head["relatedParty"]} if "relatedParty" in head else {}
    whole = {**cart, **parties}
    try:
        check_cart(whole, limits, mandatory=dialect is V4)
    except InvalidBodyError as error:
        more += error.problems
    else:
        cart[CART_ITEMS] = whole[CART_ITEMS]
    check_ready({name: value for name, value in head.items() if name != "shoppingCart"}, more)
    told = [problem.path for problem in problems]
    problems += [
        problem
        for problem in order_problems(more)
        if not any(path == problem.path or path.startswith(f"{problem.path}.") for path in told)
    ]


def _check_state(given: dict[str, Any], problems: list[Problem]) -> None:
    """Report a state that says that the order waits: nobody hears a state, and the order would be submitted."""
    if given.get("state") == "draft" and given.get(INITIAL_STATE) is None:
        report(problems, ("state",), f"does not make a draft; send {INITIAL_STATE}: draft")


def _has_items(given: dict[str, Any]) -> bool:
    items = given.get(ITEMS)
    return type(items) is list and len(items) > 0 and all(type(item) is dict for item in items)


def _check_names(given: dict[str, Any], problems: list[Problem]) -> None:
    """Report attributes that a cart or a checkout has: they would steer what an order does not say."""
    for name, hint in OF_CHECKOUTS.items():
        if name in given:
            report(problems, (name,), f"is not an attribute of a product order; {hint}")
    stack: list[tuple[Any, Path]] = [(given.get(ITEMS), (ITEMS,))]
    while stack:
        items, path = stack.pop()
        for index, item in enumerate(items if type(items) is list else ()):
            if type(item) is not dict:
                continue
            for name, hint in OF_CART_ITEMS.items():
                if name in item:
                    report(problems, (*path, index, name), f"is not an attribute of an order's item; {hint}")
            if ITEMS in item:
                stack.append((item[ITEMS], (*path, index, ITEMS)))
