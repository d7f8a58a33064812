"""What the OpenAPI document says of the hub operations."""

from __future__ import annotations

from typing import Any, Final

from gateway.hub.model import Api

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


def create(api: Api) -> dict[str, Any]:
    """Return what is said of subscribing: with it, what the subscriber has to serve (the listener of the official files)."""
    return {**CREATE, "callbacks": {name: _callback(api, name) for name in api.names.values()}}


def _callback(api: Api, name: str) -> dict[str, Any]:
    path = f"/listener/{name[:1].lower()}{name[1:]}" if api.posts_to_listener else ""
    again = dict.fromkeys(("400", "401", "403", "404", "405", "409", "500", "default"), _NOT_TAKEN)
    operation = {
        "operationId": f"listenTo{name}{api.version.upper()}{api.resource[:1].upper()}{api.resource[1:]}",
        "summary": f"Take a {name}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _EVENT}}},
        "responses": {"200": _TAKEN, "201": _TAKEN, "204": _TAKEN, **again},
    }
    return {"{$request.body#/callback}" + path: {"post": operation}}


_TAKEN: Final = {"description": "Taken; the next event follows"}
_NOT_TAKEN: Final = {"description": "Not taken: the event is sent again later, under the same eventId"}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["eventId", "eventTime", "eventType", "event"],
    "properties": {
        "eventId": {"type": "string", "description": "The same whenever the event is sent again"},
        "eventTime": {"type": "string", "format": "date-time"},
        "eventType": {"type": "string"},
        "event": {"type": "object", "description": "The resource under its name, as it was after the change"},
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
