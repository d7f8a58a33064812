"""HTTP answers, and the two error envelopes: the TM Forum object and the platform array."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)

JSON = "application/json;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and further headers."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON


class RefusedError(Exception):
    """A call is refused; nothing that it asked for has happened."""

    def __init__(self, status: int, document: Any, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status, document)
        self.answer = json_answer(status, document, headers)


def encode(document: Any) -> bytes:
    """Encode JSON; decimals keep the digits that were sent."""
    return _ENCODER.encode(document)


def decode(body: bytes) -> Any:
    """Decode JSON with fractions as Decimal; msgspec.DecodeError when it is not JSON, RecursionError when too deep."""
    return _DECODER.decode(body)


def json_answer(status: int, document: Any, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Answer with a JSON document."""
    return Answer(status, encode(document), headers)


def tmf_error(
    status: int,
    code: str,
    reason: str,
    message: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> RefusedError:
    """Refuse with the TM Forum error object (the TMF layer's own 400, 404, 409)."""
    document = {"@type": "Error", "code": code, "reason": reason, "message": message, "status": str(status)}
    return RefusedError(status, document, headers)


def invalid(path: str, message: str) -> RefusedError:
    """Refuse an attribute of the body with 400; the message names its path."""
    return tmf_error(400, "24", "Invalid body field", f"{path}: {message}")


def missing(path: str, message: str) -> RefusedError:
    """Refuse a body that lacks an attribute with 400; the message names its path."""
    return tmf_error(400, "23", "Missing body field", f"{path}: {message}")


def not_found(what: str) -> RefusedError:
    """Refuse with 404."""
    return tmf_error(404, "60", "Resource not found", what)


def platform_error(
    status: int,
    error_code: str,
    message: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> RefusedError:
    """Refuse with the platform's array of errors (401, 403, 405, 415, 500 of Salesforce)."""
    return RefusedError(status, [{"message": message, "errorCode": error_code}], headers)


def governor_limit(what: str) -> RefusedError:
    """Refuse like an Apex transaction that ran out of its limits: it cannot be caught, so the platform answers."""
    return platform_error(500, "APEX_ERROR", f"System.LimitException: Apex CPU time limit exceeded ({what})")
