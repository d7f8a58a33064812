"""A ready order as what a checkout is made of: a cart and a request. Pure.

Nothing of it is lost without a word: what a partner says that only a server says, or that no order has, is a finding.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from gateway.carts.dialects.forms import unmarked
from gateway.checkouts.orders.v5 import from_canonical
from gateway.checkouts.orders.words import CART_ITEMS, CART_TOTALS, ITEMS, TOTALS, cart_items
from gateway.documents import JsonObject
from gateway.ordering import Finding, Findings

READY: Final = "productOrder"
"""The source of the checkout of a ready order, and the kind of document that the order is kept as."""
INITIAL_STATE: Final = "requestedInitialState"
# What the gateway or the order system says of an order, in any version; it is ignored when a client sends it back.
SERVERS_OWN: Final = frozenset(
    {
        *("id", "href", "state", "orderDate", "creationDate", "lastUpdate", "completionDate", "expectedCompletionDate"),
        *("cancellationDate", "cancellationReason", "productOrderErrorMessage", "productOrderJeopardyAlert"),
        *("productOrderMilestone", "upstreamOrder", "checkout"),
    }
)
ITEMS_OWN: Final = frozenset({"state", "orderLineItemId"})
_TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
# Names that would steer a checkout, or that a cart has: as attributes of an order they are a mistake.
OF_CHECKOUTS: Final = {
    "shoppingCart": "an order has its items itself, in productOrderItem",
    "cartItem": "did you mean productOrderItem?",
    "cartTotalPrice": "did you mean orderTotalPrice?",
    "submit": f"say {INITIAL_STATE}: draft for an order that waits to be submitted",
    "expectedTotalPrice": "give the prices in orderTotalPrice",
}
OF_CART_ITEMS: Final = {
    "cartItem": "did you mean productOrderItem?",
    "cardItem": "did you mean productOrderItem?",
    "cartItemRelationship": "did you mean productOrderItemRelationship?",
    "totalItemPrice": "did you mean itemTotalPrice?",
    "ItemTotalPrice": "did you mean itemTotalPrice?",
    "status": "every item of an order is ordered; leave out what is not to be",
}


class ReadyOrder(NamedTuple):
    """A ready order: the request of its checkout, whole cart included, the order as it is kept, and what is told of it."""

    request: dict[str, Any]
    kept: dict[str, Any]
    findings: tuple[Finding, ...]


def ready_order(order: JsonObject) -> ReadyOrder:
    """Return what is made of a canonical order that has been checked."""
    findings = Findings()
    kept = _kept(order, findings)
    given = unmarked(kept)
    cart = {CART_ITEMS: cart_items(given[ITEMS])}
    if TOTALS in given:
        cart[CART_TOTALS] = given[TOTALS]
    request = {name: value for name, value in given.items() if name not in {ITEMS, TOTALS, INITIAL_STATE} | _TYPES}
    submit = given.get(INITIAL_STATE) != "draft"
    return ReadyOrder({**request, "submit": submit, "shoppingCart": cart}, kept, findings.all())


def _kept(order: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """Return the order without what only a server says of it."""
    for name in order:
        if name in SERVERS_OWN:
            findings.info("dropped", name, "Only the server says it of an order.")
    kept = {name: value for name, value in order.items() if name not in SERVERS_OWN}
    kept[ITEMS] = _kept_items(kept[ITEMS], ITEMS, findings)
    return kept


def _kept_items(items: list[Any], path: str, findings: Findings) -> list[Any]:
    found = []
    for index, item in enumerate(items):
        if type(item) is not dict:
            found.append(item)
            continue
        own = ITEMS_OWN.intersection(item)
        for name in sorted(own):
            findings.info("dropped", f"{path}[{index}].{name}", "Only the server says it of an item.")
        kept = {name: value for name, value in item.items() if name not in own} if own else item
        if type(item.get(ITEMS)) is list:
            kept = {**kept, ITEMS: _kept_items(item[ITEMS], f"{path}[{index}].{ITEMS}", findings)}
        found.append(kept)
    return found


def same_order(order: JsonObject, other: JsonObject) -> bool:
    """Tell whether two orders, as they are kept, say the same, whichever version of TMF622 each was sent in.

    Classes (`@type`) do not count: v4 names few of them. Of v5's external ids only the first has a place in v4.
    """
    texts_only = any(type(each.get("externalId")) is not list for each in (order, other))
    mine, others = (_compared(each, first_id_only=texts_only) for each in (order, other))
    return mine == others


def _compared(order: dict[str, Any], *, first_id_only: bool) -> dict[str, Any]:
    """Return an order in the one spelling that orders of both versions are compared in."""
    written: dict[str, Any] = _without_classes(from_canonical(order))
    if written.get(INITIAL_STATE) == "acknowledged":
        del written[INITIAL_STATE]
    identifiers = written.get("externalId")
    if first_id_only and type(identifiers) is list and identifiers and type(identifiers[0]) is dict:
        written["externalId"] = identifiers[0].get("id")
    return written


def _without_classes(value: Any) -> Any:
    if type(value) is dict:
        return {name: _without_classes(inner) for name, inner in value.items() if name != "@type"}
    return [_without_classes(inner) for inner in value] if type(value) is list else value
