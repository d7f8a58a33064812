"""Date-times in the form that an order system reads: in UTC or with the cart's own offset, with so many digits of seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from gateway.ordering.mapping.slots import DateForm

_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_UTC: Final = frozenset({"Z", "+00:00", "-00:00"})
_WRITTEN: Final = {"z": "Z", "extended": "+00:00", "basic": "+0000"}


def date_writer(form: DateForm) -> Callable[[str], str]:
    """Return what writes an RFC 3339 date-time in the order system's form; other texts stay as they are."""

    def written(value: str) -> str:
        found = _RFC3339.fullmatch(value)
        if found is None:
            return value
        moment, fraction, offset = found[1], found[2] or "", found[3]
        if form.zone == "utc" and offset not in _UTC:
            try:
                shifted = datetime.fromisoformat(f"{moment}{offset}").astimezone(UTC)
            except OverflowError:  # at the very edge of the calendar
                return value
            moment, offset = shifted.replace(tzinfo=None).isoformat(), "Z"
        if form.day_only:
            return moment.partition("T")[0]
        if form.second_digits >= 0:
            fraction = fraction[: form.second_digits].ljust(form.second_digits, "0")
        if offset in _UTC:
            offset = _WRITTEN[form.utc_offset]
        elif form.utc_offset == "basic":
            offset = offset.replace(":", "")
        return f"{moment}{'.' if fraction else ''}{fraction}{offset}"

    return written
