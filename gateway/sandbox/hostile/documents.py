"""Misbehaviours of how an order is shown, wherever it is: in the answer to the call that made it, by its id, in a list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.sandbox.hostile.state import Memory, State
from gateway.sandbox.orders import Order

Document = dict[str, Any]
Change = Callable[[Document], None]
MINUTE: Final = 60.0


def shown(state: State, order: Order, document: Document) -> Document:
    """Return an order's document as its misbehaviours show it; `document` is changed."""
    memory = state.memory(order.number)
    if memory.shown_state is not None and "state" in document:
        document["state"] = memory.shown_state
    for name in memory.flags:
        change = _CHANGES.get(name)
        if change is not None:
            change(document)
    _by_age(state, order, memory, document)
    return document


def _by_age(state: State, order: Order, memory: Memory, document: Document) -> None:
    age = state.clock.monotonic() - order.created_monotonic
    if "marker-forgotten" in memory.flags and age > MINUTE and "externalId" in document:
        document["externalId"] = f"SRV-{order.number}"
    if (
        "state-unknown" in memory.flags
        and not order.is_draft
        and "state" in document
        and not state.intake.is_final(order)
    ):
        document["state"] = "Awaiting Appointment"
    if "items-renumbered" in memory.flags:
        for item in _items(document):
            if "orderLineItemId" in item:
                line_id = item["orderLineItemId"]
                shown_id = f"{line_id[:3]}R{order.version % 1000:03d}{line_id[7:]}"
                item["orderLineItemId"] = shown_id
                state.renumbered[shown_id] = line_id


def _marker(change: Callable[[str], Any]) -> Change:
    def function(document: Document) -> None:
        marker = document.get("externalId")
        if isinstance(marker, list) and marker and isinstance(marker[0], dict):
            marker = marker[0].get("id")
        if isinstance(marker, str):
            document["externalId"] = change(marker)

    return function


def _without(name: str) -> Change:
    return lambda document: document.pop(name, None)


def _moved(document: Document) -> None:
    if "externalId" in document:
        document["externalReference"] = [{"externalReferenceType": "channel", "id": document.pop("externalId")}]


def _state(change: Callable[[str], str]) -> Change:
    def function(document: Document) -> None:
        if isinstance(document.get("state"), str):
            document["state"] = change(document["state"])

    return function


def _dates(change: Callable[[datetime], str]) -> Change:
    def function(document: Document) -> None:
        for name in ("orderDate", "creationDate"):
            if isinstance(document.get(name), str):
                document[name] = change(datetime.fromisoformat(document[name]))

    return function


def _shifted(hours: int) -> Change:
    return _dates(
        lambda moment: (moment + timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _two_items(document: Document) -> None:
    items = document.get("productOrderItem") or []
    document["productOrderItem"] = [{key: item[key] for key in item if key != "productOrderItem"} for item in items[:2]]


def _items(document: Document) -> list[Document]:
    found = []
    stack = list(document.get("productOrderItem") or ())
    while stack:
        item = stack.pop()
        found.append(item)
        stack.extend(item.get("productOrderItem") or ())
    return found


def _each_item(change: Change) -> Change:
    def function(document: Document) -> None:
        for item in _items(document):
            change(item)

    return function


def _quantity(change: Callable[[Any], Any]) -> Change:
    def function(item: Document) -> None:
        if "quantity" in item:
            item["quantity"] = change(item["quantity"])

    return _each_item(function)


def _characteristics(change: Callable[[list[Any]], list[Any]]) -> Change:
    def function(item: Document) -> None:
        product = item.get("product") or {}
        for name in ("productCharacteristic", "productCharacteristics"):
            if product.get(name):
                item["product"] = product | {name: change(product[name])}

    return _each_item(function)


def _reversed(document: Document) -> None:
    for holder in (document, *_items(document)):
        if holder.get("productOrderItem"):
            holder["productOrderItem"] = holder["productOrderItem"][::-1]


_CHANGES: Final[dict[str, Change]] = {
    "marker-list": _marker(lambda marker: [marker]),
    "marker-object": _marker(lambda marker: [{"@type": "ExternalIdentifier", "id": marker}]),
    "marker-absent": _without("externalId"),
    "marker-null": _marker(lambda _marker: None),
    "marker-number": _marker(lambda marker: sum(marker.encode())),
    "marker-moved": _moved,
    "marker-spaced": _marker(lambda marker: f"{marker} "),
    "marker-dashes": _marker(lambda marker: marker.replace("-", "\u2013")),
    "no-state": _without("state"),
    "state-lower": _state(str.lower),
    "state-upper": _state(str.upper),
    "state-object": lambda document: document.update(
        {"state": {"value": document["state"]}} if isinstance(document.get("state"), str) else {}
    ),
    "lines-two": lambda document: _two_items(document) if "productOrderItem" in document else None,
    "dates-behind": _shifted(-12),
    "dates-ahead": _shifted(12),
    "dates-local": _dates(
        lambda moment: (moment + timedelta(hours=2)).replace(tzinfo=None).isoformat(timespec="seconds")
    ),
    "quantity-number": _quantity(float),
    "quantity-text": _quantity(str),
    "quantity-absent": _each_item(_without("quantity")),
    "characteristics-reversed": _characteristics(lambda entries: entries[::-1]),
    "characteristics-added": _characteristics(
        lambda entries: [*entries, {"name": "provisioningChannel", "valueType": "Text", "value": "SELF"}]
    ),
    "items-reversed": _reversed,
}
"""What a misbehaviour makes of an order's document, in place."""
