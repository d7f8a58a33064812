"""What the OpenAPI document says of the shopping cart operations (parameters, bodies, answers)."""

from __future__ import annotations

from typing import Any, Final

_CART: Final = {"$ref": "#/components/schemas/ShoppingCart"}
_JSON_CART: Final = {"application/json": {"schema": _CART}}
_ETAG: Final = {"ETag": {"description": "Strong tag of this version.", "schema": {"type": "string"}}}
_FIELDS: Final = {
    "name": "fields",
    "in": "query",
    "description": "Attributes to return, separated by commas; `none` for id and href alone.",
    "schema": {"type": "string"},
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "description": "ETag of the version that was read; 412 when the cart has changed since.",
    "schema": {"type": "string"},
}

CREATE: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [_FIELDS],
    "requestBody": {"required": True, "content": _JSON_CART},
    "responses": {
        "201": {
            "description": "Created",
            "content": _JSON_CART,
            "headers": {**_ETAG, "Location": {"schema": {"type": "string", "format": "uri"}}},
        }
    },
}
LIST: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [
        _FIELDS,
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
        {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0}},
        {
            "name": "sort",
            "in": "query",
            "description": "Attributes to order by, separated by commas, each with + (or nothing) or - before it.",
            "schema": {"type": "string"},
        },
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
            "content": {"application/json": {"schema": {"type": "array", "items": _CART}}},
            "headers": {
                name: {"schema": {"type": kind}}
                for name, kind in (("X-Total-Count", "integer"), ("X-Result-Count", "integer"), ("Link", "string"))
            },
        }
        for status, description in (("200", "The carts"), ("206", "The part that was asked for; more follow"))
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [_FIELDS],
    "responses": {
        "200": {"description": "The cart", "content": _JSON_CART, "headers": _ETAG},
        "304": {"description": "If-None-Match names the current version"},
    },
}
PATCH: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [_FIELDS, _IF_MATCH],
    "requestBody": {
        "required": True,
        "content": {
            **_JSON_CART,
            "application/merge-patch+json": {"schema": {"type": "object"}},
            "application/json-patch+json": {"schema": {"$ref": "#/components/schemas/JsonPatch"}},
            "application/json-patch-query+json": {"schema": {"$ref": "#/components/schemas/JsonPatch"}},
        },
    },
    "responses": {"200": {"description": "The changed cart", "content": _JSON_CART, "headers": _ETAG}},
}
MERGE: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [_FIELDS, _IF_MATCH],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["shoppingCart"],
                    "properties": {
                        "shoppingCart": {
                            "type": "object",
                            "required": ["id"],
                            "properties": {"id": {"type": "string", "description": "The cart to merge into this one."}},
                        }
                    },
                }
            }
        },
    },
    "responses": {"200": {"description": "The cart with the items of both", "content": _JSON_CART, "headers": _ETAG}},
}
DELETE: Final[dict[str, Any]] = {
    "tags": ["shoppingCart"],
    "parameters": [_IF_MATCH],
    "responses": {"204": {"description": "Deleted"}},
}

_OBJECTS: Final = {"type": "array", "items": {"type": "object"}}
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
    "ShoppingCart": {
        "type": "object",
        "description": "TMF663 v4 shopping cart. Attributes that are not listed are kept too. Answers have everything that the "
        "standard's API file makes mandatory; requests may leave out what the rest of the cart tells: the id that an href "
        "ends in, the priceType of an alteration whose price has one, @referredType of a party.",
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "href": {"type": "string", "readOnly": True},
            "checkoutState": {
                "type": "string",
                "enum": ["open", "inCheckout", "ordered"],
                "readOnly": True,
                "description": "Whether it can be changed, is held by a checkout, or has been ordered (its order is live or has ended).",
            },
            "checkout": {
                "type": "object",
                "readOnly": True,
                "description": "The checkout that holds the cart; absent while the cart is open.",
                "properties": {"id": {"type": "string"}, "href": {"type": "string"}},
            },
            "validFor": {"type": "object"},
            "cartItem": {"type": "array", "items": {"$ref": "#/components/schemas/CartItem"}},
            "cartTotalPrice": _OBJECTS,
            "contactMedium": _OBJECTS,
            "relatedParty": _OBJECTS,
            "@type": {"type": "string"},
            "@baseType": {"type": "string"},
            "@schemaLocation": {"type": "string"},
        },
    },
    "CartItem": {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "Unique in the cart; given by the server when absent."},
            "action": {"type": "string", "enum": ["add", "modify", "delete", "noChange"]},
            "status": {"type": "string", "enum": ["active", "saveForLater", "savedForLater"]},
            "quantity": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
            "cartItem": {"type": "array", "items": {"$ref": "#/components/schemas/CartItem"}},
            "cartItemRelationship": _OBJECTS,
            "itemPrice": _OBJECTS,
            "itemTotalPrice": _OBJECTS,
            "itemTerm": _OBJECTS,
            "note": _OBJECTS,
            "product": {"type": "object"},
            "productOffering": {"type": "object"},
        },
    },
}
