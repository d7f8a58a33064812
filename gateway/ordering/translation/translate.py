"""From a TMF663 cart to a TMF622 order: pure, tolerant of every version of the cart, exact in every digit.

The attribute mapping is the one of TMF663 to TMF622 by name; what differs between order systems comes from the mapping.
Whatever is dropped, defaulted, renamed or refused is one finding, and all of them are returned together.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.catalogue import Catalogue
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Order, OrderLine, Translation
from gateway.ordering.translation.changes import does_nothing
from gateway.ordering.translation.entries import CHILDREN
from gateway.ordering.translation.header import Header
from gateway.ordering.translation.items import Items
from gateway.ordering.translation.money import AMOUNT_MAX, Money
from gateway.ordering.translation.order_totals import recompute_item_totals
from gateway.ordering.translation.tree import read_tree
from gateway.ordering.values import objects, without_nulls, wrong_type


def translate(
    cart: object,
    request: object,
    mapping: Mapping,
    *,
    now: datetime,
    catalogue: Catalogue | None = None,
    amount_max: Decimal = AMOUNT_MAX,
) -> Translation:
    """Return the order that a cart asks for, or the reasons why there is none. Pure, and total: any JSON has an answer.

    Args:
        cart: a TMF663 document (R17, v2, v4 or v5), Decimals for its numbers.
        request: the checkout request.
        mapping: the order system.
        now: the time of the checkout, aware.
        catalogue: what TMF620 says of bundles, where neither the cart nor the mapping's own file does.
        amount_max: the amount of money, in the cart's currency, above which one is told as implausible.

    Raises:
        Nothing: what has the wrong type is a finding of severity `error`, with its path in the cart.

    Source: TMF663 v4 and v5, TMF622 v4 and v5; decisions 6 and 10 for money; `docs/reference/attributes.md`.
    """
    findings = Findings()
    if not isinstance(cart, dict):
        wrong_type(cart, "a shopping cart object", "", findings)
        return Translation(order=None, findings=findings.all())
    if not isinstance(request, dict):
        wrong_type(request, "a checkout request object", "checkout", findings)
        request = {}
    asked: JsonObject = without_nulls(request)
    money = Money(cart, amount_max, findings)
    given, cart = cart, money.with_right_totals() if mapping.price.totals else cart
    entries = read_tree(cart, findings, mapping.item)
    items = Items(mapping, findings, catalogue)
    items.totals_replaced = money.replaced
    lines = items.lines(entries)
    items_stay = "left_behind" in findings.codes
    if all(map(does_nothing, lines)) and not findings.refused:
        findings.error("nothing_to_order", "cartItem", _why_nothing(items_stay=items_stay, entries=len(entries)))
    recompute_item_totals(lines, items.incomplete_totals, findings)
    _apply_places(asked, lines, items, findings)
    money.tell()
    # Items are read one by one, and most of them are sent as they are: to look through all of them first would cost more.
    around = without_nulls({key: value for key, value in given.items() if key not in CHILDREN})
    header = Header(mapping, findings, now).translate(
        around, asked, items.order_notes, totals=money.totals, stays_of=lines if items_stay else None
    )
    order = None if findings.refused else Order(header=header, lines=lines)
    return Translation(order=order, findings=findings.all())


def _why_nothing(*, items_stay: bool, entries: int) -> str:
    if items_stay and entries:
        return "No active item changes anything; make a saved one active, or give one with the action add, modify or delete."
    if items_stay:
        return "Every item is saved for later; make at least one active."
    if entries:
        return "No item changes anything; give one with the action add, modify or delete."
    return "The cart is empty; add an item."


def _apply_places(request: JsonObject, lines: tuple[OrderLine, ...], items: Items, findings: Findings) -> None:
    """Put the request's places on the top items to be added that have none: an order has places only on its products."""
    value = request.get("place")
    if value is None:
        return
    places = [
        place
        for member, path in objects(value, "checkout.place", findings)
        if (place := items.products.place(member, path)) is not None
    ]
    if not places:
        return
    if not items.products.keeps("place"):
        findings.warning("dropped", "checkout.place", "The order system has no place for it.")
        return
    taken = False
    for line in lines:
        if line.parent_id is None and line.item["action"] == "add":
            product = line.item.get("product") or {}
            if "place" not in product:
                line.item["product"] = {**product, "place": places}
                taken = True
    if taken:
        findings.info(
            "moved", "checkout.place", "It is sent as the place of each top item to be added that has none of its own."
        )
    else:
        findings.warning("dropped", "checkout.place", "No top item is added that has no place of its own.")
