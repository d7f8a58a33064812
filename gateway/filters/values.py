r"""The values of a filter: quoted ones, and typed: numbers, moments, truth, and the patterns that `.regex` understands.

A regular expression comes from outside, so it is never given to an engine that backtracks. Understood is the part of the
language that is a search for literal text: `^` at the beginning, `$` at the end, `.*` for anything between, and a backslash
before a character that means itself. `^ab.*c$`, `abc` and `.*\.example` are patterns; anything else is refused.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from gateway.tmf.json import decimal_from_json

# The same grammar is spelled out for PostgreSQL in gateway/filters/sql.py: ASCII digits, seconds and zone optional.
MOMENT_GRAMMAR: Final = (
    "^([0-9]{4})-([0-9]{2})-([0-9]{2})"
    "([T ]([0-9]{2}):([0-9]{2})(:([0-9]{2})([.]([0-9]{1,9}))?)?(Z|([+-])([0-9]{2}):?([0-9]{2}))?)?$"
)
_MOMENT: Final = re.compile(MOMENT_GRAMMAR.removesuffix("$"), re.ASCII)
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_QUOTED: Final = re.compile(r'"(?:[^"]++|"")*+"')
_BEFORE_VALUES: Final = frozenset("=<>~,;")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - reckoned without zones, so that no moment is out of range
_MICROSECOND: Final = timedelta(microseconds=1)
_HOURS: Final = 23
_MINUTES: Final = 59
PATTERN_PARTS_MAX: Final = 8
PATTERN_CHARACTERS_MAX: Final = 256
_MEANINGFUL: Final = frozenset(".^$*+?{}[]|()")


class Pattern(NamedTuple):
    """Literal texts that follow one another with anything between; `starts` and `ends` tie the first and last to the edge."""

    parts: tuple[str, ...]
    starts: bool
    ends: bool


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Return the parts of a text between separators; those inside of a quoted value separate nothing.

    A quoted value begins with a double quote where a value can begin (after an operator or a separator) and ends with one
    that no other follows at once: two of them are one quote of the value.
    """
    if '"' not in text:
        return text.split(separator)
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == '"' and (position == 0 or text[position - 1] in _BEFORE_VALUES):
            quoted = _QUOTED.match(text, position)
            position = quoted.end() if quoted else position + 1
            continue
        if text[position] == separator:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def quoted(text: str) -> str:
    """Return a text as a quoted value."""
    return '"' + text.replace('"', '""') + '"'


def unquoted(text: str) -> str:
    """Return what a value means: that of a quoted one, any other as it is."""
    return text[1:-1].replace('""', '"') if _QUOTED.fullmatch(text) else text


def number_of(text: str) -> Decimal | None:
    """Return the exact value of a JSON number, None for any other text."""
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return decimal_from_json(text)
    except ValueError:
        return None


def moment_of(text: str) -> int | None:
    """Return the microseconds since 1970 (UTC) of a date or date-time, None for any other text.

    Seconds and zone may be missing; without a zone it is UTC, and a date is its first moment. What is below a microsecond
    is cut off.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    year, month, day, _, hour, minute, _, second, _, fraction, _, sign, zone_hours, zone_minutes = match.groups("0")
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))  # noqa: DTZ001 - as above
    except ValueError:
        return None
    if int(zone_hours) > _HOURS or int(zone_minutes) > _MINUTES:
        return None
    zone = (int(zone_hours) * 60 + int(zone_minutes)) * 60_000_000 * (-1 if sign == "-" else 1)
    return (moment - _EPOCH) // _MICROSECOND + int(f"{fraction:0<6}"[:6]) - zone


def asked_moment_of(text: str) -> int | None:
    """Return the moment that a query's value names; the plus of a zone arrives as a blank when it was not encoded."""
    found = moment_of(text)
    return moment_of(text.replace(" ", "+")) if found is None and "T" in text else found


def pattern_of(text: str) -> Pattern | None:
    """Return the pattern of a regular expression, None when it needs more than is understood."""
    starts, body = text.startswith("^"), text.removeprefix("^")
    parts, ends, position = [""], False, 0
    while position < len(body):
        character, following = body[position], body[position + 1 : position + 2]
        position += 1
        if character == "\\" and following and not following.isalnum():
            parts[-1] += following
            position += 1
        elif character == "." and following == "*":
            parts.append("")
            position += 1
        elif character == "$" and position == len(body):
            ends = True
        elif character in _MEANINGFUL or character == "\\":
            return None
        else:
            parts[-1] += character
    # Two `.*` in a row say no more than one.
    kept = [part for index, part in enumerate(parts) if part or index in {0, len(parts) - 1}]
    if len(kept) > PATTERN_PARTS_MAX or len(text) > PATTERN_CHARACTERS_MAX:
        return None
    return Pattern(tuple(kept), starts, ends)


def fits(pattern: Pattern, text: str) -> bool:
    """Return whether `text` fits the pattern; one pass over it."""
    parts, position = list(pattern.parts), 0
    if pattern.starts:
        first = parts.pop(0)
        if not text.startswith(first):
            return False
        if not parts and pattern.ends:
            return text == first
        position = len(first)
    last = parts.pop() if pattern.ends else None
    for part in parts:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return last is None or (len(text) - len(last) >= position and text.endswith(last))
