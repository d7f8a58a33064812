"""What the OpenAPI document says of the operations on product orders and on requests to cancel them."""

from __future__ import annotations

from typing import Any, Final

from gateway.checkouts.orders.cancellations import STATES as CANCELLATION_STATES
from gateway.checkouts.orders.states import STATES
from gateway.documents import JsonObject
from gateway.http.reference.components import ORDER_V4_SUFFIX, ORDER_V5_SUFFIX, ref
from gateway.http.reference.examples import content, example
from gateway.http.reference.parts import ETAG, FIELDS, LOCATION, PAGE, PAGE_HEADERS, SORT, if_match

_SUFFIXES: Final = {"v4": ORDER_V4_SUFFIX, "v5": ORDER_V5_SUFFIX}
_TAGS: Final = {"v4": "productOrder", "v5": "productOrder v5"}
_CREATED: Final = {"v4": "ProductOrder_Create", "v5": "ProductOrder_FVO"}
_CANCELLED: Final = {"v4": "CancelProductOrder_Create", "v5": "CancelProductOrder_FVO"}
_AGAIN: Final = {
    "Retry-After": {
        "description": "While it is under way: seconds until it is worth asking again.",
        "schema": {"type": "integer"},
    }
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same order is the same order again; with another order it is refused (409). An "
    "`externalId` of the order's own does the same.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]([ !#-~]*[!#-~])?$"},
}
_IF_MATCH: Final = if_match("ETag of the version that was read; 412 when the order has changed since.")
_ATTRIBUTE: Final = {
    "name": "attribute",
    "in": "query",
    "style": "form",
    "explode": True,
    "description": "Any attribute of what was ordered by its path, e.g. `productOrderItem.productOffering.id=TALK25`: .eq .gt .gte "
    ".lt .lte .regex (literal text with ^ $ and .*), or raw operators; alternatives by repetition, comma or semicolon.",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}
REFUSED: Final = (
    "Ids of items are unique in an order, and a relationship names an item of the order.",
    "An order has no attribute that only a cart or a checkout has, and none that is a slip of one that there is.",
    "A draft is asked for by `requestedInitialState`; an order with the `state` draft and without that is refused, not submitted.",
    "An order has no more items, an item no more characteristics, a text no more characters than the settings allow.",
    "A period does not end before it starts, and a date-time is in the calendar.",
    "Totals can be told exactly: amounts have no more digits than can be added up.",
    "A whole number is written without fraction and exponent, and no text holds the character U+0000.",
    "`upstream` is an order system of the tenant; without a default, where there are several, it is needed.",
    "v5: an object is what the class says that its `@type` names.",
    "The order system's mapping takes the order (422): `problem` and `finding` name what it does not take.",
)


def order_schema(version: str, name: str = "ProductOrder") -> dict[str, str]:
    """Return a reference to a schema of TMF622 in a version."""
    return ref(f"{name}{_SUFFIXES[version]}")


def _answer(version: str) -> dict[str, Any]:
    return content(order_schema(version), f"order.{version}")


def _create(version: str) -> dict[str, Any]:
    created = {"description": "Placed", "content": _answer(version), "headers": {**ETAG, **LOCATION}}
    return {
        "parameters": [FIELDS, _KEY],
        "requestBody": {
            "required": True,
            "content": content(order_schema(version, _CREATED[version]), f"order.{version}.request"),
        },
        "refused": REFUSED,
        "responses": {"201": created, **_later(version, "the order has its id at once")},
    }


def _list(version: str) -> dict[str, Any]:
    body = {
        "application/json": {
            "schema": {"type": "array", "items": order_schema(version)},
            "example": [example(f"order.{version}")],
        }
    }
    return {
        "parameters": [
            FIELDS,
            *PAGE,
            SORT,
            *({"name": name, "in": "query", "schema": {"type": "string"}} for name in ("id", "href", "externalId")),
            {"name": "state", "in": "query", "schema": {"type": "string", "enum": list(STATES[version])}},
            _ATTRIBUTE,
        ],
        "responses": {
            "200": {"description": "The orders", "content": body, "headers": PAGE_HEADERS},
            "206": {
                "description": "The part that was asked for; more follow",
                "content": body,
                "headers": PAGE_HEADERS,
            },
        },
    }


