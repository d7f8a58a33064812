"""Which texts are date-times: what a client's message says is read, and nothing that only a lenient parser understands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.tmf.moments import parse_date_time, parse_moment

MOMENT = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-12-01T00:00:00Z", "2026-12-01t00:00:00z", "2026-12-01T01:00:00+01:00", "2026-12-01T01:00:00+0100",
        "2026-12-01T01:00:00+01", "2026-12-01T00:00:00.000Z", "2026-12-01T00:00", "2026-12-01 00:00", "2026-12-01",
    ],
)  # fmt: skip
def test_forms_that_are_read(value):
    assert parse_date_time(value) == MOMENT
    assert parse_moment(value) == MOMENT


@pytest.mark.parametrize(
    "value",
    [
        "2026-W49", "2026-W49-2", "2026W491", "20261201", "20261201T000000Z", "2026-335", "2026-12", "2026", "", "soon",
        "2026-13-01", "2026-12-32T00:00:00Z", "2026-12-01T25:00:00Z", "2026-12-01T00:00:00Z ", "2026-12-01_00:00",
        "0001-01-01T00:00:00+10:00", "\uff19999-01-01",
    ],
)  # fmt: skip
def test_forms_that_are_refused(value):
    assert parse_date_time(value) is None
    assert parse_moment(value) is None
