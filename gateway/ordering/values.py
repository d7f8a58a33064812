"""Reading attributes of JSON documents whose types nobody has checked: the value, or a finding that says what is wrong.

JSON null reads as absent, as in a merge patch. No function here raises on any JSON value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings, json_type
from gateway.tmf.hrefs import last_segment
from gateway.tmf.json import encode_json
from gateway.tmf.moments import parse_moment

_OBJECT_OR_ARRAY: Final = "an array of objects"
_CONTAINERS: Final = frozenset({dict, list})
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def wrong_type(value: object, wanted: str, path: str, findings: Findings) -> None:
    """Refuse `value` at `path`: it is not `wanted` (`a string`, `an object`)."""
    findings.error("wrong_type", path, f"It is {json_type(value)}; it must be {wanted}.")


def says_nothing(value: object) -> bool:
    """Tell whether nothing is lost when `value` is not sent: null, an empty text, array or object."""
    return value is None or value in ("", [], {})


def without_nulls(value: object) -> Json:
    """Return JSON without the attributes that are null, at any depth: null says nothing, and TMF622 has no place for it.

    The `value` of a characteristic is any JSON, and stays as it is; so do the members of arrays, whose positions count.
    """
    if type(value) not in _CONTAINERS:
        return value
    try:
        if b"null" not in encode_json(value):
            return value
    except RecursionError:  # deeper than anything that can be ordered, which the translation tells
        return value
    copy: Any = type(value)()
    stack: list[tuple[Any, Any]] = [(value, copy)]
    while stack:
        source, target = stack.pop()
        is_object = type(source) is dict
        for key, inner in source.items() if is_object else enumerate(source):
            kept = inner
            if inner is None and is_object:
                continue
            if type(inner) in _CONTAINERS and key != "value":
                kept = type(inner)()
                stack.append((inner, kept))
            if is_object:
                target[key] = kept
            else:
                target.append(kept)
    return copy


def text(node: JsonObject, key: str, path: str, findings: Findings) -> str | None:
    """Return the string `node[key]`; None when it is absent, null or (with a finding) of another type."""
    value = node.get(key)
    if value is None or type(value) is str:
        return value
    wrong_type(value, "a string", f"{path}.{key}" if path else key, findings)
    return None


def objects(value: object, path: str, findings: Findings) -> list[tuple[JsonObject, str]]:
    """Return the objects of the array `value`, each with its path.

    A single object stands for an array of one (TMF663 R17 samples write `note` so); null for an empty one.
    """
    if value is None:
        return []
    if type(value) is dict:
        findings.info("converted", path, "A single object is read as an array of one.")
        return [(value, path)]
    if type(value) is not list:
        wrong_type(value, _OBJECT_OR_ARRAY, path, findings)
        return []
    found = []
    for position, member in enumerate(value):
        if type(member) is dict:
            found.append((member, f"{path}[{position}]"))
        else:
            wrong_type(member, "an object", f"{path}[{position}]", findings)
    return found


def integer(value: object, path: str, findings: Findings) -> int | None:
    """Return `value` as an integer; 3.0 is one (with a finding), 3.5, true and "3" are not."""
    if type(value) is int:
        return value
    if isinstance(value, Decimal | float) and _is_integral(value):
        findings.info("converted", path, "A number with an empty fraction is sent as an integer.")
        return int(value)
    if isinstance(value, Decimal | float):
        findings.error("bad_number", path, "It has a fraction; it must be an integer.")
    else:
        wrong_type(value, "an integer", path, findings)
    return None


def _is_integral(value: Decimal | float) -> bool:
    number = Decimal(value)
    return number.is_finite() and abs(number.adjusted()) <= 20 and number == number.to_integral_value()  # noqa: PLR2004 -- no count of this world has 20 digits


_NUMBERS: Final = frozenset({int, Decimal, float})


def is_number(value: object) -> bool:
    """Tell whether `value` is a JSON number (a boolean is not one)."""
    return type(value) in _NUMBERS


def date_time(
    value: object, path: str, findings: Findings, written: Callable[[str], str] = lambda moment: moment
) -> str | None:
    """Return `value` as an RFC 3339 date-time that `written` writes as the order system reads it.

    The forms of R17 with less in them (no seconds, no zone: UTC) are read, with a finding.
    """
    if type(value) is not str:
        wrong_type(value, "a date-time such as 2026-12-01T00:00:00Z", path, findings)
        return None
    moment = parse_moment(value)
    if moment is None:
        findings.error("bad_date", path, "It cannot be read; write a date-time such as 2026-12-01T00:00:00Z.")
        return None
    standard = value
    if not _RFC3339.fullmatch(value):
        standard = rfc3339(moment)
        has_zone = value[-1] in "Zz" or "+" in value or value.count("-") > 2  # noqa: PLR2004 -- a date has two hyphens
        what = "is written in the form of RFC 3339" if has_zone else "names no time zone; it is read as UTC"
        findings.info("converted", path, f"The date-time {what}.")
    sent = written(standard)
    if sent != standard:
        findings.info("converted", path, "The date-time is sent in the order system's own form.")
    return sent


def rfc3339(moment: datetime) -> str:
    """Return `moment` as an RFC 3339 date-time, UTC written as `Z`."""
    written = moment.isoformat()
    return written.removesuffix("+00:00") + "Z" if written.endswith("+00:00") else written


def reference(node: JsonObject, path: str, findings: Findings) -> JsonObject | None:
    """Return the reference `node` with an id: its own, or the last segment of its href (R17 allows an href alone).

    None with an error when it has neither, or one of another type.
    """
    identifier = node.get("id")
    if type(identifier) is str and identifier:
        return node
    if identifier is not None and type(identifier) is not str:
        wrong_type(identifier, "a string", f"{path}.id", findings)
        return None
    href = text(node, "href", path, findings)
    derived = last_segment(href)
    if not derived:
        findings.error("missing_identifier", path, "It has neither an id nor an href; give one of them.")
        return None
    findings.info("defaulted", f"{path}.id", "The id is taken from the last segment of the href.")
    return {"id": derived} | {key: value for key, value in node.items() if key != "id"}


def as_text(value: object) -> str:
    """Return a JSON value as order systems that keep strings write it: true, 19.90, text as it is, objects as JSON."""
    if type(value) is str:
        return value
    return encode_json(value).decode()


def clean_notes(
    value: object, path: str, findings: Findings, written: Callable[[str], str] = lambda moment: moment
) -> list[JsonObject]:
    """Return the notes at `path` that have a text, with dates as `written` writes those of RFC 3339."""
    kept = []
    for member, member_path in objects(value, path, findings):
        content = member.get("text")
        if content is None or content == "":
            findings.warning("dropped", member_path, "A note without a text says nothing; it is not sent.")
            continue
        if type(content) is not str:
            wrong_type(content, "a string", f"{member_path}.text", findings)
            continue
        note = member
        if member.get("date") is not None:
            date = date_time(member["date"], f"{member_path}.date", findings, written)
            if date is not None and date != member["date"]:
                note = {**member, "date": date}
        kept.append(note)
    return kept