def _retrieve(version: str) -> dict[str, Any]:
    return {
        "parameters": [FIELDS],
        "responses": {
            "200": {"description": "The order", "content": _answer(version), "headers": {**ETAG, **_AGAIN}},
            "304": {"description": "If-None-Match names the current version"},
        },
    }


def _patch(version: str) -> dict[str, Any]:
    examples = {"v4": "order.change", "v5": "order.change.v5"}
    changed = order_schema(version, "ProductOrder_Change")
    return {
        "parameters": [FIELDS, _IF_MATCH],
        "requestBody": {
            "required": True,
            "content": {
                **content(changed, examples[version]),
                **content({"type": "object"}, examples[version], "application/merge-patch+json"),
                **content(ref("JsonPatch"), "order.json-patch", "application/json-patch+json"),
                **content(ref("JsonPatch"), "order.json-patch", "application/json-patch-query+json"),
            },
        },
        "refused": (
            *REFUSED,
            "`id`, `href`, `externalId`, `upstream` and `requestedInitialState` do not change; `state` becomes `acknowledged` or nothing.",
            "A patch must fit the order: paths that there are, tests that hold. A null removes an attribute.",
            "An order that was submitted does not change, nor do the items of one that was made of a cart (409).",
        ),
        "responses": {
            "200": {"description": "The changed order", "content": _answer(version), "headers": ETAG},
            **_later(version, "a change is done when it is told"),
        },
    }


def _delete(version: str) -> dict[str, Any]:
    return {"responses": {"204": {"description": "Deleted"}, **_later(version, "it is gone when that is told")}}


def _cancel(version: str) -> dict[str, Any]:
    asked = content(order_schema(version, _CANCELLED[version]), f"cancellation.{version}.request")
    created = {"description": "Asked for", "content": _cancellation_answer(version), "headers": LOCATION}
    return {
        "parameters": [FIELDS],
        "requestBody": {"required": True, "content": asked},
        "refused": (
            "The order is one of the client's (404), and its order system takes cancellations or it is not live yet (409).",
            "An order is cancelled at once: `requestedCancellationDate` is not later than now (422).",
            "A text has no more characters than the settings allow, and none is U+0000.",
        ),
        "responses": {"201": created, **_later(version, "the request has its id at once")},
    }


def _cancellations(version: str) -> dict[str, Any]:
    listed = {
        "application/json": {
            "schema": {"type": "array", "items": order_schema(version, "CancelProductOrder")},
            "example": [example(f"cancellation.{version}")],
        }
    }
    named = ({"name": name, "in": "query", "schema": {"type": "string"}} for name in ("id", "productOrder.id"))
    states = {"name": "state", "in": "query", "schema": {"type": "string", "enum": list(CANCELLATION_STATES)}}
    return {
        "parameters": [FIELDS, *PAGE, *named, states],
        "responses": {
            "200": {"description": "The requests", "content": listed, "headers": PAGE_HEADERS},
            "206": {
                "description": "The part that was asked for; more follow",
                "content": listed,
                "headers": PAGE_HEADERS,
            },
        },
    }


def _cancellation(version: str) -> dict[str, Any]:
    return {
        "parameters": [FIELDS],
        "responses": {"200": {"description": "The request", "content": _cancellation_answer(version)}},
    }


def _cancellation_answer(version: str) -> dict[str, Any]:
    return content(order_schema(version, "CancelProductOrder"), f"cancellation.{version}")


def _later(version: str, why: str) -> dict[str, Any]:
    """Return the answer that v5 has besides, and that is never given here."""
    told = {"description": f"Accepted for later: part of the standard, never the answer here: {why}"}
    return {"202": told} if version == "v5" else {}


_OPERATIONS: Final = {
    "create": _create,
    "list": _list,
    "retrieve": _retrieve,
    "patch": _patch,
    "delete": _delete,
    "cancel": _cancel,
    "cancellations": _cancellations,
    "cancellation": _cancellation,
}


def operation(name: str, version: str) -> JsonObject:
    """Return what is said of an operation in a version."""
    return {"tags": [_TAGS[version]], **_OPERATIONS[name](version)}
