"""The qualification gate: each item to be added needs evidence that it was found to be qualified. Pure.

The gateway never decides qualification. It demands that the request names a TMF679 productOfferingQualification, and where a
service is set that can be asked, that this document says so: it is done, has not expired, and calls the item's offering
qualified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from gateway.ordering.model import Finding, Order
from gateway.settings import CheckoutSettings
from gateway.tmf.shapes import parse_date_time

PATH: Final = "productOfferingQualification"
_ITEM_LISTS: Final = ("productOfferingQualificationItem", "checkProductOfferingQualificationItem")
_DEPTH_MAX: Final = 32
_NAME_NEXT: Final = "give the checkout request a productOfferingQualification that says so"


class Offered(NamedTuple):
    """An item to be added: its path in the cart, and the ids its product offering goes by."""

    path: str
    offerings: frozenset[str]


def missing_evidence(
    order: Order | None, request: Mapping[str, Any], settings: CheckoutSettings
) -> tuple[Finding, ...]:
    """Return a finding for each item to be added while the request names no qualification, if one is required.

    `order` is None when the cart could not be translated.
    """
    if not settings.require_qualification or request.get(PATH):
        return ()
    if order is None:
        return (_error("qualification_missing", PATH, f"Items to be added need evidence: {_NAME_NEXT}."),)
    return tuple(
        _error("qualification_missing", item.path, f"The item has no evidence of its qualification: {_NAME_NEXT}.")
        for item in added_items(order)
    )


def unreadable(request: Mapping[str, Any], references_max: int) -> tuple[Finding, ...]:
    """Return a finding for each reference of the request that cannot be read, having no id, and for too many of them."""
    references = request.get(PATH) or []
    found = [
        _error("qualification_missing", f"{PATH}[{index}]", "The qualification cannot be read without its id: give it.")
        for index, each in enumerate(references)
        if not each.get("id")
    ]
    if len(references) > references_max:
        message = f"At most {references_max} qualifications are read for one checkout: name fewer."
        found.append(_error("qualification_missing", PATH, message))
    return tuple(found)


def added_items(order: Order, cart: Mapping[str, Any] | None = None) -> Iterator[Offered]:
    """Yield every item with action `add`. With the cart, its own words for an offering count beside the order's."""
    own = dict(_cart_offerings(cart)) if cart is not None else {}
    for line in order.lines:
        if line.item.get("action") == "add":
            names = {_offering(line.item), own.get(line.cart_item_id)} - {None}
            yield Offered(line.path, frozenset(str(name) for name in names))


def not_qualified(items: list[Offered], documents: list[dict[str, Any] | None], now: datetime) -> tuple[Finding, ...]:
    """Compare the items with the TMF679 documents that were read for the request's references, in their order.

    None stands for a reference that leads nowhere. Returns one error finding for each document that says nothing and each
    item that none of them calls qualified.
    """
    found: list[Finding] = []
    qualified: set[str] = set()
    for index, document in enumerate(documents):
        why = _unusable(document, now)
        if why is not None or document is None:
            found.append(_error("not_qualified", f"{PATH}[{index}]", f"The qualification {why}: qualify again."))
        else:
            qualified |= set(_qualified_offerings(document))
    found += [
        _error("not_qualified", item.path, f"No valid qualification calls the item's offering qualified: {_NAME_NEXT}.")
        for item in items
        if not item.offerings & qualified
    ]
    return tuple(found)


def _unusable(document: dict[str, Any] | None, now: datetime) -> str | None:
    """Return why a document is no evidence; None when it may be."""
    if document is None:
        return "does not exist"
    if document.get("state") != "done":
        return "is not done"
    for name, end in (("expirationDate", document.get("expirationDate")), ("validFor", _end(document.get("validFor")))):
        if end is None:
            continue
        moment = parse_date_time(end) if isinstance(end, str) else None
        if moment is None:
            return f"has a {name} that cannot be read"
        if moment <= now:
            return "has expired"
    return None


def _end(period: Any) -> Any:
    return period.get("endDateTime") if isinstance(period, dict) else None


def _qualified_offerings(document: dict[str, Any]) -> Iterator[str]:
    """Yield the offerings that the document calls qualified; nested items count for themselves."""
    stack = [(document, 0)]
    while stack:
        node, depth = stack.pop()
        for name in _ITEM_LISTS if depth < _DEPTH_MAX else ():
            for item in node.get(name) or [] if isinstance(node.get(name), list) else []:
                if not isinstance(item, dict):
                    continue
                stack.append((item, depth + 1))
                offering = _offering(item)
                if (
                    item.get("qualificationItemResult") == "qualified"
                    and item.get("state", "done") == "done"
                    and offering
                ):
                    yield offering


def _offering(item: Mapping[str, Any]) -> str | None:
    """Return the id of an item's product offering, which may be named on its product instead."""
    product = item.get("product")
    for holder in (item, product if isinstance(product, dict) else {}):
        reference = holder.get("productOffering")
        if isinstance(reference, dict) and isinstance(reference.get("id"), str):
            return str(reference["id"])
    return None


def _cart_offerings(cart: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (item id, offering id) of every cart item."""
    stack: list[Any] = [cart]
    while stack:
        node = stack.pop()
        for name in ("cartItem", "cardItem"):
            below = node.get(name)
            for item in below if isinstance(below, list) else ():
                if isinstance(item, dict):
                    stack.append(item)
                    offering = _offering(item)
                    if offering is not None and isinstance(item.get("id"), str):
                        yield item["id"], offering


def unconfirmed() -> Finding:
    """Return the finding that says that nobody could be asked now; a checkout would be answered 503."""
    message = (
        "The service that confirms qualifications does not answer now: whether these are evidence is not known. A checkout is "
        "refused (503) until it answers."
    )
    return Finding(severity="warning", code="qualification_unconfirmed", path=PATH, message=message)


def _error(code: str, path: str, message: str) -> Finding:
    return Finding(severity="error", code=code, path=path, message=message)
