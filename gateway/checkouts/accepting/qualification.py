"""The qualification gate: each item to be added needs evidence that it was found to be qualified. Pure.

The gateway never decides qualification. It demands that the request names a TMF679 productOfferingQualification, and where a
service is set that can be asked, that this document says so: it is done, has not expired, and calls the item's offering
qualified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from gateway.documents import Json, JsonObject
from gateway.ordering import Finding, Findings, Order, offering_code, read_tree
from gateway.settings import CheckoutSettings
from gateway.tmf.moments import parse_date_time

PATH: Final = "productOfferingQualification"
_ITEM_LISTS: Final = ("productOfferingQualificationItem", "checkProductOfferingQualificationItem")
_DEPTH_MAX: Final = 32
_NAME_NEXT: Final = "name one that does in the request's productOfferingQualification"
_NAME_ANY: Final = (
    "Nothing says that the item was found to be qualified: name a TMF679 qualification of it in the request's "
    "productOfferingQualification."
)
_NAME_ONE: Final = "qualify only what is ordered, and name that productOfferingQualification"


class Offered(NamedTuple):
    """An item to be added: its path in the cart, and the ids its product offering goes by."""

    path: str
    offerings: frozenset[str]


def missing_evidence(cart: JsonObject, request: Mapping[str, Json], settings: CheckoutSettings) -> tuple[Finding, ...]:
    """Return a finding for each item to be added while the request names no qualification, if one is required."""
    if not settings.require_qualification or request.get(PATH):
        return ()
    return tuple(_error("qualification_missing", item.path, _NAME_ANY) for item in added_items(cart))


def unreadable(request: Mapping[str, Json], references_max: int) -> tuple[Finding, ...]:
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


def added_items(cart: JsonObject, order: Order | None = None) -> Iterator[Offered]:
    """Yield every item to be added now; saved ones are not. With the order, its words for an offering count beside the cart's."""
    ordered = {line.path: offering_code(line.item) for line in order.lines} if order is not None else {}
    for entry in read_tree(cart, Findings()):
        if entry.action == "add":
            yield Offered(entry.path, frozenset({offering_code(entry.raw), ordered.get(entry.path, "")} - {""}))


def not_qualified(items: list[Offered], documents: list[JsonObject | None], now: datetime) -> tuple[Finding, ...]:
    """Compare the items with the TMF679 documents that were read for the request's references, in their order.

    None stands for a reference that leads nowhere. Returns one error finding for each document that says nothing and each
    item that none of them calls qualified, or that one of them calls something else: of two results for one offering, as at
    two places, nobody here knows which is the item's.
    """
    found: list[Finding] = []
    qualified: set[str] = set()
    otherwise: set[str] = set()
    for index, document in enumerate(documents):
        why = _unusable(document, now)
        if why is not None or document is None:
            found.append(_error("not_qualified", f"{PATH}[{index}]", f"The qualification {why}: qualify again."))
            continue
        for offering, is_qualified in _results(document):
            (qualified if is_qualified else otherwise).add(offering)
    for item in items:
        if not item.offerings & qualified:
            message = f"No valid qualification calls the item's offering qualified: {_NAME_NEXT}."
        elif item.offerings & otherwise:
            message = f"The item's offering is called qualified and also something else: {_NAME_ONE}."
        else:
            continue
        found.append(_error("not_qualified", item.path, message))
    return tuple(found)


def _unusable(document: dict[str, Any] | None, now: datetime) -> str | None:
    """Return why a document is not evidence; None when it may be."""
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


def _results(document: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield each offering that the document has a result of, and whether that is `qualified`; nested items have their own."""
    stack = [(document, 0)]
    while stack:
        node, depth = stack.pop()
        for name in _ITEM_LISTS if depth < _DEPTH_MAX else ():
            below = node.get(name)
            for item in below if isinstance(below, list) else ():
                if not isinstance(item, dict):
                    continue
                stack.append((item, depth + 1))
                offering, result = offering_code(item), item.get("qualificationItemResult")
                if offering and isinstance(result, str) and item.get("state", "done") == "done":
                    yield offering, result == "qualified"


def unconfirmed() -> Finding:
    """Return the finding that says that nobody could be asked now; a checkout would be answered 503."""
    message = (
        "The service that confirms qualifications does not answer now: whether these are evidence is not known. A checkout is "
        "refused (503) until it answers."
    )
    return Finding(severity="warning", code="qualification_unconfirmed", path=PATH, message=message)


def _error(code: str, path: str, message: str) -> Finding:
    return Finding(severity="error", code=code, path=path, message=message)
