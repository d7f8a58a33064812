"""Every error the gateway raises on purpose, and the one table that turns it into a TMF Error.

::

    GatewayError
    |-- OperatorError                 the installation is wrong; never an HTTP answer
    |   |-- SettingsError             a setting is unknown, malformed or unsafe
    |   |-- MappingError              a mapping file is wrong (all mistakes at once)
    |   `-- SchemaError               the database schema is behind or unknown
    |-- StaleLeaseError               another worker took the checkout over; stop silently
    `-- RequestError                  the client is told: one HTTP status, one TMF Error each
        |-- MalformedRequestError     400  this is not HTTP/1.1
        |-- MalformedBodyError        400  the body is not acceptable JSON
        |-- ClientGoneError           400  the connection ended in the middle of the request
        |-- InvalidBodyError          400  the body is JSON, but some attributes are wrong
        |-- InvalidQueryError         400  a query parameter is wrong
        |-- InvalidHeaderError        400  a header is wrong or missing
        |-- UnauthenticatedError      401  no credentials, or bad ones
        |-- ForbiddenError            403  known, but not allowed
        |-- NotFoundError             404  no such resource for this tenant
        |-- MethodNotAllowedError     405  the resource exists, the method does not
        |-- NotAcceptableError        406  no representation the client accepts
        |-- RequestTimeoutError       408  the request did not come to its end in time
        |-- ConflictError             409  the resource's state forbids it
        |-- PreconditionError         412  If-Match does not match
        |-- BodyTooLargeError         413  over the limit
        |-- MediaTypeError            415  content type or encoding not supported
        |-- RefusedError              422  understood, but it cannot be ordered
        |-- PreconditionRequiredError 428  changes need If-Match here
        |-- TooManyRequestsError      429  slow down
        |-- HeadTooLargeError         431  request line and headers are over the limit
        |-- NotSupportedError         501  a part of the standard that is not offered
        `-- UnavailableError          503  try again later

Messages say what happened and what to do. They carry ids and attribute paths, never values of documents; two amounts that
differ (`expectedTotalPrice`, the cart's totals) are the exception: the client that asked has sent the one and may read the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from gateway.documents import JsonObject


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `path` in the TMF style (`cartItem[0].quantity`), and what would be right."""

    path: str
    message: str

    def __str__(self) -> str:
        """Read as `path: message`, or the message alone when the whole body is meant."""
        return f"{self.path}: {self.message}" if self.path else self.message


class GatewayError(Exception):
    """Anything the gateway raises on purpose."""


class OperatorError(GatewayError):
    """The installation is wrong. Printed by the command line, never sent to a client."""


class SettingsError(OperatorError):
    """A setting is unknown, malformed, or an unsafe combination. Lists every mistake found.

    `readable` is what could be read all the same, for looking for mistakes elsewhere; never to be run with.
    """

    def __init__(self, problems: Sequence[Problem], *, readable: Any = None) -> None:
        self.problems = tuple(problems)
        self.readable = readable
        super().__init__("\n".join(str(problem) for problem in self.problems))


class MappingError(OperatorError):
    """A mapping file is wrong. Lists every mistake of the file."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


class SchemaError(OperatorError):
    """The database schema is not the one this version needs. Run `gateway migrate`."""


class StaleLeaseError(GatewayError):
    """The fence of a checkout moved on: another worker owns it now. The holder stops without a further write."""


class RequestError(GatewayError):
    """An error that is the answer to a request. `status` is HTTP, `code` the TM Forum application code."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "1"
    reason: ClassVar[str] = "Internal error"

    def __init__(
        self,
        message: str,
        *,
        problems: Iterable[Problem] = (),
        headers: dict[str, str] | None = None,
        extension: dict[str, Any] | None = None,
    ) -> None:
        self.message = message
        self.problems = tuple(problems)
        self.headers = headers or {}
        self.extension = extension or {}
        super().__init__(message)

    @classmethod
    def about(cls, subject: str, what: str, path: str | None = None, headers: dict[str, str] | None = None) -> Self:
        """Return the error whose one problem is that `subject` is `what`: "Content-Type", "is missing; send ...".

        `path` is that of the problem: "" for a body as a whole, the subject itself unless given (a header is known by its name).
        """
        place = subject if path is None else path
        return cls(f"{subject} {what}.", problems=[Problem(place, what)], headers=headers)


class MalformedRequestError(RequestError):
    """What came is not an HTTP/1.1 request: its request line, a header, its length or a chunk is malformed."""

    status, code, reason = 400, "26", "Invalid request"


