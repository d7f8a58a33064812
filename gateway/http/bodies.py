"""Request bodies: the right type, no more than allowed, decoded once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

from litestar import Request

from gateway.documents import Json, JsonObject
from gateway.errors import (
    BodyTooLargeError,
    ClientGoneError,
    InvalidHeaderError,
    MalformedBodyError,
    MediaTypeError,
    NotAcceptableError,
)
from gateway.roles import CLIENT_KEY
from gateway.services import services_of
from gateway.threads import LARGE_BYTES_MIN
from gateway.tmf.json import decode_json
from gateway.tmf.shapes import json_kind

R = TypeVar("R")

JSON_TYPES: Final = frozenset({"application/json"})
# How much of a body that is too large is read before it is refused.
DISCARDED_BYTES_MAX: Final = 16 * 1024 * 1024
LENGTH_DIGITS_MAX: Final = 18
MERGE_PATCH_TYPES: Final = frozenset({"application/json", "application/merge-patch+json"})


async def read_json(
    request: Request[Any, Any, Any], *, bytes_max: int, depth_max: int, media_types: Collection[str] = JSON_TYPES
) -> Json:
    """Return the decoded body.

    Raises MediaTypeError (415) for a missing or other content type and for any content encoding, BodyTooLargeError (413)
    as soon as more than `bytes_max` are announced or have come, MalformedBodyError (400) for what is not JSON.
    """
    raw = await read_body(request, bytes_max=bytes_max, media_types=media_types)
    return await decoded(request, raw, depth_max=depth_max)


async def read_object(
    request: Request[Any, Any, Any], *, bytes_max: int, depth_max: int, media_types: Collection[str] = JSON_TYPES
) -> JsonObject:
    """Return the body as the JSON object that it must be; a large one is decoded in a thread.

    Args:
        request: its body must not have been read.
        bytes_max: bytes that a body may have.
        depth_max: levels of nesting that it may have.
        media_types: the content types that are taken, in lower case and without parameters.

    Raises:
        MalformedBodyError: (400) not the JSON of `decode_json`, or not an object.
        MediaTypeError, BodyTooLargeError, InvalidHeaderError, ClientGoneError: as `read_body`.

    Source: RFC 8259; TMF630 part 1 (resources are JSON objects).
    """
    raw = await read_body(request, bytes_max=bytes_max, media_types=media_types)
    return await _worked_out(request, raw, decode_object, depth_max=depth_max)


async def decoded(request: Request[Any, Any, Any], raw: bytes, *, depth_max: int) -> Json:
    """Return the decoded body of a request; a large one, right or wrong, in a turn of its tenant. Raises MalformedBodyError (400)."""
    return await _worked_out(request, raw, decode_json, depth_max=depth_max)


async def _worked_out(request: Request[Any, Any, Any], raw: bytes, decode: Callable[..., R], *, depth_max: int) -> R:
    scope: Any = request.scope
    tenant, heavy = scope[CLIENT_KEY].tenant, services_of(request).heavy
    return await heavy.run(tenant, len(raw) > LARGE_BYTES_MIN, decode, raw, depth_max=depth_max)


def decode_object(raw: bytes, *, depth_max: int) -> JsonObject:
    """Return the decoded body, which must be a JSON object. Raises MalformedBodyError (400) otherwise."""
    value = decode_json(raw, depth_max=depth_max)
    if not isinstance(value, dict):
        what = f"must be a JSON object, not {json_kind(value)}"
        raise MalformedBodyError.about("The body", what, "")
    return value


async def read_body(
    request: Request[Any, Any, Any], *, bytes_max: int, media_types: Collection[str] = JSON_TYPES
) -> bytes:
    """Return the body as it was sent, once all of it has come.

    Args:
        request: its body must not have been read.
        bytes_max: bytes that a body may have.
        media_types: the content types that are taken, in lower case and without parameters.

    Raises:
        MediaTypeError: (415) another content type, a content encoding, or a charset that is not UTF-8.
        BodyTooLargeError: (413) more bytes, announced or sent.
        InvalidHeaderError: (400) a Content-Length that is not a number.
        ClientGoneError: the connection was closed before; there is nobody to answer.

    Source: RFC 9110 sections 8.3 and 15.5.14.
    """
    headers = dict(request.scope["headers"])
    _require_media_type(headers, media_types)
    receive: Any = request.receive
    announced = headers.get(b"content-length")
    if announced is not None and _length(announced) > bytes_max:
        if b"expect" not in headers and _length(announced) <= DISCARDED_BYTES_MAX:
            await _discard(receive, 0)
        raise _too_large(bytes_max)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message["body"]
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError("The connection was closed before the whole body had come.")
        parts.append(message["body"])
        size += len(message["body"])
        if size > bytes_max:
            parts.clear()
            if message.get("more_body"):
                await _discard(receive, size)
            raise _too_large(bytes_max)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _length(announced: bytes) -> int:
    if announced.isdigit() and len(announced) <= LENGTH_DIGITS_MAX:
        return int(announced)
    raise InvalidHeaderError.about("Content-Length", "must be a whole number of bytes")


async def _discard(receive: Any, size: int) -> None:
    """Read on without keeping anything, within bounds.

    A connection that is closed while its client is still sending is reset, and the client may never see the answer.
    """
    while size <= DISCARDED_BYTES_MAX:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        size += len(message["body"])


def _too_large(bytes_max: int) -> BodyTooLargeError:
    return BodyTooLargeError.about("The body", f"is larger than {bytes_max} bytes", "", {"Connection": "close"})


def _require_media_type(headers: dict[bytes, bytes], media_types: Collection[str]) -> None:
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        what = "is not supported; send the body as it is"
        raise MediaTypeError.about("Content-Encoding", what, headers={"Accept-Encoding": "identity"})
    given = headers.get(b"content-type")
    if given is None:
        raise _unsupported(f"is missing; send {_listed(media_types)}")
    if given == b"application/json" and "application/json" in media_types:
        return
    name, *parameters = given.decode("latin-1").split(";")
    if name.strip().lower() not in media_types:
        raise _unsupported(f"is not supported; send {_listed(media_types)}")
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            raise _unsupported("names another charset than UTF-8, which JSON is; leave it out or say utf-8")


def _unsupported(what: str) -> MediaTypeError:
    return MediaTypeError.about("Content-Type", what)


def _listed(media_types: Collection[str]) -> str:
    return " or ".join(sorted(media_types))


def has_body(request: Request[Any, Any, Any]) -> bool:
    """Tell whether a request has a body; clients name a content type also where they send nothing.

    Args:
        request: only its headers are looked at.

    Raises:
        Nothing.

    Source: RFC 9112 section 6 (Content-Length, Transfer-Encoding).
    """
    headers = dict(request.scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0").strip(b"0 ") != b""


def require_json_accepted(request: Request[Any, Any, Any]) -> None:
    """Refuse a request whose Accept header rules application/json out.

    Args:
        request: only its headers are looked at; without an Accept header everything is accepted.

    Raises:
        NotAcceptableError: (406) JSON has the quality 0, or nothing matches it.

    Source: RFC 9110 section 12.5.1.
    """
    values = [value for name, value in request.scope["headers"] if name == b"accept"]
    if not values or values[0] == b"*/*" or values[0] == b"application/json":
        return
    if not _json_quality(b",".join(values).decode("latin-1").lower()):
        what = "rules application/json out, and nothing else can be produced; accept that, or leave it out"
        raise NotAcceptableError.about("Accept", what)


def _json_quality(accept: str) -> bool:
    """Return whether the most specific range that matches application/json has a quality above 0."""
    best: tuple[int, bool] = (-1, False)
    for entry in accept.split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        rank = {"*/*": 0, "application/*": 1, "application/json": 2}.get(name, -1)
        weights = [value for key, _, value in (part.partition("=") for part in parameters) if key.strip() == "q"]
        wanted = not weights or weights[0].strip().rstrip("0") not in {"", "0", ".", "0."}
        if rank >= 0 and rank >= best[0]:
            best = (rank, wanted)
    return best[1]
