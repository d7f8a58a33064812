"""Moments as text: RFC 3339 in UTC, to the millisecond, whatever the zone and the year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.clock import timestamp_text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 21, 22, 53, 35, 123999, UTC), "2026-11-21T22:53:35.123Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 0, UTC), "2026-01-02T03:04:05.000Z"),
        (datetime(2026, 1, 1, 0, 30, 0, 7000, timezone(timedelta(hours=2))), "2025-12-31T22:30:00.007Z"),
        (datetime(33, 4, 3, 0, 0, 0, 999, UTC), "0033-04-03T00:00:00.000Z"),
    ],
)
def test_a_moment_is_told_in_utc_to_the_millisecond(moment: datetime, text: str) -> None:
    assert timestamp_text(moment) == text
