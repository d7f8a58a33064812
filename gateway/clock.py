"""Time: one place that asks the machine, so that everything else can be told."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time of this machine, aware, in UTC."""
    return datetime.now(UTC)


def timestamp_text(moment: datetime) -> str:
    """Return `moment` as RFC 3339 in UTC with milliseconds, as in `2026-11-21T22:53:35.123Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
