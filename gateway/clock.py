"""Time: one place that asks the machine, so that everything else can be told."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time of this machine, aware, in UTC, to the microsecond.

    Pure functions take the time as an argument; leases and waits take that of the database.

    Raises:
        Nothing.

    Source: the machine's clock; decision 1 says where the database's counts instead.
    """
    return datetime.now(UTC)


def timestamp_text(moment: datetime) -> str:
    """Return a moment as RFC 3339 text in UTC with milliseconds, as in `2026-11-21T22:53:35.123Z`.

    Args:
        moment: aware, in any zone; what is less than a millisecond is cut off.

    Raises:
        Nothing for an aware moment.

    Source: RFC 3339; TMF630 part 1 (dates are RFC 3339).
    """
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # `isoformat`, which asks the zone for its offset, takes half as long again: a trace tells some ten moments.
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (  # noqa: UP031 - format specifiers take nearly twice the time
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
        moment.microsecond // 1000,
    )
