"""Headers: entity tags and their conditions, the address clients see, correlation ids."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from itertools import count
from typing import Any, Final

from litestar import Request

from gateway.errors import InvalidHeaderError

# RFC 9110, 8.8.3: an optional W/, and any visible characters but the quote between quotes.
_ENTITY_TAG: Final = re.compile(rb'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')
_VERSION_TAG: Final = re.compile(rb'"([1-9][0-9]{0,9})(?:-[\x21\x23-\x7e]{0,100})?"')
_TAGS_BYTES_MAX: Final = 2048
# Our own correlation ids: 16 random digits of this process and a number. They need to differ, not to be secret.
_PROCESS: Final = secrets.token_hex(8).encode()
_numbers: Final = count(1)
# A name or an address, with or without a port (RFC 9110, 7.2).
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_NO_HOST: Final = "is not one host name or address with an optional port"
# Where clients name their request, the first that there is; what an id may look like to be taken over: it goes into logs and back.
_CORRELATION_HEADERS: Final = (b"x-correlation-id", b"x-request-id")
_CORRELATION_ID: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
# W3C Trace Context, 3.2.2: version, trace id, parent id, flags. Of a later version only what this one has is kept.
_TRACE_PARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)


def entity_tag(version: int, beside: str = "") -> bytes:
    """Return the strong entity tag of a version, `"3"`, or `"3-ordered"` with something beside it.

    Args:
        version: the version of the stored resource, counted from 1.
        beside: tells apart what is shown with the same version; empty for the resource itself.

    Raises:
        Nothing.

    Source: RFC 9110 section 8.8.3.
    """
    return b'"%d-%b"' % (version, beside.encode()) if beside else b'"%d"' % version


def header_values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Return the value of a list header, its repetitions joined by commas, or None when it is absent."""
    values = [value for key, value in headers if key == name]
    return b",".join(values) if values else None


def if_match_of(request: Request[Any, Any, Any]) -> frozenset[int] | None:
    """Return the versions that If-Match allows; None when it is absent, or `*`: any version will do.

    A weak tag never matches in If-Match (RFC 9110, 13.1.1), nor does a tag that is not ours: they are left out, and what
    is left may be empty. Raises InvalidHeaderError (400) when it is not a list of tags.
    """
    value = header_values(request.scope["headers"], b"if-match")
    if value is None or value.strip() == b"*":
        return None
    matches = (_VERSION_TAG.fullmatch(tag) for weak, tag in _tags(value, "If-Match") if not weak)
    return frozenset(int(match[1]) for match in matches if match is not None)


def has_if_match(request: Request[Any, Any, Any]) -> bool:
    """Return whether the request carries If-Match at all."""
    return header_values(request.scope["headers"], b"if-match") is not None


def is_unmodified(request: Request[Any, Any, Any], version: int, beside: str = "") -> bool:
    """Return whether If-None-Match names what the client has already (weak comparison, RFC 9110, 13.1.2)."""
    value = header_values(request.scope["headers"], b"if-none-match")
    if value is None:
        return False
    if value.strip() == b"*":
        return True
    return any(tag == entity_tag(version, beside) for _, tag in _tags(value, "If-None-Match"))


def _tags(value: bytes, header: str) -> list[tuple[bool, bytes]]:
    tags: list[tuple[bool, bytes]] = []
    position = 0
    while position < len(value) <= _TAGS_BYTES_MAX:
        match = _ENTITY_TAG.match(value, position)
        if match is None:
            break
        tags.append((match.group(1) is not None, match.group(2)))
        position = match.end()
    if position < len(value) or not tags:
        what = 'must be `*` or a list of entity tags such as "3", as the ETag header gave them'
        raise InvalidHeaderError.about(header, what)
    return tags


def require_valid_host(request: Request[Any, Any, Any]) -> None:
    """Raise InvalidHeaderError (400) unless the one Host header may stand in an address; HTTP/1.0 may leave it out (RFC 9112, 3.2)."""
    hosts = [value for name, value in request.scope["headers"] if name == b"host"]
    is_missing = not hosts and request.scope.get("http_version", "1.1") == "1.1"
    if is_missing or len(hosts) > 1 or (hosts and _HOST.fullmatch(hosts[0]) is None):
        raise invalid_host()


def invalid_host() -> InvalidHeaderError:
    """Return the error for a Host header that cannot stand in an address."""
    return InvalidHeaderError.about("The Host header", _NO_HOST, "Host")


def base_url(request: Request[Any, Any, Any], public_url: str) -> str:
    """Return what clients put before the paths: `public_url`, or else scheme and host as the request came in."""
    if public_url:
        return public_url.rstrip("/")
    scope = request.scope
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    if host is not None:
        return f"{scope['scheme']}://{host.decode('latin-1')}"
    server = scope.get("server")
    return f"{scope['scheme']}://{server[0]}:{server[1]}" if server else ""


def correlation_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the client's X-Correlation-ID, or else its X-Request-ID, when it is sane (128 characters of a URL at most).

    Otherwise a new one.
    """
    named = {name: value for name, value in headers if name in _CORRELATION_HEADERS}
    for name in _CORRELATION_HEADERS:
        if name in named and _CORRELATION_ID.fullmatch(named[name]):
            return named[name]
    return b"%s%08x" % (_PROCESS, next(_numbers))


def trace_parent(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the W3C traceparent of a request in the form of version 00; None where there is none that is right."""
    given = [value for name, value in headers if name == b"traceparent"]
    match = _TRACE_PARENT.fullmatch(given[0]) if len(given) == 1 and len(given[0]) <= _TAGS_BYTES_MAX else None
    return f"00-{match[1].decode()}-{match[2].decode()}-{match[3].decode()}" if match is not None else None
