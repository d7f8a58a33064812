"""Date-times as TM Forum clients write them: the forms of RFC 3339, and those with less in them that R17's samples have.

`2026-12-01T08:30:00Z` is one; the seconds may be missing, and so may the zone (UTC then), or the whole time (midnight UTC). Weeks
(`2026-W49`), days of the year and dates without hyphens are not: what they mean is agreed between too few.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_FORM: Final = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)


def parse_moment(value: str) -> datetime | None:
    """Return the moment of a text, with the zone that it names (UTC when it names none); None when it is not one.

    Args:
        value: any text; RFC 3339, lenient: seconds, their fraction and the zone may be missing.

    Raises:
        Nothing.

    Source: RFC 3339; decision 5 for what is let pass.
    """
    if not _FORM.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper())
        moment.astimezone(UTC)  # a moment at the very edge of the calendar cannot be told in UTC
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_date_time(value: str) -> datetime | None:
    """Return the moment of a text in UTC, to the microsecond; None when it is not one.

    Args:
        value: any text; as lenient as `parse_moment`.

    Raises:
        Nothing.

    Source: RFC 3339; decision 5 for what is let pass.
    """
    moment = parse_moment(value)
    return moment if moment is None else moment.astimezone(UTC)
