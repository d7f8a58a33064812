"""Pages in browsers that call from another origin (CORS, Fetch standard): who may, and what a browser is told of it. Pure.

A preflight is asked by the browser, without credentials, and answered before anybody is asked who they are: it tells nothing that is
not in the settings. No answer ever allows credentials: pages send their token themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from gateway.http.answers import Answer
from gateway.settings.cors import CorsSettings

Headers: TypeAlias = list[tuple[bytes, bytes]]

METHODS: Final = b"GET, HEAD, POST, PATCH, DELETE, OPTIONS"
REQUEST_HEADERS: Final = (
    b"Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Correlation-ID"
)
# What a page may read of an answer besides what every page may.
ANSWER_HEADERS: Final = (
    b"Allow, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, Sunset, Warning, "
    b"WWW-Authenticate, X-Correlation-ID, X-Result-Count, X-Total-Count"
)


def allowed_origin(headers: Iterable[tuple[bytes, bytes]], settings: CorsSettings) -> bytes | None:
    """Return the origin of the page that sends a request, when it is there once and allowed; otherwise None."""
    if not settings.allowed_origins:
        return None
    origins = [value for name, value in headers if name == b"origin"]
    is_allowed = len(origins) == 1 and origins[0].decode("latin-1") in settings.allowed_origins
    return origins[0] if is_allowed else None


def is_preflight(method: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a browser asks what a page may send."""
    return method == "OPTIONS" and any(name == b"access-control-request-method" for name, _ in headers)


def preflight_answer(origin: bytes, settings: CorsSettings) -> Answer:
    """Return what a browser is told of a page that may call."""
    return Answer(
        status=204,
        headers=[
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", REQUEST_HEADERS),
            (b"access-control-max-age", str(settings.max_age_seconds).encode()),
            (b"vary", b"Origin"),
        ],
    )


def answer_headers(origin: bytes | None, settings: CorsSettings) -> Headers:
    """Return what every answer says: whose page may read it, and that this depends on who asked."""
    if not settings.allowed_origins:
        return []
    if origin is None:
        return [(b"vary", b"Origin")]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", ANSWER_HEADERS),
        (b"vary", b"Origin"),
    ]
