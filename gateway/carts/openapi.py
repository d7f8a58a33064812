"""What the OpenAPI document says of the shopping cart operations (parameters, bodies, answers)."""

from __future__ import annotations

from typing import Any, Final

from gateway.http.reference.components import cart_schemas, ref
from gateway.http.reference.examples import content, example
from gateway.http.reference.parts import ETAG, FIELDS, LOCATION, PAGE, PAGE_HEADERS, SORT, if_match

_CART: Final = ref("ShoppingCart")
_ANSWER: Final = content(_CART, "cart.v4")
_IF_MATCH: Final = if_match("ETag of the version that was read; 412 when the cart has changed since.")

# What a schema cannot say of a cart.
REFUSED: Final = (
    "Ids of items are unique in a cart, and a relationship names an item of the cart.",
    "A cart has no more items, an item no more characteristics, a text no more characters than the settings allow.",
    "A period does not end before it starts, and a date-time is in the calendar.",
    "Totals can be told exactly: amounts have no more digits than can be added up.",
    "A whole number is written without fraction and exponent, and no text holds the character U+0000.",
    "v5: an object is what the class says that its `@type` names.",
    "R17: an item that changes or deletes a product names it by id or href.",
)
CREATE: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [FIELDS],
    "requestBody": {"required": True, "content": content(ref("ShoppingCart_Create"), "cart.v4.request")},
    "refused": REFUSED,
    "responses": {
        "201": {
            "description": "Created",
            "content": _ANSWER,
            "headers": {**ETAG, **LOCATION},
        }
    },
}
LIST: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [
        FIELDS,
        *PAGE,
        SORT,
        {"name": "id", "in": "query", "schema": {"type": "string"}},
        {"name": "href", "in": "query", "schema": {"type": "string"}},
        {"name": "relatedParty.id", "in": "query", "schema": {"type": "string"}},
        {
            "name": "checkoutState",
            "in": "query",
            "schema": {"type": "string", "enum": ["open", "inCheckout", "ordered"]},
        },
        {"name": "checkout.id", "in": "query", "schema": {"type": "string"}},
        {
            "name": "attribute",
            "in": "query",
            "style": "form",
            "explode": True,
            "description": "Any attribute by its path, e.g. `cartItem.quantity.gte=2`: .eq .gt .gte .lt .lte .regex (literal "
            "text with ^ $ and .*), or raw operators; alternatives by repetition, comma or semicolon.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    ],
    "responses": {
        status: {
            "description": description,
            "content": {
                "application/json": {"schema": {"type": "array", "items": _CART}, "example": [example("cart.v4")]}
            },
            "headers": PAGE_HEADERS,
        }
        for status, description in (("200", "The carts"), ("206", "The part that was asked for; more follow"))
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [FIELDS],
    "responses": {
        "200": {"description": "The cart", "content": _ANSWER, "headers": ETAG},
        "304": {"description": "If-None-Match names the current version"},
    },
}
PATCH: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [FIELDS, _IF_MATCH],
    "requestBody": {
        "required": True,
        "content": {
            **content(ref("ShoppingCart_Update"), "cart.change"),
            **content({"type": "object"}, "cart.change", "application/merge-patch+json"),
            **content(ref("JsonPatch"), "cart.json-patch", "application/json-patch+json"),
            **content(ref("JsonPatch"), "cart.json-patch-query", "application/json-patch-query+json"),
        },
    },
    "refused": (
        *REFUSED,
        "`id`, `href` and `validFor` do not change (in v5 `id` and `href`).",
        "A patch must fit the cart: paths that there are, tests that hold. A null removes an attribute.",
        "A cart that is being checked out, was ordered, or has expired does not change (409).",
    ),
    "responses": {"200": {"description": "The changed cart", "content": _ANSWER, "headers": ETAG}},
}
MERGE: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [FIELDS, _IF_MATCH],
    "requestBody": {
        "required": True,
        "content": {
            **content(ref("CartMerge"), "cart.merge"),
        },
    },
    "refused": (
        "The other cart must exist, and be another one (422). No text holds the character U+0000.",
        "Neither may be being checked out or have expired (409), and both together may not be more than a cart may hold (422).",
    ),
    "responses": {"200": {"description": "The cart with the items of both", "content": _ANSWER, "headers": ETAG}},
}
DELETE: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [_IF_MATCH],
    "responses": {"204": {"description": "Deleted"}},
}

SCHEMAS: Final[dict[str, Any]] = {
    "JsonPatch": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["op", "path"],
            "properties": {
                "op": {"type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": {"type": "string"},
                "from": {"type": "string"},
                "value": {},
            },
        },
    },
    "CartMerge": {
        "description": "The cart to merge into this one.",
        "type": "object",
        "required": ["shoppingCart"],
        "properties": {"shoppingCart": ref("CartMergeReference")},
    },
    "CartMergeReference": {
        "description": "A stored cart.",
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string", "minLength": 1, "description": "its id"}},
    },
    **cart_schemas(),
}
