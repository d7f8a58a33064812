"""What the OpenAPI document says of subscriptions of every API, of sending again and of test events."""

from __future__ import annotations

from typing import Any, Final

from gateway.http.reference.components import ref
from gateway.http.reference.parts import PAGE
from gateway.hub.subscriptions.openapi import SCHEMAS as HUB_SCHEMAS

_TAG: Final = ["events subscription"]
_MOMENT: Final = {"type": "string", "format": "date-time"}
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SUBSCRIPTION: Final[dict[str, Any]] = {
    "@type": "Subscription",
    "id": "019a3c601a2b7c3d8e4f5a6b7c8d9e0f",
    "href": "https://gateway.example.com/tmf-api/checkoutManagement/v1/hub/019a3c601a2b7c3d8e4f5a6b7c8d9e0f",
    "hub": "/tmf-api/checkoutManagement/v1/hub",
    "callback": "https://listener.example.com/tmf",
    "client": "web-shop",
    "state": "active",
    "creationDate": "2026-11-20T10:00:00.000Z",
    "eventsWaiting": 3,
    "eventsDropped": 0,
    "oldestEventWaiting": "2026-12-01T08:30:00.000Z",
    "failingSince": "2026-12-01T08:30:00.000Z",
    "lastSuccess": "2026-12-01T08:29:58.000Z",
    "lastFailure": "2026-12-01T08:30:05.000Z",
    "lastFailureReason": "answered with status 500",
    "waitingResource": [
        {
            "id": "01a22d514cfb783fb3c824bde58ecd63",
            "attempts": 2,
            "since": "2026-12-01T08:30:00.000Z",
            "nextAttemptAt": "2026-12-01T08:35:05.000Z",
        }
    ],
}


def _content(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "example": example}}


LIST: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": list(PAGE),
    "responses": {
        "200": {
            "description": "The subscriptions, oldest first",
            "content": _content({"type": "array", "items": ref("Subscription")}, [_SUBSCRIPTION]),
        }
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "responses": {
        "200": {"description": "The subscription", "content": _content(ref("Subscription"), _SUBSCRIPTION)},
    },
}
RESEND: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "Events are kept for `hub.kept_days`, `hub.kept_events_max` of them at most. What comes again has the `webhook-id` that "
    "it had. A subscription that was switched off is active again.",
    "requestBody": {
        "required": True,
        "content": _content(
            {
                "type": "object",
                "properties": {"since": {**_MOMENT, "description": "Not in the future"}},
                "required": ["since"],
                "additionalProperties": False,
            },
            {"since": "2026-12-01T00:00:00Z"},
        ),
    },
    "refused": ("The moment does not lie in the future.",),
    "responses": {
        "202": {
            "description": "They are sent again",
            "content": _content(
                {
                    "type": "object",
                    "required": ["since", "events"],
                    "properties": {
                        "@type": _TEXT,
                        "since": _MOMENT,
                        "events": {**_COUNT, "description": "How many, before attribute filters"},
                        "firstEvent": _MOMENT,
                        "keptSince": {**_MOMENT, "description": "When the oldest event was that is kept"},
                    },
                },
                {
                    "@type": "EventResend",
                    "since": "2026-12-01T00:00:00.000Z",
                    "events": 17,
                    "firstEvent": "2026-12-01T00:00:07.000Z",
                    "keptSince": "2026-11-28T00:00:01.000Z",
                },
            ),
        }
    },
}
TEST: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "A sample, whose `eventId` begins with `test-`; conditions of the subscription are not looked at.",
    "requestBody": {
        "required": False,
        "content": _content(
            {
                "type": "object",
                "properties": {
                    "eventType": {**_TEXT, "description": "By default the first that the subscription's API has"}
                },
                "additionalProperties": False,
            },
            {"eventType": "CheckoutStateChangeEvent"},
        ),
    },
    "refused": ("The event is one of the subscription's API.",),
    "responses": {
        "200": {
            "description": "What came of it",
            "content": _content(
                {
                    "type": "object",
                    "required": ["eventType", "eventId", "callback", "outcome", "milliseconds"],
                    "properties": {
                        "@type": _TEXT,
                        "eventType": _TEXT,
                        "eventId": _TEXT,
                        "callback": _TEXT,
                        "outcome": {"type": "string", "enum": ["taken", "refused", "throttled", "gone"]},
                        "detail": _TEXT,
                        "milliseconds": {"type": "number"},
                    },
                },
                {
                    "@type": "EventTest",
                    "eventType": "CheckoutStateChangeEvent",
                    "eventId": "test-019a3c601a2b7c3d8e4f5a6b7c8d9e0f",
                    "callback": "https://listener.example.com/tmf/listener/checkoutStateChangeEvent",
                    "outcome": "taken",
                    "milliseconds": 42.1,
                },
            ),
        }
    },
}
SCHEMAS: Final[dict[str, Any]] = {
    "Subscription": {
        "type": "object",
        "description": "A subscription at the hub of any API, as operators see it.",
        "required": ["id", "hub", "callback", "state", "eventsWaiting", "waitingResource"],
        "properties": {
            **HUB_SCHEMAS["Hub"]["properties"],
            "hub": {"type": "string", "description": "The path of the hub that it was made at"},
            "client": {"type": "string", "description": "The client that made it"},
            "ownerScope": {"type": "string", "description": "The client of whose resources alone it is told"},
            "oldestEventWaiting": _MOMENT,
            "waitingResource": {
                "type": "array",
                "description": "Carts or checkouts of which an event was not taken, so that their later ones wait; not in lists",
                "items": {
                    "type": "object",
                    "properties": {"id": _TEXT, "attempts": _COUNT, "since": _MOMENT, "nextAttemptAt": _MOMENT},
                },
            },
        },
    },
}
