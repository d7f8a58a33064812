"""What the OpenAPI document says of the operations that tell what belongs together and what happened."""

from __future__ import annotations

from typing import Any, Final

from gateway.http.reference.components import ref
from gateway.http.reference.parts import PAGE

_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_EXAMPLE: Final = {
    "@type": "Trace",
    "id": "00004122",
    "foundBy": ["productOrder"],
    "shoppingCart": [],
    "checkout": [],
    "productOrder": [],
    "abandonedOrder": [],
    "item": [],
    "event": [],
}
TRACE: Final[dict[str, Any]] = {
    "tags": ["checkout"],
    "description": "Any id: of a cart, a checkout, an order (one that was given up, too), a line of it, the marker that the order carries, "
    "an externalId, a customer or another party, a client that made checkouts, the correlation id or the trace id of a request. What many "
    "share is answered a page at a time: limit and offset count checkouts, and carts that are not checked out, the latest first. Of an "
    "order that no checkout has, what its order system told is shown (`event`), to those who may look into the inbox.",
    "parameters": [
        {
            "name": "id",
            "in": "query",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            "description": "Any id",
        },
        {
            "name": "cartItem.id",
            "in": "query",
            "schema": {"type": "string", "minLength": 1},
            "description": "An item of the cart that `id` names; `id=CART/ITEM` says the same where no id is written like that",
        },
        *PAGE,
    ],
    "responses": {
        status: {
            "description": description,
            "content": {"application/json": {"schema": ref("Trace"), "example": _EXAMPLE}},
        }
        for status, description in (
            ("200", "What belongs together"),
            ("206", "The part that was asked for; more follow"),
        )
    },
}
_TIME: Final = {"type": "string", "format": "date-time"}
_REFERENCE: Final = {"type": "object", "properties": {"id": _TEXT, "href": _TEXT}}
_CART: Final = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "href": _TEXT,
        "version": {"type": "integer"},
        "checkoutState": _TEXT,
        "creationDate": _TIME,
        "lastUpdate": _TIME,
        "checkout": {**_REFERENCE, "description": "The checkout that holds it"},
    },
}
_ITEM: Final = {
    "type": "object",
    "properties": {
        "cartItemId": _TEXT_OR_NULL,
        "productOrderItemId": _TEXT_OR_NULL,
        "orderLineItemId": {**_TEXT_OR_NULL, "description": "The order system's own id of the line"},
        "state": _TEXT_OR_NULL,
        "checkout": _REFERENCE,
        "shoppingCart": {**_REFERENCE, "description": "Where the cart was not checked out"},
    },
}
_EVENT: Final = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "eventType": _TEXT_OR_NULL,
        "upstream": _TEXT,
        "productOrder": {"type": "object", "properties": {"id": _TEXT_OR_NULL}},
        "state": {**_TEXT, "description": "What became of the notification"},
        "attempts": {"type": "integer"},
        "receivedAt": _TIME,
        "detail": _TEXT_OR_NULL,
    },
}
SCHEMAS: Final[dict[str, Any]] = {
    "Trace": {
        "description": "Everything that is known around one id.",
        "type": "object",
        "required": [
            "@type",
            "id",
            "foundBy",
            "shoppingCart",
            "checkout",
            "productOrder",
            "abandonedOrder",
            "item",
            "event",
        ],
        "properties": {
            "@type": _TEXT,
            "id": {"type": "string", "description": "The id that was asked for"},
            "foundBy": {
                "type": "array",
                "description": "What the id is: the kinds under which it is known",
                "items": {
                    "type": "string",
                    "enum": [
                        *("checkout", "shoppingCart", "cartItem", "productOrder", "marker", "externalId"),
                        *("orderLine", "party", "client", "correlationId", "traceId"),
                    ],
                },
            },
            "shoppingCart": {
                "type": "array",
                "description": "The stored carts: their versions, and whether they can be changed",
                "items": _CART,
            },
            "checkout": {
                "type": "array",
                "description": "The checkouts, with items, calls and findings",
                "items": ref("Checkout"),
            },
            "productOrder": {
                "type": "array",
                "description": "The orders of the checkouts, each with its order system and its checkout",
                "items": {"type": "object", "properties": {"id": _TEXT_OR_NULL, "checkout": _REFERENCE}},
            },
            "abandonedOrder": {
                "type": "array",
                "description": "Orders that a checkout does not go on with, and what became of each",
                "items": {"type": "object", "properties": {"id": _TEXT_OR_NULL, "checkout": _REFERENCE}},
            },
            "item": {
                "type": "array",
                "description": "The item that was asked for: in the cart, in the order, and its line in the order system",
                "items": _ITEM,
            },
            "event": {
                "type": "array",
                "description": "Notifications of the order systems about these orders, the latest first",
                "items": _EVENT,
            },
        },
    },
}
_ENTRY: Final = {
    "type": "object",
    "required": ["id", "at", "kind", "by", "action", "outcome"],
    "properties": {
        "id": _TEXT,
        "at": {"type": "string", "format": "date-time"},
        "kind": {"type": "string", "enum": ["call", "answer", "event", "poll", "action"]},
        "by": {
            "type": "string",
            "description": "The gateway, the order system by its name, or who asked: by name, and to channels and partners by role",
        },
        "action": {"type": "string", "description": "The step, the event's name, `read`, or what was asked for"},
        "outcome": _TEXT,
        "milliseconds": {"type": ["integer", "null"]},
        "byteCount": {"type": ["integer", "null"], "description": "of the body that was sent or answered"},
        "detail": _TEXT_OR_NULL,
        "times": {"type": "integer", "description": "how often a read found the same in a row"},
        "lastAt": {"type": "string", "format": "date-time", "description": "when it did last"},
        "hasPayload": {"type": "boolean", "description": "its body is kept, for operators: .../history/{id}/payload"},
        "checkout": _REFERENCE,
    },
}
SCHEMAS["HistoryEntry"] = _ENTRY
_ENTRIES: Final = {
    "application/json": {"schema": {"type": "array", "items": ref("HistoryEntry")}, "example": []},
    "text/csv": {"schema": _TEXT, "example": ""},
    "application/x-ndjson": {"schema": _TEXT, "example": ""},
}
_FORMAT: Final = [
    {"name": "format", "in": "query", "schema": {"type": "string", "enum": ["json", "csv", "jsonl"]}},
    *PAGE,
]
HISTORY: Final[dict[str, Any]] = {
    "tags": ["checkout"],
    "parameters": _FORMAT,
    "responses": {
        "200": {"description": "What happened, the earliest first; CSV and lines of JSON whole", "content": _ENTRIES},
        "206": {"description": "The part that was asked for; more follow", "content": _ENTRIES},
    },
}
HISTORIES: Final[dict[str, Any]] = {
    "tags": ["checkout"],
    "description": "The filters are those of the list of checkouts.",
    "parameters": [
        *_FORMAT,
        *(
            {"name": name, "in": "query", "schema": _TEXT}
            for name in ("id", "state", "externalId", "upstream", "shoppingCart.id", "productOrder.id", "sort")
        ),
        {
            "name": "attribute",
            "in": "query",
            "style": "form",
            "explode": True,
            "schema": {"type": "object", "additionalProperties": _TEXT},
        },
    ],
    "responses": HISTORY["responses"],
}
PAYLOAD: Final[dict[str, Any]] = {
    "tags": ["operator"],
    "description": "Kept for `retention.payloads_days`. Values that may be personal stand as `[redacted]`.",
    "responses": {
        "200": {
            "description": "The body",
            "content": {
                "application/json": {
                    "schema": {"type": "object", "properties": {"@type": _TEXT, "id": _TEXT, "body": {}}},
                    "example": {
                        "@type": "Payload",
                        "id": "0" * 32,
                        "body": {"externalId": "gw1-...", "description": "[redacted]"},
                    },
                }
            },
        }
    },
}
