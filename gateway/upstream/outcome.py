"""What became of one call that changes something, as a value; and the one table that turns an answer into it. Pure.

=============  ==========================================================================================================
NotSent        nothing left this process: it may be sent again as it is
NotExecuted    the order system said that it did not do it: it may be sent again, later
Accepted       done
Duplicate      an order with this marker exists already: look it up
Rejected       refused for a reason that does not go away by itself
Unknown        nobody can say whether it was done: read back before anything else, never send again
=============  ==========================================================================================================

Whatever the table does not name is Unknown. `detail` holds the status, the vendor's code and what it says, on one line and without
control characters; never anything of the request.
"""

from __future__ import annotations

from collections.abc import Mapping as Headers
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gateway.ordering import Mapping, UpstreamReason
from gateway.upstream.answers import (
    VendorError,
    describe,
    looks_like_error,
    order_id_of,
    retry_after_seconds,
    vendor_error,
)
from gateway.upstream.causes import Cause
from gateway.upstream.reasons import detail_with_reasons, reasons_of


class NotSent(Struct, frozen=True):
    """No byte of the call reached the order system. With `lasting` that does not go away by itself: the call is not sendable.

    `cause` is why, as a code.
    """

    detail: str
    retry_after_seconds: float | None = None
    lasting: bool = False
    cause: Cause = "upstream_unreachable"


class NotExecuted(Struct, frozen=True):
    """The order system refused to look at the call: too many calls, no valid token, or an edge that is busy."""

    detail: str
    retry_after_seconds: float | None = None
    kind: Literal["throttled", "unauthorised", "busy"] = "throttled"


class Accepted(Struct, frozen=True):
    """The call took effect. `document` is None when the answer has no body.

    That of a `create` names no order only where the mapping says that the id may come later (`api.created_id_from`).
    """

    status: int
    document: dict[str, Any] | None = None
    location: str | None = None


class Duplicate(Struct, frozen=True):
    """The order system has an order with this marker already."""

    status: int
    detail: str


class Rejected(Struct, frozen=True):
    """The call was refused and had no effect. With `too_large` a smaller call may succeed."""

    status: int
    code: str
    detail: str
    too_large: bool = False
    reasons: tuple[UpstreamReason, ...] = ()


class Unknown(Struct, frozen=True):
    """The call may or may not have taken effect, or may still do so."""

    detail: str


Outcome: TypeAlias = NotSent | NotExecuted | Accepted | Duplicate | Rejected | Unknown
Call: TypeAlias = Literal["create", "change", "cancel", "delete"]

# RFC 9110 and its registry define these as refusals. 408 and 425 are not among them, nor the private ones of proxies (499).
_REFUSALS: Final = frozenset(
    {400, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 417, 422, 423, 426, 428, 431, 451}
)


def classify(
    status: int,
    headers: Headers[str, str],
    document: object,
    mapping: Mapping,
    *,
    call: Call = "create",
    unreadable: bool = False,
) -> Outcome:
    """Return what the answer to a call means.

    `headers` has lower-case names. `document` is the decoded body, None when it is empty; `unreadable` says that there is
    a body and that it is not acceptable JSON. `call` says what was asked: a `create` must be answered with an id,
    unless the mapping says that it comes later.
    """
    if 200 <= status <= 299:  # noqa: PLR2004 - the class of success
        return _success(status, headers, document, mapping, call, unreadable=unreadable)
    error = vendor_error(document)
    if status in {404, 410} and call == "delete":
        return Accepted(status)  # it is gone, which is what was asked for
    refused = _not_executed(status, headers, error, mapping) or _refusal(status, error, mapping, call)
    if not isinstance(refused, Rejected):
        return refused
    reasons = reasons_of(document)
    return replace(refused, detail=detail_with_reasons(refused.detail, reasons), reasons=reasons)


def created_order_id(accepted: Accepted, mapping: Mapping) -> str | None:
    """Return the id of the order that a `create` made, from the body or from Location; None for other calls."""
    return order_id_of(accepted.document, accepted.location, mapping.api.resource)


def _success(
    status: int, headers: Headers[str, str], document: Any, mapping: Mapping, call: Call, *, unreadable: bool
) -> Outcome:
    if unreadable:
        return Unknown(f"{status} with a body that is not acceptable JSON")
    if looks_like_error(document):
        return Unknown(f"a {describe(status, vendor_error(document))}, although the status means success")
    if document is not None and not isinstance(document, dict):
        return Unknown(f"{status} with a body that is not a JSON object")
    accepted = Accepted(status, document, headers.get("location"))
    id_comes_later = mapping.api.created_id_from != "answer"
    if call == "create" and not id_comes_later and created_order_id(accepted, mapping) is None:
        return Unknown(f"{status} without a usable order id")
    return accepted


def _not_executed(status: int, headers: Headers[str, str], error: VendorError, mapping: Mapping) -> NotExecuted | None:
    answers = mapping.answers
    detail, wait_seconds = describe(status, error), retry_after_seconds(headers)
    refused = status in _REFUSALS
    if status == 401 or (refused and error.matches(answers.expired_codes)):  # noqa: PLR2004 - HTTP
        return NotExecuted(detail, wait_seconds, "unauthorised")
    if status == 429 or (status in {403, 503} and error.matches(answers.throttle_codes)):  # noqa: PLR2004 - HTTP
        return NotExecuted(detail, wait_seconds, "throttled")
    if status == 503 and answers.unavailable_not_executed:  # noqa: PLR2004 - HTTP
        return NotExecuted(detail, wait_seconds, "busy")
    return None


def _refusal(status: int, error: VendorError, mapping: Mapping, call: Call) -> Outcome:
    answers = mapping.answers
    detail = describe(status, error)
    if status == 413 or (status >= 400 and error.mentions(answers.too_large_codes)):  # noqa: PLR2004 - HTTP
        # A transaction that runs into a limit of the platform is rolled back as a whole, also when it says 500.
        return Rejected(status, error.code, detail, too_large=True)
    if status not in _REFUSALS:
        return Unknown(detail)
    if error.matches(answers.duplicate_codes) or (status == 409 and call == "create"):  # noqa: PLR2004 - HTTP
        return Duplicate(status, detail)
    return Rejected(status, error.code, detail)
