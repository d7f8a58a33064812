"""Notifications that are settled together: nothing is lost, and a transaction writes a bounded number of bytes."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.tracking.events import DueEvent
from gateway.tracking.settling import Settlement, written_together

AT = datetime(2026, 12, 1, tzinfo=UTC)
sizes = st.lists(st.lists(st.integers(min_value=0, max_value=300), max_size=8), max_size=6)


@given(sizes)
def test_groups_hold_everything_in_its_order_and_are_bounded(of_settlements: list[list[int]]) -> None:
    numbers = iter(range(1000))
    settlements = [
        Settlement(
            events=[
                DueEvent("t", "u", str(next(numbers)), "1", "received", 0, AT, raw_bytes=size) for size in of_settlement
            ],
            state="done",
            detail=str(index),
        )
        for index, of_settlement in enumerate(of_settlements)
    ]
    groups = written_together(settlements, 256)
    flat = [(event.dedup_key, each.detail) for group in groups for each in group for event in each.events]
    assert flat == [(event.dedup_key, each.detail) for each in settlements for event in each.events]
    for group in groups:
        events = [event for each in group for event in each.events]
        assert events
        assert sum(event.raw_bytes for event in events) <= 256 or sum(event.raw_bytes > 0 for event in events) == 1
    # Small ones stay together.
    assert len(groups) <= 1 + sum(map(sum, of_settlements)) // 100


def test_small_notifications_are_one_transaction() -> None:
    events = [DueEvent("t", "u", str(number), "1", "received", 0, AT, raw_bytes=100) for number in range(100)]
    assert written_together([Settlement(events=events, state="done", detail="x")], 262_144) == [
        [Settlement(events=events, state="done", detail="x")]
    ]
    assert written_together([], 10) == []
