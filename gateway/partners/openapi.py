"""What the OpenAPI document says of the operations on product orders and on requests to cancel them."""

from __future__ import annotations

from typing import Any, Final

from gateway.checkouts.orders.states import STATES
from gateway.http.reference.components import ORDER_V4_SUFFIX, ORDER_V5_SUFFIX, ref
from gateway.http.reference.examples import content, example

_SUFFIXES: Final = {"v4": ORDER_V4_SUFFIX, "v5": ORDER_V5_SUFFIX}
_TAGS: Final = {"v4": "productOrder", "v5": "productOrder v5"}
_CREATED: Final = {"v4": "ProductOrder_Create", "v5": "ProductOrder_FVO"}
_ETAG: Final = {"ETag": {"description": "Strong tag of this version.", "schema": {"type": "string"}}}
_LOCATION: Final = {"Location": {"schema": {"type": "string", "format": "uri"}}}
_FIELDS: Final = {
    "name": "fields",
    "in": "query",
    "description": "Attributes to return, separated by commas; `none` for id and href alone.",
    "schema": {"type": "string"},
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same order is the same order again; with another order it is refused (409). An "
    "`externalId` of the order's own does the same.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]([ !#-~]*[!#-~])?$"},
}
_PAGE: Final = (
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
    {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0}},
    {
        "name": "sort",
        "in": "query",
        "description": "Attributes to order by, separated by commas, each with + (or nothing) or - before it.",
        "schema": {"type": "string"},
    },
)
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
    created = {"description": "Placed", "content": _answer(version), "headers": {**_ETAG, **_LOCATION}}
    accepted = {
        "202": {
            "description": "Accepted for later: part of the standard, never the answer here; the order has its id at once"
        }
    }
    return {
        "parameters": [_FIELDS, _KEY],
        "requestBody": {
            "required": True,
            "content": content(order_schema(version, _CREATED[version]), f"order.{version}.request"),
        },
        "refused": REFUSED,
        "responses": {"201": created, **(accepted if version == "v5" else {})},
    }


def _list(version: str) -> dict[str, Any]:
    body = {
        "application/json": {
            "schema": {"type": "array", "items": order_schema(version)},
            "example": [example(f"order.{version}")],
        }
    }
    headers = {
        name: {"schema": {"type": kind}}
        for name, kind in (("X-Total-Count", "integer"), ("X-Result-Count", "integer"), ("Link", "string"))
    }
    return {
        "parameters": [
            _FIELDS,
            *_PAGE,
            *({"name": name, "in": "query", "schema": {"type": "string"}} for name in ("id", "href", "externalId")),
            {"name": "state", "in": "query", "schema": {"type": "string", "enum": list(STATES[version])}},
            _ATTRIBUTE,
        ],
        "responses": {
            "200": {"description": "The orders", "content": body, "headers": headers},
            "206": {"description": "The part that was asked for; more follow", "content": body, "headers": headers},
        },
    }


def _retrieve(version: str) -> dict[str, Any]:
    return {
        "parameters": [_FIELDS],
        "responses": {
            "200": {"description": "The order", "content": _answer(version), "headers": _ETAG},
            "304": {"description": "If-None-Match names the current version"},
        },
    }


_OPERATIONS: Final = {"create": _create, "list": _list, "retrieve": _retrieve}


def operation(name: str, version: str) -> dict[str, Any]:
    """Return what is said of an operation in a version."""
    return {"tags": [_TAGS[version]], **_OPERATIONS[name](version)}
