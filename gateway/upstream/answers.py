"""What an order system's answer says beside its status: its error envelope, Retry-After, ids. Pure, and suspicious.

Everything here comes from outside: texts are cut and lose their control characters, ids are checked before they may become
part of a URL, numbers are clamped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

MESSAGE_CHARACTERS_MAX: Final = 2_000
CODE_CHARACTERS_MAX: Final = 80
ID_CHARACTERS_MAX: Final = 255
RETRY_AFTER_SECONDS_MIN: Final = 1.0
RETRY_AFTER_SECONDS_MAX: Final = 900.0

_SCANNED_CHARACTERS_MAX: Final = 4_000
_ENTRIES_MAX: Final = 20
_CODE_NAMES: Final = ("errorCode", "code", "error")
_MESSAGE_NAMES: Final = ("reason", "message", "error_description", "title", "detail")
_SEPARATORS: Final = re.compile(r"[/?#\\%\s]")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


class VendorError(Struct, frozen=True):
    """The error an answer carries: every code in it, and its text (not yet cut, for matching)."""

    codes: tuple[str, ...] = ()
    message: str = ""

    @property
    def code(self) -> str:
        """Return the first code, cleaned and cut; empty when there is none."""
        return clean(self.codes[0], CODE_CHARACTERS_MAX) if self.codes else ""

    def matches(self, codes: tuple[str, ...]) -> bool:
        """Tell whether one of `codes` is a code of this error."""
        return any(code in self.codes for code in codes)

    def mentions(self, codes: tuple[str, ...]) -> bool:
        """Tell whether one of `codes` is a code of this error or a part of its message."""
        return any(code in self.codes or code in self.message for code in codes if code)


def vendor_error(document: object) -> VendorError:
    """Return the error in `document`: a TM Forum Error object, a platform array of errors, OAuth's or RFC 9457's object.

    A document that is not one of them gives an empty error.
    """
    codes: list[str] = []
    texts: list[str] = []
    for entry in _entries(document):
        codes.extend(
            str(entry[name])
            for name in _CODE_NAMES
            if isinstance(entry.get(name), str | int) and entry[name] != "" and not _is_sentence(entry[name])
        )
        texts.extend(entry[name] for name in _MESSAGE_NAMES if isinstance(entry.get(name), str) and entry[name])
        if _is_sentence(entry.get("error")):
            texts.append(entry["error"])
    return VendorError(codes=tuple(codes), message=": ".join(dict.fromkeys(texts))[:_SCANNED_CHARACTERS_MAX])


def _is_sentence(value: Any) -> bool:
    """Tell whether an `error` is not a code but what a person reads, as in `{"errorCode": ..., "error": "... Error ID: ..."}`."""
    return isinstance(value, str) and " " in value.strip()


def _entries(document: Any) -> Iterator[dict[str, Any]]:
    candidates = document if isinstance(document, list) else [document]
    for candidate in candidates[:_ENTRIES_MAX]:
        if not isinstance(candidate, dict):
            continue
        yield candidate
        nested = candidate.get("errors", candidate.get("error"))
        inner = nested if isinstance(nested, list) else [nested]
        yield from (entry for entry in inner[:_ENTRIES_MAX] if isinstance(entry, dict))


def looks_like_error(document: object) -> bool:
    """Tell whether `document`, the body of a 2xx answer, is an error envelope in disguise."""
    if isinstance(document, list):
        return True
    return isinstance(document, dict) and "id" not in document and bool(vendor_error(document).codes)


def clean(text: str, characters_max: int = MESSAGE_CHARACTERS_MAX) -> str:
    """Return `text` on one line, without what does not print (control, format, unassigned), cut between words if it is too long."""
    kept = "".join(character if character.isprintable() else " " for character in text[:_SCANNED_CHARACTERS_MAX])
    line = " ".join(kept.split())
    if len(line) <= characters_max:
        return line
    cut = line[: characters_max - 1]
    at = cut.rfind(" ")
    return f"{cut[:at] if at > characters_max // 2 else cut}…"


def describe(status: int, error: VendorError) -> str:
    """Return status, vendor code and what the vendor says, all reasons of it, as one line for people; cut between words."""
    head = f"{status} {error.code}".rstrip()
    message = clean(error.message)
    return f"{head}: {message}" if message else head


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long the answer asks to wait, clamped to 1 .. 900 s; None when it does not say so understandably.

    `headers` has lower-case names. A date is read against the answer's own Date header, so that no clock is needed and a
    skewed one on either side does not matter.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return clamp_seconds(float(text))
    until, sent = http_date(text), http_date(headers.get("date", ""))
    return clamp_seconds((until - sent).total_seconds()) if until and sent else None


def clamp_seconds(seconds: float) -> float:
    """Return `seconds` within 1 .. 900."""
    return min(max(seconds, RETRY_AFTER_SECONDS_MIN), RETRY_AFTER_SECONDS_MAX)


def http_date(text: str) -> datetime | None:
    """Return the moment of an HTTP date; None for other texts."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_safe_id(value: object) -> bool:
    """Tell whether `value` may become one segment of a path: printable, no separators, no dot segments, 1 .. 255 long."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= ID_CHARACTERS_MAX
        and value.isprintable()
        and not _SEPARATORS.search(value)
        and value != "."
        and ".." not in value
    )


def order_id_of(document: object, location: str | None, resource: str) -> str | None:
    """Return the id of the order that an answer to a POST describes, None when there is no usable one.

    The body's `id` goes first. Without a body the last segment of Location counts, if it stands below `resource`: some
    systems point Location or href at an internal record, whose id is not an order id.
    """
    if isinstance(document, dict):
        value = document.get("id")
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        return text if is_safe_id(text) else None
    if document is not None or not location:
        return None
    try:
        segments = urlsplit(location).path.rstrip("/").split("/")
    except ValueError:
        return None
    candidate = unquote(segments[-1])
    below_resource = len(segments) > 1 and segments[-2].lower() == resource.lower()
    return candidate if below_resource and is_safe_id(candidate) else None
