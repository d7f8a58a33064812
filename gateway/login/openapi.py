"""What the OpenAPI document says of logging in and out."""

from __future__ import annotations

from typing import Any, Final

_TAG: Final = ["login"]
_TO: Final = {"description": "On to the next address", "headers": {"Location": {"schema": {"type": "string"}}}}


def _query(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}}


BEGIN: Final[dict[str, Any]] = {
    "tags": _TAG,
    "security": [],
    "parameters": [_query("return_to", "The path to go to afterwards, such as /console")],
    "responses": {"303": _TO},
}
CALLBACK: Final[dict[str, Any]] = {
    "tags": _TAG,
    "security": [],
    "parameters": [
        _query("code", "What the provider gave for the login"),
        _query("state", "What this login began with"),
        _query("iss", "The provider (RFC 9207)"),
        _query("error", "Why there was no login"),
    ],
    "responses": {"303": _TO},
}
_A_SESSION: Final = {
    "@type": "Session",
    "client": "anna",
    "tenant": "acme",
    "role": ["operator"],
    "expiresAt": "2026-12-01T12:30:00Z",
    "csrfToken": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
SESSION: Final[dict[str, Any]] = {
    "tags": _TAG,
    "responses": {
        "200": {
            "description": "Who is logged in",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Session"}, "example": _A_SESSION}
            },
        }
    },
}
LOGOUT: Final[dict[str, Any]] = {
    "tags": _TAG,
    "responses": {
        "200": {
            "description": "The session has ended",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/LoggedOut"},
                    "example": {
                        "@type": "LoggedOut",
                        "endSessionUrl": "https://id.example.com/logout?client_id=gateway",
                    },
                }
            },
        }
    },
}
BACK_CHANNEL: Final[dict[str, Any]] = {
    "tags": _TAG,
    "security": [],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["logout_token"],
                    "properties": {"logout_token": {"type": "string"}},
                },
                "example": {"logout_token": "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl"},
            }
        },
    },
    "responses": {"200": {"description": "The sessions that it names have ended"}},
}
SCHEMAS: Final[dict[str, Any]] = {
    "Session": {
        "type": "object",
        "required": ["@type", "client", "tenant", "role", "expiresAt", "csrfToken"],
        "properties": {
            "@type": {"type": "string"},
            "client": {"type": "string"},
            "tenant": {"type": "string"},
            "role": {"type": "array", "items": {"type": "string"}},
            "expiresAt": {"type": "string", "format": "date-time"},
            "csrfToken": {"type": "string", "description": "The value of the header X-CSRF-Token."},
        },
    },
    "LoggedOut": {
        "type": "object",
        "required": ["@type"],
        "properties": {
            "@type": {"type": "string"},
            "endSessionUrl": {"type": "string", "description": "Where to log out at the identity provider as well."},
        },
    },
}
