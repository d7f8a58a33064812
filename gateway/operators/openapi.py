"""What the OpenAPI document says of the operations of operators."""

from __future__ import annotations

from typing import Any, Final

from gateway.http.reference.components import ref
from gateway.http.reference.examples import content
from gateway.http.reference.parts import PAGE, REASON

_CHECKOUT: Final = content(ref("Checkout"), "checkout")
_AN_UPSTREAM: Final = {"@type": "Upstream", "id": "crm", "mapping": "salesforce-v4", "state": "active"}
_UPSTREAM: Final = {"application/json": {"schema": ref("Upstream"), "example": _AN_UPSTREAM}}
_TAG: Final = ["operator"]
_EXAMPLE: Final = {
    "productOrder": {"id": "00000001"},
    "outcome": "rejected",
    "reason": "Agreed with the customer on the phone.",
    "override": False,
}
_OVERRIDE: Final = {"type": "boolean", "default": False}


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    example = {name: value for name, value in _EXAMPLE.items() if name in properties}
    return {"required": bool(required), "content": {"application/json": {"schema": schema, "example": example}}}


def _answer(status: str, description: str, content: dict[str, Any] = _CHECKOUT) -> dict[str, Any]:
    return {status: {"description": description, "content": content}}


RETRY: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "Held or waiting: counters begin again, and the order is looked at before anything is sent.",
    "requestBody": _body({"reason": REASON}, ["reason"]),
    "responses": _answer("202", "It is looked at now"),
}
POLL: Final[dict[str, Any]] = {
    "tags": _TAG,
    "requestBody": _body({"reason": REASON}, []),
    "responses": _answer("202", "The order is read now"),
}
ADOPT: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "The order is read and compared with what was ordered. `override` takes one that holds something else.",
    "refused": (
        "A number has at most 64 digits and no exponent beyond 64.",
        "No text holds the character U+0000.",
    ),
    "requestBody": _body(
        {
            "productOrder": {"type": "object", "properties": {"id": ref("Identifier")}, "required": ["id"]},
            "reason": REASON,
            "override": _OVERRIDE,
        },
        ["productOrder", "reason"],
    ),
    "responses": _answer("202", "The order is this checkout's, and is followed"),
}
CLOSE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "`rejected` and `cancelled` let go of the cart, after a search for a live order; `override` where none can prove that "
    "there is none. `completed` keeps the cart ordered.",
    "requestBody": _body(
        {
            "outcome": {"type": "string", "enum": ["rejected", "cancelled", "completed"]},
            "reason": REASON,
            "override": _OVERRIDE,
        },
        ["outcome", "reason"],
    ),
    "responses": _answer("200", "It has ended"),
}
UPSTREAMS: Final[dict[str, Any]] = {
    "tags": _TAG,
    "responses": {
        "200": {
            "description": "The order systems of this installation",
            "content": {
                "application/json": {"schema": {"type": "array", "items": ref("Upstream")}, "example": [_AN_UPSTREAM]}
            },
        }
    },
}
PAUSE: Final[dict[str, Any]] = {
    "tags": _TAG,
    "requestBody": _body({"reason": REASON}, ["reason"]),
    "responses": _answer("200", "It is paused", _UPSTREAM),
}
RESUME: Final[dict[str, Any]] = {
    "tags": _TAG,
    "requestBody": _body({"reason": REASON}, []),
    "responses": _answer("200", "It is active", _UPSTREAM),
}
SCHEMAS: Final[dict[str, Any]] = {
    "Upstream": {
        "type": "object",
        "required": ["@type", "id", "mapping", "state"],
        "properties": {
            "@type": {"type": "string"},
            "id": {"type": "string"},
            "mapping": {"type": "string"},
            "state": {"type": "string", "enum": ["active", "paused"]},
            "pause": {
                "type": "object",
                "properties": {
                    "since": {"type": "string", "format": "date-time"},
                    "by": {"type": "string"},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}
_AUDIT_FILTERS: Final = {
    "client": "who: the client's name",
    "resource": "what: shoppingCart, checkout, subscription or upstream",
    "resourceId": "its id",
    "action": "what was asked for: create, change, merge, delete, submit, cancel, retry ...",
    "correlationId": "the request: its X-Correlation-ID",
    "outcome": "what came of it: done, refused (403) or unauthenticated (401: its token has expired), twenty of each client in an hour ...",
    "since": "a date-time: not before it",
    "until": "a date-time: before it",
}
AUDIT: Final[dict[str, Any]] = {
    "tags": _TAG,
    "description": "Every write that a client asked for and that was done, and what clients were not allowed to do; "
    "nothing is ever changed in it.",
    "parameters": [
        *(
            {"name": name, "in": "query", "schema": {"type": "string"}, "description": description}
            for name, description in _AUDIT_FILTERS.items()
        ),
        *PAGE,
    ],
    "responses": {
        "200": {
            "description": "The entries",
            "content": {
                "application/json": {"schema": {"type": "array", "items": {"type": "object"}}, "example": []},
                "application/x-ndjson": {"schema": {"type": "string"}, "example": ""},
            },
        }
    },
}
UNKNOWN: Final[dict[str, Any]] = {
    **AUDIT,
    "description": "Credentials that let nobody in and belong to no tenant: unknown tokens, certificates and secrets, refused logins. "
    "Of an address its network is kept (24 bits of IPv4, 48 of IPv6); twenty of a network and two hundred of all in an hour are recorded, "
    "the others are counted.",
}
