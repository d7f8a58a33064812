"""What the OpenAPI document says of the checkout operations (parameters, bodies, answers)."""

from __future__ import annotations

from typing import Any, Final

from gateway.checkouts.reasons import MEANING as REASONS
from gateway.checkouts.states import MEANING

_REF: Final = {"$ref": "#/components/schemas/Checkout"}
_CHECKOUT: Final = {"application/json": {"schema": _REF}}
_REQUEST: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/CheckoutRequest"}}}
_FIELDS: Final = {"name": "fields", "in": "query", "schema": {"type": "string"}}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A key of the client's for this checkout: the same key and request give the same checkout, for ever.",
    "schema": {"type": "string"},
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "description": "ETag of the cart (or of the checkout, for a change of a draft) that the client saw.",
    "schema": {"type": "string"},
}
_TAG: Final = ["checkout"]


def _answers(status: str, description: str) -> dict[str, Any]:
    headers = {"ETag": {"schema": {"type": "string"}}}
    if status == "202":
        headers["Location"] = {"schema": {"type": "string"}}
    return {status: {"description": description, "content": _CHECKOUT, "headers": headers}}


CREATE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [_KEY, _IF_MATCH],
    "requestBody": {"required": True, "content": _REQUEST},
    "responses": _answers("202", "Accepted: it will end in one order, a refusal, or held"),
}
CREATE_FOR_CART: Final[dict[str, Any]] = {**CREATE, "requestBody": {"required": False, "content": _REQUEST}}
PREVIEW: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [
        _IF_MATCH,
        {
            "name": "trace",
            "in": "query",
            "description": "true: say of each value of the cart where it went, and of each of the order where it came from.",
            "schema": {"type": "boolean"},
        },
    ],
    "requestBody": {"required": True, "content": _REQUEST},
    "responses": {
        "200": {
            "description": "The order, its steps and the findings",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CheckoutPreview"}}},
        }
    },
}
LIST: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [
        _FIELDS,
        *(
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in (
                "id",
                "state",
                "externalId",
                "upstream",
                "shoppingCart.id",
                "productOrder.id",
                "productOrder.state",
            )
        ),
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
        {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0}},
    ],
    "responses": {
        status: {
            "description": description,
            "content": {"application/json": {"schema": {"type": "array", "items": _REF}}},
        }
        for status, description in (("200", "The checkouts"), ("206", "The part that was asked for; more follow"))
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [_FIELDS, {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}],
    "responses": {**_answers("200", "The checkout"), "304": {"description": "It is the version the client has"}},
}
PATCH: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [_IF_MATCH],
    "requestBody": {
        "required": True,
        "content": {**_REQUEST, "application/merge-patch+json": {"schema": {"type": "object"}}},
    },
    "responses": _answers("200", "The changed checkout; its draft is made anew"),
}
SUBMIT: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "Where the checkout is held because its draft does not cost what the cart did, this accepts the figures of "
    "statusReason; it takes the role operator or admin.",
    "responses": _answers("202", "It will be submitted"),
}
CANCEL: Final[dict[str, Any]] = {
    "tags": _TAG,
    "responses": _answers("202", "It will be cancelled, or its live order is asked to be"),
}

_OBJECT: Final = {"type": "object"}
_OBJECTS: Final = {"type": "array", "items": _OBJECT}
_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
SCHEMAS: Final[dict[str, Any]] = {
    "CheckoutRequest": {
        "type": "object",
        "required": ["shoppingCart"],
        "properties": {
            "shoppingCart": {"type": "object", "description": "{id} of a stored cart, or a whole cart by value"},
            "upstream": _TEXT,
            "submit": {"type": "boolean"},
            "externalId": {"anyOf": [_TEXT, _OBJECTS]},
            "orderRelationship": _OBJECTS,
            "relatedParty": _OBJECTS,
            "requestedStartDate": {"type": "string", "format": "date-time"},
            "requestedCompletionDate": {"type": "string", "format": "date-time"},
            "channel": _OBJECTS,
            "description": _TEXT,
            "notificationContact": {"type": "string", "description": "in place of the cart's contactMedium"},
            "category": _TEXT,
            "priority": {"type": "string", "enum": ["0", "1", "2", "3", "4"]},
            "note": _OBJECTS,
            "billingAccount": _OBJECT,
            "payment": _OBJECTS,
            "agreement": _OBJECTS,
            "quote": _OBJECTS,
            "productOfferingQualification": _OBJECTS,
            "place": _OBJECTS,
            "expectedTotalPrice": _OBJECTS,
        },
    },
    "Checkout": {
        "type": "object",
        "required": ["@type", "id", "href", "state"],
        "properties": {
            "@type": _TEXT,
            "id": _TEXT,
            "href": _TEXT,
            "state": {"type": "string", "enum": list(MEANING)},
            "statusReason": _TEXT_OR_NULL,
            "reason": {
                "type": ["object", "null"],
                "description": "Why the checkout is where it is; null while calls are made. `statusReason` is its message where "
                "something is out of the ordinary",
                "properties": {
                    "code": {"type": "string", "enum": list(REASONS)},
                    "message": _TEXT,
                    "problem": {
                        "type": "array",
                        "description": "What the order system refused: the cart's path (empty for the whole), why, its own code",
                        "items": {
                            "type": "object",
                            "properties": {"path": _TEXT, "message": _TEXT, "upstreamCode": _TEXT},
                        },
                    },
                    "nextAttemptAt": {
                        "type": ["string", "null"],
                        "format": "date-time",
                        "description": "When it is gone on with by itself; null where a person or the client is waited for",
                    },
                },
            },
            "creationDate": {"type": "string", "format": "date-time"},
            "lastUpdate": {"type": "string", "format": "date-time"},
            "externalId": _TEXT_OR_NULL,
            "submit": {"type": "boolean"},
            "upstream": _TEXT,
            "mapping": _TEXT,
            "mappingHash": {
                "type": ["string", "null"],
                "description": "SHA-256 of the text of the mapping that planned the order; each step names the one that wrote its call",
            },
            "shoppingCart": _OBJECT,
            "productOrder": {"type": ["object", "null"]},
            "item": _OBJECTS,
            "progress": _OBJECT,
            "step": _OBJECTS,
            "finding": _OBJECTS,
            "upstreamCapability": {
                "type": ["object", "null"],
                "description": "what `gateway doctor` saw of the order system last: measuredAt, mappingHash, release, and what is not as "
                "the mapping relies on",
            },
        },
    },
    "CheckoutPreview": {
        "type": "object",
        "properties": {"@type": _TEXT, "order": {"type": ["object", "null"]}, "step": _OBJECTS, "finding": _OBJECTS},
    },
}
