"""Answers: JSON bytes with their headers, and every exception as a TMF Error.

An `Answer` is an ASGI application, which Litestar sends as it is: bytes that are already JSON need no serialiser, and a
HEAD request gets the headers of the GET without its body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.types import Receive, Send

from gateway.errors import (
    INTERNAL_ERROR_BODY,
    BodyTooLargeError,
    ForbiddenError,
    InvalidHeaderError,
    MalformedBodyError,
    MethodNotAllowedError,
    NotAcceptableError,
    NotFoundError,
    RequestError,
    UnauthenticatedError,
    UnavailableError,
    tmf_error,
)
from gateway.http.headers import invalid_host
from gateway.logs import get_logger, safe_traceback
from gateway.tmf.json import encode_json

JSON: Final = b"application/json"
# Parts of an answer that are smaller are sent together.
SENT_BYTES_MIN: Final = 64 * 1024
_BY_STATUS: Final[dict[int, type[RequestError]]] = {
    400: InvalidHeaderError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    406: NotAcceptableError,
    413: BodyTooLargeError,
    503: UnavailableError,
}
_log = get_logger("gateway.http")


class Answer:
    """A status, headers and a whole body. `headers` are (lower-case name, value) pairs; length and type are added."""

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        headers: list[tuple[bytes, bytes]] | None = None,
        media_type: bytes = JSON,
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.media_type = media_type

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send it."""
        headers = [] if self.headers is None else self.headers
        body = self.body
        if self.status not in {204, 304}:
            headers = [(b"content-type", self.media_type), (b"content-length", b"%d" % len(body)), *headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def to_asgi_response(self, **_options: Any) -> Answer:
        """Return itself: what Litestar asks of the answer of an exception handler."""
        return self


class AnswerInParts(Answer):
    """An answer of JSON whose body is sent part by part: of a very large one there is never the whole beside its parts."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[bytes]) -> None:
        super().__init__()
        self.parts = parts

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send it."""
        length = sum(map(len, self.parts))
        headers = [(b"content-type", self.media_type), (b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        waiting: list[bytes] = []
        size = 0
        for part in self.parts if scope["method"] != "HEAD" else ():
            waiting.append(part)
            size += len(part)
            if size >= SENT_BYTES_MIN:
                await send({"type": "http.response.body", "body": b"".join(waiting), "more_body": True})
                waiting.clear()
                size = 0
        await send({"type": "http.response.body", "body": b"".join(waiting), "more_body": False})


def json_answer(value: object, *, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Answer:
    """Return an answer whose body is JSON, Decimals with their digits.

    Args:
        value: a JSON value, or a Struct of ours.
        status: the HTTP status.
        headers: further headers, names in lower case; Content-Type and Content-Length come by themselves.

    Raises:
        TypeError: the value has no form in JSON: a fault of ours, never of a client.

    Source: RFC 8259; decision 9 (what a small request costs).
    """
    return Answer(encode_json(value), status=status, headers=headers)


def error_answer(error: RequestError) -> Answer:
    """Return the TMF Error of `error`."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in error.headers.items()]
    return Answer(encode_json(tmf_error(error)), status=error.status, headers=headers)


def answer_exception(request: Request[Any, Any, Any], exception: Exception) -> Any:
    """Return the answer to whatever a request raised: the one way from an exception to a client.

    An exception that nobody foresaw is a defect: 500 without a word about the inside, and one log line with the stack but
    without the exception's message, because a message may quote a document.
    """
    if isinstance(exception, RequestError):
        return error_answer(exception)
    if isinstance(exception, HTTPException) and (kind := _BY_STATUS.get(exception.status_code)):
        return error_answer(_from_framework(exception, kind))
    _log.error(
        "request_failed",
        method=request.scope["method"],
        route=request.scope.get("path_template", ""),
        error=type(exception).__name__,
        traceback=safe_traceback(exception),
    )
    return internal_error()


def internal_error() -> Answer:
    """Return the answer to a defect of ours."""
    return Answer(encode_json(INTERNAL_ERROR_BODY), status=500)


def allowed_methods(exception: MethodNotAllowedException) -> str:
    """Return the methods that Litestar names with a 405, sorted."""
    names = (exception.headers or {}).get("allow", "").split(",")
    return ", ".join(sorted(name.strip() for name in names if name.strip()))


def _from_framework(exception: HTTPException, kind: type[RequestError]) -> RequestError:
    if kind is NotFoundError:
        return NotFoundError("There is nothing at this path; /schema lists what there is.")
    if isinstance(exception, MethodNotAllowedException):
        listed = allowed_methods(exception)
        return MethodNotAllowedError(f"Here one can: {listed}.", headers={"Allow": listed})
    if kind is BodyTooLargeError:
        return BodyTooLargeError.about("The body", "is larger than this server accepts", "")
    if kind is InvalidHeaderError and "host" not in exception.detail.lower():
        return MalformedBodyError("The request cannot be read.")
    if kind is InvalidHeaderError:
        return invalid_host()
    return kind("The request was refused.")
