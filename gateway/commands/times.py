"""Times as options of commands: a moment, or how long ago; and ages as tables show them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from gateway.clock import utc_now
from gateway.tmf.moments import parse_moment

_AGO: Final = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Moment(click.ParamType):  # type: ignore[type-arg]
    """A time of RFC 3339, with its zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time that was written; usage error where it cannot be read."""
        if isinstance(value, datetime):
            return value
        moment = parse_moment(value)
        if moment is None:
            self.fail(f"{value!r} is not a time with a zone, e.g. 2026-12-01T02:00:00Z", param, ctx)
        return moment


class Since(Moment):
    """A time of RFC 3339, or how long ago: 30m, 2h, 7d."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time that was written, or that lies so far back; usage error where it cannot be read."""
        if isinstance(value, str) and (ago := _AGO.fullmatch(value)) is not None:
            return utc_now() - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        if isinstance(value, str) and parse_moment(value) is None:
            self.fail(f"{value!r} is neither a time, e.g. 2026-12-01T02:00:00Z, nor an age, e.g. 2h or 7d", param, ctx)
        return super().convert(value, param, ctx)


def age(moment: str | None, now: datetime) -> str:
    """Return how long ago a date-time of an answer was, in its two largest units (`3d 4h`); empty without one."""
    parsed = parse_moment(moment) if moment else None
    if parsed is None:
        return ""
    seconds = max(0, int((now - parsed.astimezone(UTC)).total_seconds()))
    parts: list[tuple[int, str]] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or parts or unit == "s":
            parts.append((count, unit))
    return " ".join(f"{count}{unit}" for count, unit in parts[:2] if count or len(parts) == 1)
