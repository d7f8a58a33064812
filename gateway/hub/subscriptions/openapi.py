"""What the OpenAPI document says of the hub operations."""

from __future__ import annotations

from typing import Any, Final

from gateway.documents import JsonObject
from gateway.http.reference.components import ORDER_V4_SUFFIX, ORDER_V5_SUFFIX, ref
from gateway.http.reference.examples import content, example
from gateway.http.reference.parts import PAGE
from gateway.hub.envelope import DESCRIPTIONS
from gateway.hub.model import APIS, Api
from gateway.hub.samples import sample

_HUB: Final = content(ref("Hub"), "hub")
_HUBS: Final = {
    "application/json": {"schema": {"type": "array", "items": ref("Hub")}, "example": [example("hub")]},
}
_TAG: Final = ["events subscription"]

CREATE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "requestBody": {
        "required": True,
        "content": content(ref("HubRequest"), "hub.request"),
    },
    "refused": (
        "The callback is an http or https URL whose host may be called by the settings.",
        "The query is of the form that it is described in, and no text holds the character U+0000.",
        "No more subscriptions than the settings allow.",
    ),
    "responses": {
        "201": {
            "description": "Subscribed; `secret` is shown this once",
            "content": _HUB,
            "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
        }
    },
}


def create(api: Api) -> JsonObject:
    """Return what is said of subscribing: with it, what the subscriber has to serve (the listener of the official files)."""
    return {**CREATE, "callbacks": {name: _callback(api, event) for event, name in api.names.items()}}


def _callback(api: Api, event: str) -> dict[str, Any]:
    name = api.names[event]
    path = f"/listener/{name[:1].lower()}{name[1:]}" if api.posts_to_listener else ""
    return {"{$request.body#/callback}" + path: {"post": _listener(api, event)}}


def _listener(api: Api, event: str, of: str = "") -> dict[str, Any]:
    """Return the operation that a subscriber serves for an event; `of` tells its id from others of the same event."""
    name = api.names[event]
    again = dict.fromkeys(("400", "401", "403", "404", "405", "409", "500", "default"), _NOT_TAKEN)
    return {
        "operationId": f"listenTo{name}{api.version.upper()}{api.resource[:1].upper()}{api.resource[1:]}{of}",
        "summary": f"Take a {name}",
        "description": DESCRIPTIONS[event],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref(event_schema(api, name)), "example": sample(api, event)}},
        },
        "responses": {"200": _TAKEN, "201": _TAKEN, "204": _TAKEN, **again},
    }


def event_schema(api: Api, name: str) -> str:
    """Return the name of the schema of an event."""
    return f"{name}_{api.version}_{api.resource}"


def _resource(api: Api, subject: str) -> str:
    """Return the schema of what events of an API are about."""
    if api.resource == "productOrder":
        return f"{subject[:1].upper()}{subject[1:]}{_ORDER_SUFFIXES[api.version]}"
    return "Checkout" if api.resource == "checkout" else _CARTS[api.version]


def _of_subject(api: Api, subject: str) -> str:
    """Return the name of the schema of what stands in `event`."""
    return f"EventOf{subject[:1].upper()}{subject[1:]}_{api.version}"


def webhooks() -> JsonObject:
    """Return every event of every version that a subscriber is sent, by its name and version."""
    return {
        f"{name} {api.version}": {
            "post": {**_listener(api, event, "Webhook"), "tags": _TAG, "security": []},
        }
        for api in APIS
        for event, name in api.names.items()
    }


def event_schemas() -> JsonObject:
    """Return the schemas of the events: an envelope with the resource as it was after the change."""
    return {
        event_schema(api, name): {
            "description": "The same event may come again, with the same eventId.",
            "type": "object",
            "required": ["eventId", "eventTime", "eventType", "event"],
            "properties": {**_HEAD, "event": ref(_of_subject(api, api.subject(event)))},
        }
        for api in APIS
        for event, name in api.names.items()
    } | {
        _of_subject(api, subject): {
            "description": "What the event is about, as it was after the change; of a cart that is gone only its id.",
            "type": "object",
            "required": [subject],
            "properties": {subject: ref(_resource(api, subject))},
        }
        for api in APIS
        for subject in api.subjects
    }


_ORDER_SUFFIXES: Final = {"v4": ORDER_V4_SUFFIX, "v5": ORDER_V5_SUFFIX}
_CARTS: Final = {"v1": "ShoppingCart_v1", "v4": "ShoppingCart", "v5": "ShoppingCart_v5"}
_HEAD: Final[dict[str, Any]] = {
    "eventId": {"type": "string", "description": "the same whenever the event is sent again"},
    "eventTime": {"type": "string", "format": "date-time"},
    "eventType": {"type": "string"},
    "correlationId": {"type": "string"},
    "domain": {"type": "string"},
    "title": {"type": "string"},
    "description": {"type": "string"},
    "priority": {"type": "string"},
    "timeOccurred": {"type": "string", "format": "date-time"},
    "timeOcurred": {"type": "string", "format": "date-time", "description": "as v4 spells it"},
    "fieldPath": {"type": "string", "description": "the attribute that changed"},
    "@type": {"type": "string"},
    "@baseType": {"type": "string"},
}
_TAKEN: Final = {"description": "Taken; the next event follows"}
_NOT_TAKEN: Final = {"description": "Not taken: the event is sent again later, under the same eventId"}
LIST: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": list(PAGE),
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
    **event_schemas(),
    "HubRequest": {
        "type": "object",
        "required": ["callback"],
        "properties": {
            "callback": {
                "type": "string",
                "format": "uri",
                "pattern": "^https?://[^/]",
                "description": "URL that events are posted to",
            },
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
