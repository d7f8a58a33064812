"""Misbehaviours that change what a call asks for before it takes effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec

from gateway.sandbox.answers import decode, encode
from gateway.sandbox.hostile.state import State
from gateway.sandbox.intake import HAND_OFFERING
from gateway.sandbox.wire import Request

Change = Callable[[dict[str, Any]], None]
_MARKER_CUT: Final = 18


def _partial(body: dict[str, Any]) -> None:
    items = body.get("productOrderItem") or []
    if len(items) > 1:
        body["productOrderItem"] = items[: len(items) - 1]
    elif items and items[0].get("productOrderItem"):
        body["productOrderItem"] = [items[0] | {"productOrderItem": items[0]["productOrderItem"][:-1]}]


def _nested_gone(body: dict[str, Any]) -> None:
    items = body.get("productOrderItem") or []
    body["productOrderItem"] = [{key: item[key] for key in item if key != "productOrderItem"} for item in items]


def _own_line(number: str) -> dict[str, Any]:
    return {
        "@type": "ProductOrderItem",
        "id": number,
        "action": "add",
        "quantity": 1,
        "productOffering": {"@type": "ProductOfferingRef", "id": HAND_OFFERING},
    }


def _child_added(body: dict[str, Any]) -> None:
    items = body["productOrderItem"]
    children = [*items[0].get("productOrderItem", ()), _own_line("9001")]
    body["productOrderItem"] = [items[0] | {"productOrderItem": children}, *items[1:]]


def _root_added(body: dict[str, Any]) -> None:
    body["productOrderItem"] = [*body["productOrderItem"], _own_line("9002")]


def _doubled(body: dict[str, Any]) -> None:
    first = body["productOrderItem"][0]
    body["productOrderItem"] = [first | {"quantity": 2 * first.get("quantity", 1)}, *body["productOrderItem"][1:]]


def _one_of_each(body: dict[str, Any]) -> None:
    body["productOrderItem"] = [_with_one(item) for item in body["productOrderItem"]]


def _with_one(item: dict[str, Any]) -> dict[str, Any]:
    changed = item | {"quantity": 1}
    if item.get("productOrderItem"):
        changed["productOrderItem"] = [_with_one(child) for child in item["productOrderItem"]]
    return changed


def _replaced(body: dict[str, Any]) -> None:
    *others, last = body["productOrderItem"]
    body["productOrderItem"] = [
        *others,
        last | {"productOffering": {"@type": "ProductOfferingRef", "id": "SOMETHING_ELSE"}},
    ]


def _live(body: dict[str, Any]) -> None:
    body.pop("submitCart", None)
    body.pop("requestedInitialState", None)


CHANGES: Final[dict[str, Change]] = {
    "partial": _partial,
    "partial-lost": _partial,
    "items-dropped": _nested_gone,
    "child-added": _child_added,
    "root-added": _root_added,
    "quantity-doubled": _doubled,
    "quantity-one": _one_of_each,
    "offering-replaced": _replaced,
    "live-at-once": _live,
}
"""What a misbehaviour makes of the body."""

MARKERS: Final[dict[str, Callable[[str], str]]] = {
    "marker-upper": str.upper,
    "marker-upper-found": str.upper,
    "marker-cut": lambda marker: marker[:_MARKER_CUT],
    "marker-prefix": lambda marker: f"WEB/{marker}",
    "own-external-id": lambda marker: f"SRV-{sum(marker.encode()):06d}",
}
"""What is kept in the place of the externalId that was sent."""


def sent_marker(request: Request) -> str | None:
    """Return the externalId that a body carries, None when it cannot be read."""
    body = _body(request)
    marker = body.get("externalId") if body is not None else None
    if isinstance(marker, list) and marker and isinstance(marker[0], dict):
        marker = marker[0].get("id")
    return marker if isinstance(marker, str) else None


def changed_request(state: State, request: Request, name: str, flags: frozenset[str]) -> Request:
    """Return the call as a misbehaviour, and the flags of the order that it makes, change it: each time it is made in the same way."""
    body = _body(request)
    if body is None:
        return request
    before = encode(body)
    if name in CHANGES and (body.get("productOrderItem") or name == "live-at-once"):
        CHANGES[name](body)
    for flag in flags:
        if flag in MARKERS:
            _replace_marker(body, MARKERS[flag])
    if state.renumbered:
        _number_back(state, body.get("productOrderItem"))
    after = encode(body)
    return request if after == before else replace(request, body=after)


def _number_back(state: State, items: Any) -> None:
    """Put the real ids of lines into the place of those that were shown."""
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            if item.get("orderLineItemId") in state.renumbered:
                item["orderLineItemId"] = state.renumbered[item["orderLineItemId"]]
            _number_back(state, item.get("productOrderItem"))


def _replace_marker(body: dict[str, Any], change: Callable[[str], str]) -> None:
    marker = body.get("externalId")
    if isinstance(marker, str):
        body["externalId"] = change(marker)
    elif isinstance(marker, list):
        body["externalId"] = [entry | {"id": change(str(entry.get("id")))} for entry in marker]


def _body(request: Request) -> dict[str, Any] | None:
    try:
        body = decode(request.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
