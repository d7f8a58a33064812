"""What the OpenAPI document says of the inbox."""

from __future__ import annotations

from typing import Any, Final

from gateway.http.reference.components import ref
from gateway.http.reference.parts import PAGE, REASON
from gateway.tracking.inbox import STATES

_TAG: Final = ["operator"]
_FILTERS: Final = {
    "state": "one or more of received, waiting, done, dead, separated by commas",
    "upstream": "the order system",
    "eventType": "the event, as it names itself",
    "eventId": "its id",
    "productOrder.id": "the order that it is about",
    "since": "a date-time: it came not before it",
    "until": "a date-time: it came before it",
}
_A_STATE: Final = "|".join(STATES)
_ONE: Final = {
    "@type": "Notification",
    "id": "3f1c",
    "upstream": "crm",
    "eventId": "e-1",
    "eventType": "ProductOrderStateChangeEvent",
    "state": "dead",
    "statusReason": "the order is not known, and that for 72 hours",
    "receivedDate": "2026-12-01T08:30:00.000Z",
    "attempts": 0,
    "productOrder": {"id": "00004122", "state": "In Progress"},
    "byteCount": 118,
}
_WHOLE: Final = {**_ONE, "payload": {"eventId": "e-1", "productOrder": {"id": "00004122", "state": "In Progress"}}}
_RESULT: Final = {
    "@type": "InboxResult", "matched": 12, "replayed": 11, "dismissed": 0, "namesNoOrder": 1, "left": 0,
}  # fmt: skip
SCHEMAS: Final[dict[str, Any]] = {
    "Notification": {
        "type": "object",
        "required": ["@type", "id", "upstream", "eventId", "state", "receivedDate", "attempts", "byteCount"],
        "properties": {
            "@type": {"type": "string"},
            "id": {"type": "string"},
            "href": {"type": "string"},
            "upstream": {"type": "string"},
            "eventId": {"type": "string", "description": "Its own, or a hash of its body."},
            "eventType": {"type": "string"},
            "eventTime": {"type": "string", "format": "date-time"},
            "state": {"type": "string", "enum": list(STATES)},
            "statusReason": {"type": "string"},
            "receivedDate": {"type": "string", "format": "date-time"},
            "nextAttemptAt": {"type": "string", "format": "date-time"},
            "attempts": {"type": "integer"},
            "productOrder": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "state": {"type": ["string", "null"]}},
            },
            "externalId": {"type": "string", "description": "The gateway's marker, where it carries one."},
            "note": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "kind": {"type": "string"},
                        "text": {"type": "string"},
                        "path": {"type": "string", "description": "What is asked for, in the order system's words."},
                    },
                },
            },
            "byteCount": {"type": "integer"},
            "payload": {"description": "The body as it came; of one notification, not in a list."},
        },
    },
    "InboxResult": {
        "type": "object",
        "required": list(_RESULT),
        "properties": {
            "@type": {"type": "string"},
            **{name: {"type": "integer"} for name in _RESULT if name != "@type"},
        },
    },
}


def _said(status: str, description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {
        status: {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}
    }


def _body(properties: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": ["reason"], "additionalProperties": False}
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


_OF_ONE: Final = _body({"reason": REASON}, {"reason": "The mapping is corrected."})
_OF_MANY: Final = _body(
    {
        "reason": REASON,
        "dryRun": {"type": "boolean", "default": False, "description": "Only count; needs no reason."},
        **{name: {"type": "string", "description": text} for name, text in _FILTERS.items()},
        "state": {"type": "string", "description": _FILTERS["state"], "pattern": f"^({_A_STATE})(,({_A_STATE}))*$"},
        **{
            name: {"type": "string", "format": "date-time", "description": _FILTERS[name]}
            for name in ("since", "until")
        },
    },
    {"reason": "The mapping is corrected.", "upstream": "crm"},
)
_SCHEMA_OF_MANY: Final = _OF_MANY["content"]["application/json"]["schema"]
del _SCHEMA_OF_MANY["required"]
_SCHEMA_OF_MANY["anyOf"] = [
    {"required": ["reason"]},
    {"required": ["dryRun"], "properties": {"dryRun": {"const": True}}},
]
LIST: Final[dict[str, Any]] = {
    "tags": _TAG,
    "parameters": [
        *(
            {"name": name, "in": "query", "schema": {"type": "string"}, "description": text}
            for name, text in _FILTERS.items()
        ),
        *PAGE,
    ],
    "responses": _said("200", "The notifications", {"type": "array", "items": ref("Notification")}, [_ONE]),
}
GET: Final[dict[str, Any]] = {
    "tags": _TAG,
    "responses": _said("200", "The notification", ref("Notification"), _WHOLE),
}
REPLAY: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "Its body is read again, by the mapping as it is now; then its order is looked at. 409 when it still names no order.",
    "requestBody": _OF_ONE,
    "responses": _said("202", "It is looked at now", ref("Notification"), _WHOLE),
}
DISMISS: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "Nobody looks at it again; it is kept as one that was dealt with, which makes room when there is none.",
    "requestBody": _OF_ONE,
    "responses": _said("200", "It is set aside", ref("Notification"), {**_WHOLE, "state": "done"}),
}
REPLAY_MANY: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "Without `state` the dead ones. At most 10 000 in one request: `left` says how many more there are.",
    "refused": ("A `since` and an `until` are in the calendar.",),
    "requestBody": _OF_MANY,
    "responses": _said("200", "What was done", ref("InboxResult"), _RESULT),
}
DISMISS_MANY: Final[dict[str, Any]] = {
    **REPLAY_MANY,
    "responses": _said("200", "What was done", ref("InboxResult"), {**_RESULT, "replayed": 0, "dismissed": 12}),
}