class MalformedBodyError(RequestError):
    """The body is not JSON as RFC 8259 and this server's limits define it."""

    status, code, reason = 400, "22", "Invalid body"


class ClientGoneError(RequestError):
    """The client closed the connection in the middle of its request; nobody reads the answer."""

    status, code, reason = 400, "22", "Incomplete body"


class InvalidBodyError(RequestError):
    """The body is JSON, but attributes have wrong types or values. Every problem is listed."""

    status, code, reason = 400, "24", "Invalid body field"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems[:20]), problems=problems)


class InvalidQueryError(RequestError):
    """A query parameter is unknown, malformed or out of range."""

    status, code, reason = 400, "28", "Invalid query-string parameter value"


class InvalidHeaderError(RequestError):
    """A header is malformed, or one that is needed is missing."""

    status, code, reason = 400, "26", "Invalid header value"


class UnauthenticatedError(RequestError):
    """No credentials, or credentials that are not valid (any more)."""

    status, code, reason = 401, "41", "Invalid credentials"


class ForbiddenError(RequestError):
    """The client is known, and this is not for it."""

    status, code, reason = 403, "53", "Access denied"


class NotFoundError(RequestError):
    """No such resource, or not this tenant's: both look the same on purpose."""

    status, code, reason = 404, "60", "Resource not found"


class MethodNotAllowedError(RequestError):
    """The path is right, the method is not."""

    status, code, reason = 405, "61", "Method not allowed"


class NotAcceptableError(RequestError):
    """Only application/json can be produced."""

    status, code, reason = 406, "62", "Not acceptable"


class RequestTimeoutError(RequestError):
    """The head or the body of a request did not come to its end in time; the connection is closed."""

    status, code, reason = 408, "70", "Request timeout"


class ConflictError(RequestError):
    """The state of the resource forbids the request; the message says which state, and what would help."""

    status, code, reason = 409, "63", "Conflict"


class PreconditionError(RequestError):
    """If-Match does not match: somebody else changed the resource. Read it again."""

    status, code, reason = 412, "64", "Precondition failed"


class BodyTooLargeError(RequestError):
    """The body is over the limit."""

    status, code, reason = 413, "65", "Body too large"


class MediaTypeError(RequestError):
    """The content type or content encoding is not supported."""

    status, code, reason = 415, "66", "Unsupported media type"


class RefusedError(RequestError):
    """The request is well formed, and it cannot be ordered: every finding says why."""

    status, code, reason = 422, "2", "Unprocessable entity"


class PreconditionRequiredError(RequestError):
    """The resource changes only for a client that says which version it knows (RFC 6585, 3)."""

    status, code, reason = 428, "25", "Missing header"


class TooManyRequestsError(RequestError):
    """A limit of this service is reached; Retry-After says when to come back."""

    status, code, reason = 429, "67", "Too many requests"


class HeadTooLargeError(RequestError):
    """Request line and headers together are over the limit."""

    status, code, reason = 431, "69", "Request header fields too large"


class NotSupportedError(RequestError):
    """A part of the standard that this server does not offer."""

    status, code, reason = 501, "68", "Not implemented"


class UnavailableError(RequestError):
    """The service cannot do it now; Retry-After says when to try again."""

    status, code, reason = 503, "5", "Service unavailable"

    def __init__(self, message: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(message, headers={"Retry-After": "5", **(headers or {})}, **more)


WHOLE_BODY: Final = "$"
"""Where a path of an error names the body itself, as JSONPath does."""


def tmf_error(error: RequestError) -> JsonObject:
    """Return the TMF Error object of TMF630 (code and status are strings) for `error`.

    `problem` lists path and message of everything that was wrong, `$` being the path of the whole body; it is an extension
    attribute.
    """
    body: dict[str, Any] = {
        "@type": "Error",
        "code": error.code,
        "reason": error.reason,
        "message": error.message,
        "status": str(error.status),
    }
    if error.problems:
        body["problem"] = [
            {"path": problem.path or WHOLE_BODY, "message": problem.message} for problem in error.problems
        ]
    body.update(error.extension)
    return body


INTERNAL_ERROR_BODY: dict[str, Any] = {
    "@type": "Error",
    "code": "1",
    "reason": "Internal error",
    "message": "A defect in the gateway prevented the request; it is logged under this answer's X-Correlation-ID.",
    "status": "500",
}
