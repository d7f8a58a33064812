"""What the OpenAPI document says of the hub operations."""

from __future__ import annotations

from typing import Any, Final

_HUB: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Hub"}}}
_HUBS: Final = {
    "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Hub"}}},
}
_TAG: Final = ["events subscription"]

CREATE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/HubRequest"}}},
    },
    "responses": {
        "201": {
            "description": "Subscribed; `secret` is shown this once",
            "content": _HUB,
            "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
        }
    },
}
LIST: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
        {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0}},
    ],
    "responses": {
        status: {"description": description, "content": _HUBS}
        for status, description in (("200", "The subscriptions"), ("206", "The part that was asked for; more follow"))
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "responses": {"200": {"description": "The subscription", "content": _HUB}},
}
DELETE: Final[dict[str, Any]] = {"tags": _TAG, "responses": {"204": {"description": "Unsubscribed"}}}

_TEXT: Final = {"type": "string"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_COUNT: Final = {"type": "integer", "minimum": 0}
SCHEMAS: Final[dict[str, Any]] = {
    "HubRequest": {
        "type": "object",
        "required": ["callback"],
        "properties": {
            "callback": {"type": "string", "description": "URL that events are posted to"},
            "query": {
                "type": ["string", "null"],
                "description": "eventType=NAME,NAME&fields=...&path.of.an.attribute=value; empty: every event, whole",
            },
            "@type": _TEXT,
        },
    },
    "Hub": {
        "type": "object",
        "required": ["id", "callback"],
        "properties": {
            "id": _TEXT,
            "href": _TEXT,
            "callback": _TEXT,
            "query": {"type": ["string", "null"]},
            "@type": _TEXT,
            "secret": {
                "type": "string",
                "description": "Signs the deliveries (Standard Webhooks); in the answer to POST only",
            },
            "state": {"type": "string", "enum": ["active", "disabled"]},
            "statusReason": {"type": "string", "description": "Why it was switched off"},
            "creationDate": _MOMENT,
            "eventsWaiting": {**_COUNT, "description": "Not delivered yet, before attribute filters"},
            "eventsDropped": {**_COUNT, "description": "Never delivered: given up, or left when it was switched off"},
            "failingSince": {**_MOMENT, "description": "First failure since the last success"},
            "lastSuccess": _MOMENT,
            "lastFailure": _MOMENT,
            "lastFailureReason": _TEXT,
        },
    },
}
